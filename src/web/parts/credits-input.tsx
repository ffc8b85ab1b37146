import { NumberInput, type NumberInputProps } from '@mantine/core'
import type { ReactElement } from 'react'

/** The content of the field: a whole number of credits, or '' if it is empty. */
export type CreditsValue = number | ''

const MOST_CREDITS = 1_000_000_000

interface CreditsInputProps extends Omit<NumberInputProps, 'value' | 'onChange' | 'min' | 'max'> {
  readonly value: CreditsValue
  readonly onChange: (value: CreditsValue) => void
}

export function CreditsInput({ value, onChange, ...props }: CreditsInputProps): ReactElement {
  return (
    <NumberInput
      thousandSeparator=","
      allowDecimal={false}
      allowNegative={false}
      hideControls
      inputMode="numeric"
      rightSection={<span className="tg-unit">credits</span>}
      rightSectionWidth={70}
      rightSectionPointerEvents="none"
      value={value}
      onChange={(next) => onChange(next === '' ? '' : Number(next))}
      {...props}
    />
  )
}

/** The error of a required amount, which must be at least `least`. */
export function creditsError(value: CreditsValue, least: 0 | 1): string | undefined {
  if (value === '') return 'Enter a number of credits.'
  if (value < least) return `Must be ${least} or more.`
  return value > MOST_CREDITS ? 'Must be 1,000,000,000 at most.' : undefined
}

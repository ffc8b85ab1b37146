import { TextInput } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { IconSearch } from '@tabler/icons-react'
import { useState, type ReactElement } from 'react'

const PAUSE_MS = 250

/** The text in the field, and the text to search for, which follows when the user stops typing. */
export function useSearchText(): {
  readonly text: string
  readonly q: string
  readonly setText: (text: string) => void
} {
  const [text, setText] = useState('')
  const [q] = useDebouncedValue(text.trim(), PAUSE_MS)
  return { text, q, setText }
}

interface SearchFieldProps {
  /** Such as “Search users”. */
  readonly label: string
  readonly text: string
  readonly onChange: (text: string) => void
}

export function SearchField({ label, text, onChange }: SearchFieldProps): ReactElement {
  return (
    <TextInput
      type="search"
      aria-label={label}
      placeholder="Name, id or address"
      className="tg-search"
      leftSection={<IconSearch size={16} stroke={1.6} />}
      value={text}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}

import { MultiSelect, Select, Text, type ComboboxItem } from '@mantine/core'
import { useDebouncedValue } from '@mantine/hooks'
import { useState, type ReactElement, type ReactNode } from 'react'
import { nameOf, useMemberSearch } from '../api/members.ts'
import type { Member } from '../api/types.ts'

const PAUSE_MS = 200

interface PickerProps {
  readonly label: string
  readonly description?: ReactNode
  readonly placeholder?: string
  readonly error?: ReactNode
  readonly role?: 'admin'
  readonly isRequired?: boolean
  readonly autoFocus?: boolean
}

interface Search {
  readonly text: string
  readonly setText: (text: string) => void
  readonly found: ReadonlyMap<string, Member>
  readonly nothing: string
}

function useSearch(role: 'admin' | undefined): Search {
  const [text, setText] = useState('')
  const [wanted] = useDebouncedValue(text.trim(), PAUSE_MS)
  const members = useMemberSearch(wanted, role)
  const found = new Map((members.data?.items ?? []).map((member) => [member.user, member]))
  return { text, setText, found, nothing: members.isPending ? 'Searching …' : 'No user found' }
}

const label = ({ name, user }: Member): string => (name === null ? user : `${name} (${user})`)

/** The members found, after those that are already chosen, so that the field can still show them. */
function optionsOf(found: ReadonlyMap<string, Member>, chosen: readonly string[]): ComboboxItem[] {
  const missing = chosen.filter((user) => !found.has(user)).map((user) => ({ value: user, label: user }))
  return [
    ...missing,
    ...Array.from(found.values(), (member) => ({ value: member.user, label: label(member) })),
  ]
}

/** The server has already searched, so all results are shown. */
const asFound = ({ options }: { options: ComboboxItem[] }): ComboboxItem[] => options

function Option({ member, value }: { member: Member | undefined; value: string }): ReactElement {
  return (
    <span>
      <Text truncate>{member === undefined ? value : nameOf(member)}</Text>
      <Text size="xs" c="dimmed" truncate>
        {member?.name == null
          ? (member?.email ?? '')
          : [member.user, member.email].filter(Boolean).join(' · ')}
      </Text>
    </span>
  )
}

type UserPickerProps = PickerProps & {
  readonly value: string | null
  readonly onChange: (user: string | null) => void
}

export function UserPicker({
  role,
  value,
  onChange,
  isRequired,
  autoFocus,
  ...field
}: UserPickerProps): ReactElement {
  const search = useSearch(role)
  return (
    <Select
      {...field}
      withAsterisk={isRequired ?? false}
      data-autofocus={autoFocus}
      searchable
      openOnFocus={false}
      data={optionsOf(search.found, value === null ? [] : [value])}
      filter={asFound as never}
      value={value}
      onChange={onChange}
      searchValue={search.text}
      onSearchChange={search.setText}
      nothingFoundMessage={search.nothing}
      renderOption={({ option }) => <Option member={search.found.get(option.value)} value={option.value} />}
    />
  )
}

type UsersPickerProps = PickerProps & {
  readonly value: readonly string[]
  readonly onChange: (users: string[]) => void
}

export function UsersPicker({
  role,
  value,
  onChange,
  isRequired,
  autoFocus,
  ...field
}: UsersPickerProps): ReactElement {
  const search = useSearch(role)
  return (
    <MultiSelect
      {...field}
      withAsterisk={isRequired ?? false}
      data-autofocus={autoFocus}
      searchable
      openOnFocus={false}
      hidePickedOptions
      data={optionsOf(search.found, value)}
      filter={asFound as never}
      value={[...value]}
      onChange={onChange}
      searchValue={search.text}
      onSearchChange={search.setText}
      nothingFoundMessage={search.nothing}
      renderOption={({ option }) => <Option member={search.found.get(option.value)} value={option.value} />}
    />
  )
}

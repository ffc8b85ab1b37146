import { Text } from '@mantine/core'
import type { ReactElement } from 'react'

/** A user by name, and by id below it. The name comes with the list that the user stands in: a row asks for nothing. */
export function UserName({ user, name }: { user: string; name: string | null }): ReactElement {
  return (
    <>
      <Text fw={500}>{name ?? user}</Text>
      {name !== null && (
        <Text size="xs" c="dimmed">
          {user}
        </Text>
      )}
    </>
  )
}

import { Text } from '@mantine/core'
import type { ReactElement } from 'react'

/**
 * A user's name, with the id below it. The list that contains the user includes the name, so a row makes no request.
 */
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

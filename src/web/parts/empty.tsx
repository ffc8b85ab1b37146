import { Text } from '@mantine/core'
import type { ReactElement, ReactNode } from 'react'

/** Shown for an empty list: what that means, and what to do next. */
export function Empty({ title, children }: { title: string; children?: ReactNode }): ReactElement {
  return (
    <div className="tg-empty">
      <Text fw={500}>{title}</Text>
      {children !== undefined && (
        <Text c="dimmed" component="div">
          {children}
        </Text>
      )}
    </div>
  )
}

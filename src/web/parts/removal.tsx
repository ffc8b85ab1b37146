import { notifications } from '@mantine/notifications'
import { useMutation } from '@tanstack/react-query'
import type { ReactElement, ReactNode } from 'react'
import { Problem, send } from '../api/http.ts'
import { queryClient } from '../api/query-client.ts'
import { Confirm } from './confirm.tsx'
import { useLast } from './use-last.ts'

interface RemovalProps<T> {
  /** The entity to remove; null while the dialog is closed. */
  readonly target: T | null
  readonly title: string
  /** What the button does, such as “Delete alert”. */
  readonly action: string
  readonly pathOf: (target: T) => string
  /** The message after the removal. */
  readonly done: string
  /** The lists that contained it. */
  readonly lists: readonly string[]
  readonly onClose: () => void
  /** Called after the row with the button is gone, so that another element can get the focus. */
  readonly onRemoved: () => void
  readonly children: (target: T) => ReactNode
}

/** Asks for confirmation, then removes. If someone else has removed it already, that counts as success. */
export function Removal<T>(props: RemovalProps<T>): ReactElement {
  const { target, title, action, pathOf, done, lists, onClose, onRemoved, children } = props
  // While the dialog fades out, it still shows its target.
  const shown = useLast(target)
  const remove = useMutation({
    mutationFn: async (what: T) => {
      try {
        await send('DELETE', pathOf(what))
      } catch (error) {
        if (!(error instanceof Problem && error.status === 404)) throw error
      }
    },
    onSuccess: async () => {
      await Promise.all(lists.map((list) => queryClient.invalidateQueries({ queryKey: [list] })))
      notifications.show({ message: done })
      onClose()
      onRemoved()
    },
  })
  function close(): void {
    remove.reset()
    onClose()
  }
  return (
    <Confirm
      isOpen={target !== null}
      title={title}
      action={action}
      isBusy={remove.isPending}
      error={remove.error}
      onClose={close}
      onConfirm={() => {
        if (target !== null) remove.mutate(target)
      }}
    >
      {shown !== null && children(shown)}
    </Confirm>
  )
}

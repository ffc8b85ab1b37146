import { Button } from '@mantine/core'
import { notifications as toasts } from '@mantine/notifications'
import { useMutation } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { send } from '../api/http.ts'
import { queryClient } from '../api/query-client.ts'
import type { Delivery } from '../api/types.ts'
import { useOrg } from '../shell/org-context.tsx'
import { summaryId } from './words.ts'

interface SendAgainProps {
  readonly notice: string
  /** Only this delivery; if absent, all deliveries that did not arrive. */
  readonly delivery?: Delivery
  readonly label: string
  /** Completes the button's label for screen readers. */
  readonly about: string
}

export function SendAgain({ notice, delivery, label, about }: SendAgainProps): ReactElement {
  const { path } = useOrg()
  const query = delivery && { channel: delivery.channel, recipient: delivery.recipient ?? undefined }
  const again = useMutation({
    mutationFn: () => send('POST', `${path}/notifications/${notice}/redeliver`, query && { query }),
    onSuccess: () => {
      toasts.show({ message: 'In line to be sent again.' })
      void queryClient.invalidateQueries({ queryKey: ['notifications'] })
      document.getElementById(summaryId(notice))?.focus()
    },
    onError: (error) => toasts.show({ message: error.message, color: 'red' }),
  })
  return (
    <Button
      variant="default"
      size="xs"
      loading={again.isPending}
      aria-label={`${label}: ${about}`}
      onClick={() => again.mutate()}
    >
      {label}
    </Button>
  )
}

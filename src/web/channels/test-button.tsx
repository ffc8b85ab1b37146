import { Button, Text } from '@mantine/core'
import { useMutation } from '@tanstack/react-query'
import type { ReactElement } from 'react'
import { send } from '../api/http.ts'
import type { Channel, ChannelTest } from '../api/types.ts'
import { Status } from '../parts/status.tsx'
import { useOrg } from '../shell/org-context.tsx'

/** Sends a test message, and shows the result next to the button. */
export function TestButton({ channel, name }: { channel: Channel; name: string }): ReactElement {
  const { path } = useOrg()
  const test = useMutation({
    mutationFn: async () => (await send<ChannelTest>('POST', `${path}/channels/${channel.id}/test`)).value,
  })
  const error = test.error?.message ?? test.data?.error ?? null
  return (
    <div className="tg-test">
      <Button
        variant="default"
        size="xs"
        loading={test.isPending}
        aria-label={`Send a test to ${name}`}
        onClick={() => test.mutate()}
      >
        Send a test
      </Button>
      <div role="status">
        {test.data?.status === 'sent' && <Status tone="good">Arrived</Status>}
        {error !== null && (
          <Text size="xs" c="var(--mantine-color-error)" className="tg-break">
            {error}
          </Text>
        )}
      </div>
    </div>
  )
}

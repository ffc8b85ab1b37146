/** The texts of notifications. */
import type { Delivery, DeliveryState, Notification } from '../api/types.ts'
import { count, credits } from '../format.ts'
import type { Tone } from '../parts/status.tsx'

const CHANNELS: Readonly<Record<Delivery['channel'], string>> = {
  email: 'Email',
  webhook: 'Webhook',
  slack: 'Slack',
}

/** In the order in which they are shown. */
export const STATES: Readonly<
  Record<DeliveryState, { readonly label: string; readonly counted: string; readonly tone: Tone }>
> = {
  sent: { label: 'Sent', counted: 'sent', tone: 'good' },
  queued: { label: 'In line', counted: 'in line', tone: 'quiet' },
  failed: { label: 'Failed, tried again', counted: 'failed, tried again', tone: 'warn' },
  parked: { label: 'Given up', counted: 'given up', tone: 'bad' },
  no_recipients: { label: 'No recipient', counted: 'without a recipient', tone: 'bad' },
}
const ALL = Object.keys(STATES) as DeliveryState[]

/** The id of the button that expands a notification. It gets the focus when the focused button is removed. */
export const summaryId = (notice: string): string => `summary-${notice}`

/** The states that deliveries of a notification are in. */
export const statesOf = ({ counts }: Notification): DeliveryState[] =>
  ALL.filter((state) => counts[state] > 0)

export interface Part {
  readonly tone: Tone
  readonly text: string
}

/** Such as “1,240 sent”, “3 given up”; empty before the recipients are decided. */
export function summary(notice: Notification): Part[] {
  return statesOf(notice).map((state) => {
    const { label, counted, tone } = STATES[state]
    const isNobody = state === 'no_recipients' && total(notice) === 1
    return { tone, text: isNobody ? label : `${count(notice.counts[state])} ${counted}` }
  })
}

export const total = ({ counts }: Notification): number => ALL.reduce((sum, state) => sum + counts[state], 0)

export function happened({ type, user, name, mark, thresholdType, threshold }: Notification): string {
  const who = name ?? user ?? 'A user'
  switch (type) {
    case 'org.alert.crossed':
      return thresholdType === 'percentage'
        ? `The organization reached ${threshold}% of its allowance (${credits(mark)} credits)`
        : `The organization reached ${credits(mark)} credits`
    case 'user.alert.crossed':
      return `${who} reached ${credits(mark)} credits`
    case 'user.limit.reached':
      return `${who} reached the limit of ${credits(mark)} credits`
  }
}

/** How many deliveries can be sent again; those that were sent are not repeated. */
export const unreached = ({ counts }: Notification): number =>
  counts.failed + counts.parked + counts.no_recipients

export const canSendAgain = ({ state }: Delivery): boolean => state === 'failed' || state === 'parked'

/** Such as “Email to Grace Hopper (grace)”. `channels`: names of channels by their ids. */
export function toWhom(
  { channel, recipient, name }: Delivery,
  channels: ReadonlyMap<string, string>,
): string {
  if (recipient === null) return CHANNELS[channel]
  const who = name === null ? (channels.get(recipient) ?? recipient) : `${name} (${recipient})`
  return `${CHANNELS[channel]} to ${who}`
}

/** Why the delivery failed, and how many attempts there were; null if there is nothing to report. */
export function trouble({ error, attempts }: Delivery): string | null {
  if (error === null) return null
  return attempts > 1 ? `${error} (${count(attempts)} attempts)` : error
}

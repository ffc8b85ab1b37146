/** Notifications in words. */
import type { Delivery, Notification } from '../api/types.ts'
import { credits } from '../format.ts'
import type { Tone } from '../parts/status.tsx'

export const CHANNELS: Readonly<Record<Delivery['channel'], string>> = {
  email: 'Email',
  webhook: 'Webhook',
  slack: 'Slack',
}

export const STATES: Readonly<Record<Delivery['state'], { readonly label: string; readonly tone: Tone }>> = {
  queued: { label: 'In line', tone: 'quiet' },
  sent: { label: 'Sent', tone: 'good' },
  failed: { label: 'Failed, tried again', tone: 'warn' },
  parked: { label: 'Given up', tone: 'bad' },
  no_recipients: { label: 'Nobody to tell', tone: 'bad' },
}

export function happened({ type, user, mark, thresholdType, threshold }: Notification): string {
  switch (type) {
    case 'org.alert.crossed':
      return thresholdType === 'percentage'
        ? `The organization reached ${threshold}% of its allowance (${credits(mark)} credits)`
        : `The organization reached ${credits(mark)} credits`
    case 'user.alert.crossed':
      return `${user ?? 'A user'} reached ${credits(mark)} credits`
    case 'user.limit.reached':
      return `${user ?? 'A user'} reached the limit of ${credits(mark)} credits`
  }
}

/** What was sent is not repeated: there must be something that was not. */
export function canSendAgain({ deliveries }: Notification): boolean {
  return deliveries.some(({ state }) => state === 'failed' || state === 'parked' || state === 'no_recipients')
}

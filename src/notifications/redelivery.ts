/** An entry of an outbox that is no crossing: an admin wants a notice sent again (N2). */
import type { OutboxEntry } from '../outbox/outbox.ts'

export interface Redeliver {
  readonly notice: string
  readonly round: number
}

/** Null where the entry is something else. */
export function redeliveryOf({ fields }: OutboxEntry): Redeliver | null {
  const { type, notice = '', round = '' } = fields
  return type === 'redelivery' && notice !== '' && /^\d{1,15}$/.test(round)
    ? { notice, round: Number(round) }
    : null
}

import type { DeliveryChannel, DeliveryState } from '../outbox/notice-log.ts'

/** What the pipeline of notices counts; metrics.ts gives it names. */
export interface NoticeMetrics {
  /** A delivery came to this state. */
  notification(channel: DeliveryChannel, state: DeliveryState): void
}

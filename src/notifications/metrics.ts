/** Metrics of notifications, from the outbox to the last delivery. */
import type { Instruments } from '../metrics/instruments.ts'
import { DELIVERY_STATES, type DeliveryChannel, type DeliveryState } from '../outbox/notice-log.ts'
import type { QueueJobs } from './queue.ts'

const CHANNELS: readonly DeliveryChannel[] = ['email', 'webhook', 'slack']

export interface NotificationMetrics {
  /** A delivery reached this state. */
  notification(channel: DeliveryChannel, state: DeliveryState): void
}

export function createNotificationMetrics(instruments: Instruments): NotificationMetrics {
  const seriesOf = instruments.counters({
    name: 'tollgate_notifications_total',
    help: 'Deliveries of notices by the state that they came to.',
    labels: ['channel', 'state'],
  })
  for (const channel of CHANNELS) for (const state of DELIVERY_STATES) seriesOf({ channel, state })
  return {
    notification: (channel, state) => void (seriesOf({ channel, state }).count += 1),
  }
}

/** Gauges, read at each scrape. */
export interface Depths {
  lagSeconds(): number
  queueJobs(): readonly QueueJobs[]
}

/** `notices` returns the current notifications: a reload may replace them. */
export function showNotices(instruments: Instruments, notices: () => Depths): void {
  instruments.gauge({
    name: 'tollgate_outbox_lag_seconds',
    help: 'Age of the oldest crossing that no queue has.',
    read: () => notices().lagSeconds(),
    aggregator: 'max',
  })
  instruments.gauges({
    name: 'tollgate_queue_jobs',
    help: 'Jobs in the queues of notifications.',
    labels: ['queue', 'state'],
    // Every process counts the same queues, so the largest count is shown; none if no process has one.
    read: () =>
      notices()
        .queueJobs()
        .map(({ queue, state, jobs }) => ({ labels: { queue, state }, value: jobs })),
    aggregator: 'max',
  })
}

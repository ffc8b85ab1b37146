/** The notifications with their senders. A reload that changes their settings replaces both. */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { RedisClient } from '../store/connection.ts'
import type { NotificationMetrics } from '../notifications/metrics.ts'
import { createStoreClock } from '../store/clock.ts'
import type { Store } from '../store/store.ts'
import { openSenders, type OpenSenders } from '../notifications/channels/senders.ts'
import { startNotices, type Notices } from '../notifications/notifications.ts'

export interface LiveNotices {
  readonly senders: OpenSenders
  readonly notices: Notices
  /** Stops deliveries, then the relay, then closes their connections. */
  close(): Promise<void>
}

/** How long deliveries in flight may take when the settings are replaced. The next worker repeats the others. */
const LAST_DELIVERIES_MS = 30_000

export function openNotices(
  config: Config,
  { store, metrics, logger }: { store: Store; metrics: NotificationMetrics; logger: Logger },
): LiveNotices {
  const { notifications: settings, admin } = config
  // Receivers refuse a signature whose time differs from their own clock, and this machine's clock may be wrong.
  const clock = createStoreClock()
  const senders = openSenders({ notifications: settings, logger, now: () => clock.now() })
  const clients: RedisClient[] = []
  const open: Store['open'] = (purpose) => {
    const client = store.open(purpose)
    clients.push(client)
    return client
  }
  const publicUrl = admin.publicUrl ?? null
  const isUp = (): boolean => store.watch.isUp()
  const notices = startNotices({
    store: { open, isUp },
    settings,
    clock,
    publicUrl,
    senders,
    metrics,
    logger,
  })
  return {
    senders,
    notices,
    async close() {
      await notices.stopDelivering(LAST_DELIVERIES_MS)
      await notices.stop()
      await senders.close()
      for (const client of clients) client.disconnect()
    },
  }
}

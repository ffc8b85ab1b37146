/** Builds the admin plane from the open parts of the gateway. */
import type { FastifyInstance } from 'fastify'
import type { Logger } from 'pino'
import { createAdminPlane } from '../admin/admin-plane.ts'
import type { LiveNotices } from './notifications.ts'
import type { Config } from '../config.ts'
import { createDirectory } from '../directory/directory.ts'
import type { KeyCache } from '../virtual-keys/cache.ts'
import { reconnected } from '../store/connection.ts'
import { backWithin } from '../store/patience.ts'
import type { RedisLedger } from '../ledger/redis-ledger.ts'
import type { Store } from '../store/store.ts'
import type { OnDrift } from '../directory/drift/check.ts'
import type { Metrics } from '../metrics/metrics.ts'
import { createTestSender } from '../notifications/channels/send-test.ts'

export interface AdminParts {
  /** A reload replaces its content, so each request reads it again. */
  readonly live: { readonly config: Config; readonly out: LiveNotices }
  readonly logger: Logger
  readonly metrics: Pick<Metrics, 'scrape'>
  readonly onDrift: OnDrift
  readonly store: Store
  readonly ledger: RedisLedger
  readonly keyCache: KeyCache
  readonly stopping: { readonly now: boolean }
}

/** `dataUrl` returns the URL for calls once it is known. */
export function openAdminPlane(parts: AdminParts, dataUrl: () => string | null): FastifyInstance {
  const { live, logger, metrics, onDrift, store, ledger, keyCache, stopping } = parts
  const { config } = live
  const { admin } = config
  const publicUrl = admin.publicUrl ?? null
  return createAdminPlane({
    redis: store.redis,
    directory: createDirectory({
      redis: store.redis,
      openPeriod: (org, now) => ledger.openPeriod(org, now),
      crossed: (org, type, count) => ledger.crossed(org, type, count),
      retentionDays: config.retentionDays,
      onDrift,
    }),
    gateway: {
      dataUrl: () => config.listen.publicUrl ?? dataUrl(),
      upstreams: Object.entries(config.upstreams).map(([name, { family, prefix }]) => ({
        name,
        family,
        prefix,
      })),
    },
    keyCache,
    operatorToken: admin.operatorToken ?? null,
    sessionLife: {
      idleMs: admin.session.idleMinutes * 60_000,
      absoluteMs: admin.session.absoluteHours * 3_600_000,
    },
    redeliver: (...wish) => live.out.notices.redeliver(...wish),
    channels: {
      urlProblem: (kind, url) => live.out.senders.urlProblem(kind, url),
      sendTest: (...args) => createTestSender(live.out.senders, publicUrl)(...args),
    },
    publicUrl,
    trustProxy: admin.trustProxy,
    metrics: () => metrics.scrape(),
    untilStoreAnswers: async (org) => {
      const end = performance.now() + config.redis.patienceSeconds * 1_000
      await backWithin(store.watch, org ?? '', end - performance.now())
      if (store.watch.refusal(org ?? '') !== null) return
      // A connection may be lost briefly before the watch detects that the store is silent.
      await reconnected(store.redis, Math.max(0, Math.ceil(end - performance.now())))
    },
    readiness: () => {
      if (stopping.now) return { ready: false, reason: 'stopping' }
      const silentMs = store.watch.silentMs()
      // Until then calls wait for the store, and traffic need not move to another gateway.
      return silentMs === 0 || silentMs < config.redis.patienceSeconds * 1_000
        ? { ready: true }
        : { ready: false, reason: 'the store does not answer' }
    },
    logger,
  })
}

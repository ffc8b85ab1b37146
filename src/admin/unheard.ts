/** Crossings that had no recipient: they are sent when a save adds one (N1, N4). */
import type { FastifyRequest } from 'fastify'
import type { Directory } from '../directory/directory.ts'
import type { Redeliver } from './notifications.ts'
import { changeBy } from './versions.ts'

/**
 * Looks for such crossings after a save that may have added an address. Never rejects: the save remains valid, and the
 * next one looks again.
 */
export type TellUnheard = (request: FastifyRequest, org: string) => Promise<void>

/** The most crossings that one save sends: the newest, and only of periods that are still open. */
const MOST = 100

export function createTellUnheard(
  directory: Pick<Directory, 'listNotices'>,
  redeliver: Redeliver,
): TellUnheard {
  return async (request, org) => {
    try {
      const page = { limit: MOST, after: null, state: 'no_recipients', type: null, most: 0 } as const
      for (const { crossing, counts } of (await directory.listNotices(org, page))?.items ?? []) {
        const { queued, sent, failed, parked } = counts
        const isOver = Date.parse(crossing.period.end) <= Date.now()
        if (isOver || queued + sent + failed + parked > 0) continue
        const before = { no_recipients: counts.no_recipients }
        await redeliver(
          org,
          crossing.id,
          changeBy(request, 'notification.redeliver', crossing.id, before, null),
        )
      }
    } catch (error) {
      request.log.warn({ err: error, org }, 'crossings without recipients could not be sent again')
    }
  }
}

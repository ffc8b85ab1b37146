/** Ends the calls in flight when the gateway stops. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { OpenCalls } from '../call/open-calls.ts'
import type { CallServer } from '../call/server.ts'

const POLL_MS = 20
/** Time for settles after the last call, even if the time for calls is used up. */
const LAST_SETTLES_MS = 5_000

/** Functions that close the open parts, called in reverse order. */
export type Opened = (() => unknown)[]

interface StoppingParts {
  readonly config: Pick<Config, 'shutdownGraceSeconds' | 'shutdownSeconds'>
  readonly logger: Logger
  readonly ledger: Pick<Ledger, 'drained'>
  readonly upstreams: { destroy(): Promise<void> }
  readonly open: OpenCalls
  readonly stopping: { refusing: boolean }
}

async function waitWhile(busy: () => boolean, deadline: number): Promise<void> {
  while (busy() && Date.now() < deadline) await pause(POLL_MS)
}

/**
 * Readiness has already changed. During the grace period calls are still accepted, so that a load balancer can notice.
 * Then the listener closes, calls in flight finish or are ended at the deadline, and every hold is settled.
 */
export async function stopCalls(
  { config, logger, ledger, upstreams, open, stopping }: StoppingParts,
  server: CallServer,
): Promise<void> {
  await pause(config.shutdownGraceSeconds * 1_000)
  stopping.refusing = true
  const deadline = Date.now() + config.shutdownSeconds * 1_000
  const closed = server.close()
  // A call is settled before a slow client has read the whole response.
  await waitWhile(() => open.calls > 0 || open.requests > 0, deadline)
  server.server.closeAllConnections()
  await closed
  // Calls that are still in flight are ended at the provider, and settled by the part of the response that arrived.
  await upstreams.destroy()
  const lastSettles = Math.max(Date.now() + LAST_SETTLES_MS, deadline)
  await waitWhile(() => open.calls > 0, lastSettles)
  const settled = await ledger.drained(lastSettles - Date.now())
  if (!settled) logger.error('some holds could not be settled before the end: their leases resolve them')
}

/**
 * A part that cannot be closed, such as a connection to a store that is down, neither blocks the others nor fails the
 * stop.
 */
export async function closeAll(opened: Opened, logger: Logger): Promise<void> {
  for (const close of opened.splice(0).reverse()) await inGoodOrder(close, logger)
}

export async function inGoodOrder(end: () => unknown, logger: Logger): Promise<void> {
  try {
    await end()
  } catch (error) {
    logger.error({ err: error }, 'a part of the gateway did not end in good order')
  }
}

/** How calls come to their end when the gateway stops. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { OpenCalls } from '../call/open-calls.ts'
import type { CallServer } from '../call/server.ts'

const POLL_MS = 20
/** What settles get after the last call, even where the time for calls is used up. */
const LAST_SETTLES_MS = 5_000

/** What is open, to be closed in reverse. */
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
 * Readiness has turned by now. Calls are still taken for the grace, so that a load balancer can notice; then the listener
 * closes, calls in flight finish or are ended at their time, and every hold is settled.
 */
export async function stopCalls(
  { config, logger, ledger, upstreams, open, stopping }: StoppingParts,
  server: CallServer,
): Promise<void> {
  await pause(config.shutdownGraceSeconds * 1_000)
  stopping.refusing = true
  const deadline = Date.now() + config.shutdownSeconds * 1_000
  const closed = server.close()
  // A call is settled before a slow client has read its answer.
  await waitWhile(() => open.calls > 0 || open.requests > 0, deadline)
  server.server.closeAllConnections()
  await closed
  // What is still under way at a provider is ended there, and settled by what has come of it.
  await upstreams.destroy()
  const lastSettles = Math.max(Date.now() + LAST_SETTLES_MS, deadline)
  await waitWhile(() => open.calls > 0, lastSettles)
  const settled = await ledger.drained(lastSettles - Date.now())
  if (!settled) logger.error('some holds could not be settled before the end: their leases resolve them')
}

/** What cannot be closed (a connection to a store that is down) keeps nothing else open, and is no failure of the stop. */
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

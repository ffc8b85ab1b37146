/** What an error says about the store, as against the command that met it. */
import type { Logger } from 'pino'
import { StoreUnavailable, UnsoundBooks } from './unavailable.ts'

/**
 * Replies by which a server says that it does not serve now, whatever it is asked: it is a replica after a failover
 * (READONLY), loads its data, runs a script that is too long, is full, cannot write to its disk, wants another password,
 * has lost its master or its cluster. None of them has run anything.
 */
const NOT_SERVING =
  /^(?:READONLY|LOADING|BUSY|OOM|MISCONF|NOAUTH|WRONGPASS|NOPERM|MASTERDOWN|CLUSTERDOWN|NOREPLICAS)\b/
/** What ioredis says where no reply came; what the system says has a `syscall`. */
const NO_REPLY =
  /^(?:Connection is closed|Command timed out|Stream isn't writeable|Socket timeout|Reached the max retries|Cluster isn't ready|Failed to refresh slots cache|None of startup nodes|All sentinels)/
/** Nothing was sent, or all that came back were redirections: a slot that moves is the trouble of whose keys are in it, not of its server. */
const NEVER_RAN =
  /^(?:Stream isn't writeable|Cluster isn't ready|None of startup nodes|Too many Cluster redirections)/
/** The store refuses our credentials or rights: only an operator can change that, so waiting does not help. */
const REFUSES_US = /^(?:NOPERM|WRONGPASS|NOAUTH|ERR invalid password|ERR AUTH)\b/
/** A slot is on its way to another master. */
const MOVES = /^(?:TRYAGAIN|Too many Cluster redirections)\b/

/** What ioredis says of a connection, or of a cluster's, that is not there, whatever the reason. */
const NO_CONNECTION =
  /^(?:Stream isn't writeable|Reached the max retries|Connection is closed|Cluster isn't ready|None of startup nodes|Failed to refresh slots cache)/

/** Why the store serves nobody now; null where the error is of the one command that met it. */
export function storeFault(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  const isFault = NOT_SERVING.test(error.message) || NO_REPLY.test(error.message) || 'syscall' in error
  return isFault ? (error.message.split('\n', 1)[0] ?? '') : null
}

/** Whether the store refuses this gateway's credentials or rights, which no waiting mends (D1). */
export function refusesUs(reason: string): boolean {
  return REFUSES_US.test(reason)
}

/** Whether the same command may succeed in a moment: the store is down, loads, fails over, or moves a slot. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof Error) || refusesUs(error.message)) return false
  return error instanceof StoreUnavailable || storeFault(error) !== null || MOVES.test(error.message)
}

/** Whether a command that failed so may have run all the same. */
export function mayHaveRun(error: unknown): boolean {
  if (!(error instanceof Error)) return true
  if (error instanceof NeverSent || error instanceof UnsoundBooks) return false
  return !NOT_SERVING.test(error.message) && !NEVER_RAN.test(error.message)
}

/**
 * Logs that something failed which is tried again by itself. Of a store that is in trouble the log has one line, from its
 * watch, and not one more for everybody who met it.
 */
export function logRetry(
  logger: Pick<Logger, 'warn' | 'debug'>,
  error: unknown,
  fields: Readonly<Record<string, unknown>>,
  message: string,
): void {
  const reason = error instanceof StoreUnavailable ? error.message : storeFault(error)
  if (reason === null) logger.warn({ err: error, ...fields }, message)
  else logger.debug({ reason, ...fields }, message)
}

/** Whether it says only that there is no connection, and not why. */
export function isNoConnection(reason: string): boolean {
  return NO_CONNECTION.test(reason)
}

/** The store was known not to answer, so nothing was sent. */
export class NeverSent extends StoreUnavailable {}

/** Classifies errors: whether the store has a fault, or only the command that failed. */
import type { Logger } from 'pino'
import { StoreUnavailable, UnsoundBooks } from './unavailable.ts'

/**
 * Replies of a server that serves no command at present: it is a replica after a failover (READONLY), loads its data,
 * runs a long script, is full, cannot write to its disk, requires another password, or has lost its master or its
 * cluster. In none of these cases has the command run.
 */
const NOT_SERVING =
  /^(?:READONLY|LOADING|BUSY|OOM|MISCONF|NOAUTH|WRONGPASS|NOPERM|MASTERDOWN|CLUSTERDOWN|NOREPLICAS)\b/
/** ioredis's messages when no reply came; errors of the operating system have a `syscall`. */
const NO_REPLY =
  /^(?:Connection is closed|Command timed out|Stream isn't writeable|Socket timeout|Reached the max retries|Cluster isn't ready|Failed to refresh slots cache|None of startup nodes|All sentinels)/
/**
 * Nothing was sent, or every reply was a redirection. A moving slot affects only the calls whose keys are in it, not
 * the whole server.
 */
const NEVER_RAN =
  /^(?:Stream isn't writeable|Cluster isn't ready|None of startup nodes|Too many Cluster redirections)/
/** The store refuses our credentials or rights: only an operator can change that, so waiting does not help. */
const REFUSES_US = /^(?:NOPERM|WRONGPASS|NOAUTH|ERR invalid password|ERR AUTH)\b/
/** A slot is moving to another master. */
const MOVES = /^(?:TRYAGAIN|Too many Cluster redirections)\b/

/** ioredis's messages for a missing connection to a server or a cluster, whatever the reason. */
const NO_CONNECTION =
  /^(?:(?:read|write) (?:ECONNRESET|EPIPE)|Stream isn't writeable|Reached the max retries|Connection is closed|Cluster isn't ready|None of startup nodes|Failed to refresh slots cache)/

/** Why the store serves no command now; null if the error concerns only the command that failed. */
export function storeFault(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  const isFault = NOT_SERVING.test(error.message) || NO_REPLY.test(error.message) || 'syscall' in error
  return isFault ? (error.message.split('\n', 1)[0] ?? '') : null
}

/** Whether the store refuses this gateway's credentials or permissions, which waiting does not fix (D1). */
export function refusesUs(reason: string): boolean {
  return REFUSES_US.test(reason)
}

/** Whether the same command may succeed in a moment: the store is down, loads, fails over, or moves a slot. */
export function mayPass(error: unknown): boolean {
  if (!(error instanceof Error) || refusesUs(error.message)) return false
  return error instanceof StoreUnavailable || storeFault(error) !== null || MOVES.test(error.message)
}

/** Whether a command that failed with this error may have run anyway. */
export function mayHaveRun(error: unknown): boolean {
  if (!(error instanceof Error)) return true
  if (error instanceof NeverSent || error instanceof UnsoundBooks) return false
  return !NOT_SERVING.test(error.message) && !NEVER_RAN.test(error.message)
}

/**
 * Logs a failure that is retried automatically. While the store is in trouble, its watch logs one line; further
 * failures are logged at debug level only.
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

/** Whether the reason says only that there is no connection, and not why. */
export function isNoConnection(reason: string): boolean {
  return NO_CONNECTION.test(reason)
}

/** The store was known not to answer, so nothing was sent. */
export class NeverSent extends StoreUnavailable {}

/** What an error says about the store, as against the command that met it. */
import { StoreUnavailable } from './ledger.ts'

/**
 * Replies by which a server says that it does not serve now, whatever it is asked: it is a replica after a failover
 * (READONLY), loads its data, runs a script that is too long, is full, cannot write to its disk, wants another password,
 * has lost its master or its cluster. None of them has run anything.
 */
const NOT_SERVING =
  /^(?:READONLY|LOADING|BUSY|OOM|MISCONF|NOAUTH|WRONGPASS|NOPERM|MASTERDOWN|CLUSTERDOWN|NOREPLICAS)\b/
/** What ioredis says where no reply came; what the system says has a `syscall`. */
const NO_REPLY =
  /^(?:Connection is closed|Command timed out|Stream isn't writeable|Socket timeout|Cluster isn't ready|Failed to refresh slots cache|None of startup nodes|All sentinels)/
/** Nothing was sent, or all that came back were redirections: a slot that moves is the trouble of whose keys are in it, not of its server. */
const NEVER_RAN =
  /^(?:Stream isn't writeable|Cluster isn't ready|None of startup nodes|Too many Cluster redirections)/

/** Why the store serves nobody now; null where the error is of the one command that met it. */
export function storeFault(error: unknown): string | null {
  if (!(error instanceof Error)) return null
  const isFault = NOT_SERVING.test(error.message) || NO_REPLY.test(error.message) || 'syscall' in error
  return isFault ? (error.message.split('\n', 1)[0] ?? '') : null
}

/** Whether a command that failed so may have run all the same. */
export function mayHaveRun(error: unknown): boolean {
  if (!(error instanceof Error)) return true
  if (error instanceof NeverSent) return false
  return !NOT_SERVING.test(error.message) && !NEVER_RAN.test(error.message)
}

/** The store was known not to answer, so nothing was sent. */
export class NeverSent extends StoreUnavailable {}

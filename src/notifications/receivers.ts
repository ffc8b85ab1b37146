/**
 * A worker's places, which all organizations share, and what one receiver may take of them. A receiver that is slow gets a
 * part, and so does an organization, which may have many of these. Who finds the part taken waits a moment in line, for a
 * receiver that is quick has a place before the queue could bring the delivery again. One that has not answered at all
 * several times in a row is away: for a while deliveries to it fail at once, as they would after a time-out, and then one
 * at a time is tried, until something answers.
 */
import { createLru } from '../core/lru.ts'
import { failed, type SendResult } from './channels/channel.ts'
import { createConcurrencyLimit, type Lane as PlacesOfLane } from './concurrency-limit.ts'

export interface ReceiversOptions {
  /** Deliveries to one receiver, and to all channels of one organization, at the same time. */
  readonly most: number
  /** How long one that is away is left alone at first; twice as long each time … */
  readonly pauseMs: number
  /** … up to this, which is also the longest that a delivery waits for a place. */
  readonly longestMs: number
  /** How long a delivery waits here for a place before it goes back to the queue. */
  readonly patienceMs?: number
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number
}

/** `full`: others are being delivered there; it costs no attempt. */
export type Turn = SendResult | { readonly status: 'full'; readonly waitMs: number }

/** Where a delivery goes, as far as it competes with others for places. */
export interface Claim {
  /** What is slow or away as a whole. */
  readonly receiver: string
  /** Who chose it; null where the operator did. */
  readonly org: string | null
}

export interface Receivers {
  /** `isLast`: is made however long the receiver was away, so that nothing is given up without having been tried. */
  deliver(claim: Claim, isLast: boolean, send: () => Promise<SendResult>): Promise<Turn>
  /** From now on nobody waits here: those who do go back to the queue at once. */
  close(): void
}

interface Lane extends PlacesOfLane {
  /** What a delivery takes. */
  meanMs: number
  /** Deliveries in a row that got no answer. */
  silences: number
  leaveAloneUntil: number
  lastError: string
  /** When the last one that found no place may come back. */
  lastTurn: number
}

/** In a row, before a receiver counts as away. */
const SILENCES = 3
const LONGEST_PAUSE_MS = 60_000
const SHORTEST_WAIT_MS = 50
/** Long for a receiver that is quick, and short for the place of the worker's that who waits holds meanwhile. */
const PATIENCE_MS = 100
const MOST_REMEMBERED = 10_000

const UNKNOWN: Readonly<Lane> = {
  inFlight: 0,
  silences: 0,
  leaveAloneUntil: 0,
  lastError: '',
  meanMs: 1_000,
  lastTurn: 0,
}

export function createReceivers({
  most,
  pauseMs,
  longestMs,
  patienceMs = PATIENCE_MS,
  now = () => performance.now(),
}: ReceiversOptions): Receivers {
  const lanes = createLru<Lane>(MOST_REMEMBERED)
  const line = createConcurrencyLimit(most, patienceMs)

  function laneOf(name: string): Lane {
    const lane = lanes.get(name) ?? { ...UNKNOWN }
    lanes.set(name, lane)
    return lane
  }

  function learn(lane: Lane, result: SendResult, wasAway: boolean): void {
    if (result.status === 'sent' || !result.isUnavailable) {
      lane.silences = 0
      return
    }
    // Those that were under way when it was found to be away say nothing new.
    if (isUnavailable(lane) && !wasAway) return
    lane.silences += 1
    lane.lastError = result.error
    const pause = pauseMs * 2 ** Math.min(lane.silences - SILENCES, 30)
    lane.leaveAloneUntil = now() + Math.min(pause, longestMs, LONGEST_PAUSE_MS)
  }

  async function sendInPlace(shared: readonly Lane[], lane: Lane, send: () => Promise<SendResult>) {
    const wasAway = isUnavailable(lane)
    const from = now()
    try {
      const result = await send()
      learn(lane, result, wasAway)
      return result
    } finally {
      for (const one of shared) one.meanMs += (now() - from - one.meanMs) / 8
    }
  }

  return {
    async deliver({ receiver, org }, isLast, send) {
      const lane = laneOf(receiver)
      const shared = org === null ? [lane] : [lane, laneOf(`org ${org}`)]
      const tooSoon = (others: number) => (isLast ? null : leaveAlone(lane, others, now()))
      const refused = tooSoon(lane.inFlight)
      if (refused !== null) return refused
      const full = await line.enter(shared)
      if (full !== null) return { status: 'full', waitMs: nextTurn(full, now(), most, longestMs) }
      try {
        // What was tried while this one waited may have shown that the receiver is away.
        return tooSoon(lane.inFlight - 1) ?? (await sendInPlace(shared, lane, send))
      } finally {
        line.leave(shared)
      }
    },
    close: () => line.close(),
  }
}

/** Why a delivery is not even tried; null where it is. `others` are under way to the same receiver. */
function leaveAlone(lane: Lane, others: number, nowMs: number): SendResult | null {
  const restMs = lane.leaveAloneUntil - nowMs
  if (!isUnavailable(lane) || (restMs <= 0 && others === 0)) return null
  const retryAfterMs = Math.max(0, Math.ceil(restMs))
  return failed(`${lane.lastError}; not tried again so soon`, { retryAfterMs, isUnavailable: true })
}

/**
 * How long one waits in the queue that found no place. Turns come as far apart as places become free, so that those who
 * wait do not all come back to find none again.
 */
function nextTurn(lane: Lane, nowMs: number, most: number, longestMs: number): number {
  const turn = Math.max(nowMs, lane.lastTurn) + lane.meanMs / most
  lane.lastTurn = Math.min(turn, nowMs + longestMs)
  const waitMs = turn - nowMs
  const bounded = waitMs > longestMs ? longestMs * (0.5 + Math.random() / 2) : waitMs
  return Math.round(Math.max(SHORTEST_WAIT_MS, bounded))
}

function isUnavailable({ silences }: Lane): boolean {
  return silences >= SILENCES
}

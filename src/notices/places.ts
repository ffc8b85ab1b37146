/**
 * A worker's places, which all organizations share, and what one receiver may take of them. A receiver that is slow gets a
 * part, and so does an organization, which may have many of these. One that has not answered at all several times in a row
 * is away: for a while deliveries to it fail at once, as they would after a time-out, and then one at a time is tried,
 * until something answers.
 */
import { createLru } from '../ledger/lru.ts'
import { failed, type SendResult } from './channels/channel.ts'

export interface PlacesOptions {
  /** Deliveries to one receiver, and to all channels of one organization, at the same time. */
  readonly most: number
  /** How long one that is away is left alone at first; twice as long each time … */
  readonly pauseMs: number
  /** … up to this, which is also the longest that a delivery waits for a place. */
  readonly longestMs: number
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

export interface Places {
  /** `isLast`: is made however long the receiver was away, so that nothing is given up without having been tried. */
  deliver(claim: Claim, isLast: boolean, send: () => Promise<SendResult>): Promise<Turn>
}

interface Lane {
  inFlight: number
  /** Deliveries in a row that got no answer. */
  silences: number
  leaveAloneUntil: number
  lastError: string
  /** What a delivery takes. */
  meanMs: number
  /** When the last one that found no place may come back. */
  lastTurn: number
}

/** In a row, before a receiver counts as away. */
const SILENCES = 3
const LONGEST_PAUSE_MS = 60_000
const SHORTEST_WAIT_MS = 50
const MOST_REMEMBERED = 10_000

const UNKNOWN: Readonly<Lane> = {
  inFlight: 0,
  silences: 0,
  leaveAloneUntil: 0,
  lastError: '',
  meanMs: 1_000,
  lastTurn: 0,
}

export function createPlaces({
  most,
  pauseMs,
  longestMs,
  now = () => performance.now(),
}: PlacesOptions): Places {
  const lanes = createLru<Lane>(MOST_REMEMBERED)

  function laneOf(name: string): Lane {
    const lane = lanes.get(name) ?? { ...UNKNOWN }
    lanes.set(name, lane)
    return lane
  }

  /** Turns come as far apart as places become free, so that those who wait do not all come back to find none again. */
  function waitForPlace(lane: Lane): number {
    const turn = Math.max(now(), lane.lastTurn) + lane.meanMs / most
    lane.lastTurn = Math.min(turn, now() + longestMs)
    const waitMs = turn - now()
    const bounded = waitMs > longestMs ? longestMs * (0.5 + Math.random() / 2) : waitMs
    return Math.round(Math.max(SHORTEST_WAIT_MS, bounded))
  }

  function learn(lane: Lane, result: SendResult, wasAway: boolean): void {
    if (result.status === 'sent' || !result.isAway) {
      lane.silences = 0
      return
    }
    // Those that were under way when it was found to be away say nothing new.
    if (isAway(lane) && !wasAway) return
    lane.silences += 1
    lane.lastError = result.error
    const pause = pauseMs * 2 ** Math.min(lane.silences - SILENCES, 30)
    lane.leaveAloneUntil = now() + Math.min(pause, longestMs, LONGEST_PAUSE_MS)
  }

  return {
    async deliver({ receiver, org }, isLast, send) {
      const lane = laneOf(receiver)
      const shared = org === null ? [lane] : [lane, laneOf(`org ${org}`)]
      const wasAway = isAway(lane)
      const restMs = lane.leaveAloneUntil - now()
      if (wasAway && !isLast && (restMs > 0 || lane.inFlight > 0)) {
        const retryAfterMs = Math.max(0, Math.ceil(restMs))
        return failed(`${lane.lastError}; not tried again so soon`, { retryAfterMs, isAway: true })
      }
      const full = shared.find(({ inFlight }) => inFlight >= most)
      if (full !== undefined) return { status: 'full', waitMs: waitForPlace(full) }
      for (const one of shared) one.inFlight += 1
      const from = now()
      try {
        const result = await send()
        learn(lane, result, wasAway)
        return result
      } finally {
        for (const one of shared) {
          one.inFlight -= 1
          one.meanMs += (now() - from - one.meanMs) / 8
        }
      }
    },
  }
}

function isAway({ silences }: Lane): boolean {
  return silences >= SILENCES
}

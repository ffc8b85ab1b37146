/** Those who wait a moment for a place, first come, first served: at most as many as a worker runs jobs at the same time. */

/** What has a bounded number of places. */
export interface Lane {
  inFlight: number
  /** For how long a place is taken, as far as is known. */
  readonly meanMs: number
}

export interface Line {
  /** Null with a place in every lane, which `leave` gives back; else a lane that has none. */
  enter<L extends Lane>(lanes: readonly L[]): Promise<L | null>
  leave(lanes: readonly Lane[]): void
  /** From now on nobody waits, nor do those who do. */
  close(): void
}

interface Waiting {
  readonly lanes: readonly Lane[]
  /** Whom it waits for first of all. */
  readonly full: Lane
  /** With true, it has a place. */
  readonly end: (hasPlace: boolean) => void
}

/** `most` have a place in a lane at the same time; nobody waits for one longer than `patienceMs`. */
export function createConcurrencyLimit(most: number, patienceMs: number): Line {
  const waiting = new Set<Waiting>()
  let isClosed = false

  const fullOf = <L extends Lane>(lanes: readonly L[]): L | undefined =>
    lanes.find(({ inFlight }) => inFlight >= most)

  function take(lanes: readonly Lane[]): void {
    for (const lane of lanes) lane.inFlight += 1
  }

  /** Whether a place can be expected in time: who waits holds a place of the worker's, which others could use. */
  function isWorthWaiting(full: Lane): boolean {
    const turn = 1 + [...waiting].filter((other) => other.full === full).length
    return !isClosed && (turn * full.meanMs) / most <= patienceMs
  }

  function wait(lanes: readonly Lane[], full: Lane): Promise<boolean> {
    return new Promise((resolve) => {
      const impatience = setTimeout(() => one.end(false), patienceMs)
      const one: Waiting = {
        lanes,
        full,
        end(hasPlace) {
          clearTimeout(impatience)
          waiting.delete(one)
          resolve(hasPlace)
        },
      }
      waiting.add(one)
    })
  }

  return {
    async enter(lanes) {
      const full = fullOf(lanes)
      if (full === undefined) take(lanes)
      else if (!isWorthWaiting(full) || !(await wait(lanes, full))) return full
      return null
    },
    leave(lanes) {
      for (const lane of lanes) lane.inFlight -= 1
      // Those in line take the place before anybody new can.
      for (const next of waiting) {
        if (fullOf(next.lanes) !== undefined) continue
        take(next.lanes)
        next.end(true)
      }
    },
    close() {
      isClosed = true
      for (const { end } of waiting) end(false)
    },
  }
}

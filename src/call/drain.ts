/** How much of an answer is read on, only for its usage report, after its client went away (C5). */
export interface DrainLimits {
  readonly bytes: number
  readonly ms: number
  readonly concurrent: number
}

export interface Drains {
  readonly limits: DrainLimits
  /** Takes a place; false where all are taken. */
  enter(): boolean
  leave(): void
}

export function createDrains(limits: DrainLimits): Drains {
  let active = 0
  return {
    limits,
    enter: () => {
      if (active >= limits.concurrent) return false
      active += 1
      return true
    },
    leave: () => {
      active -= 1
    },
  }
}

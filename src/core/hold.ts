/** A hold of credits, and what settles it. */
import type { Source } from './policy.ts'
import type { Day, Microcredits, UnixMs } from './units.ts'

/** An open hold, as the gateway that owns it remembers it. */
export interface Hold {
  readonly id: string
  readonly org: string
  readonly user: string
  readonly source: Source
  readonly model: string
  readonly periodNo: number
  readonly day: Day
  readonly amount: Microcredits
  /** When the organization was created (Unix ms), since another may be created later under the same id. */
  readonly orgCreatedAt: UnixMs
  /** The journal number of a call that was let through without the store; such a call holds nothing. */
  readonly ticket?: number
}

/** What a served call used. */
export interface Charge {
  readonly cost: Microcredits
  readonly model: string
  readonly inputTokens: number
  readonly outputTokens: number
}

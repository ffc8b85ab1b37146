/**
 * Lifetimes of keys in milliseconds, as far as TypeScript sets them; docs/store.md lists all. The scripts set those of
 * resolved holds and of journals (lua/include/resolved.lua, lua/replay.lua).
 */
const DAY_MS = 86_400_000
/** Thirteen months of any length. */
const THIRTEEN_MONTHS_MS = 396 * DAY_MS

/** Counters of a billing period, counted from its end. */
export const PERIOD_LIFE_MS = THIRTEEN_MONTHS_MS
/** An organization's usage of a day. */
export const DAY_LIFE_MS = THIRTEEN_MONTHS_MS
/** An entry of an audit log; lua/include/audit.lua has the same. */
export const AUDIT_LIFE_MS = THIRTEEN_MONTHS_MS
/** A notice in the log of notifications. */
export const NOTICE_LIFE_MS = 62 * DAY_MS
/** The answer stored for an idempotency key. */
export const ANSWER_LIFE_MS = 2 * DAY_MS

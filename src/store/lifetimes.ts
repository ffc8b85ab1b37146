/**
 * How long keys live, in milliseconds, where TypeScript says so; docs/store.md has all of them. What is resolved, expired or
 * journaled is forgotten by the scripts (lua/include/resolved.lua, lua/replay.lua).
 */
const DAY_MS = 86_400_000
/** Thirteen months, whichever they are. */
const THIRTEEN_MONTHS_MS = 396 * DAY_MS

/** Counters of a billing period, from its end. */
export const PERIOD_LIFE_MS = THIRTEEN_MONTHS_MS
/** An organization's usage of a day. */
export const DAY_LIFE_MS = THIRTEEN_MONTHS_MS
/** An entry of an audit log; lua/include/audit.lua has the same. */
export const AUDIT_LIFE_MS = THIRTEEN_MONTHS_MS
/** The log of a notification. */
export const NOTICE_LIFE_MS = 62 * DAY_MS
/** What was answered under an idempotency key. */
export const ANSWER_LIFE_MS = 2 * DAY_MS

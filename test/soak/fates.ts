/** What may have been charged for a call, given what its client saw, what the provider served, and what happened (C5, C6). */
import type { Seen } from './client.ts'
import type { Happened } from './faults.ts'
import type { Served } from './origin.ts'
import type { Plan } from './plan.ts'
import { actual, estimated, expired, NOTHING, searchCharge, type Charge } from './prices.ts'
import { PIECE, TOKENS_PER_PIECE } from './shape.ts'
import type { Life } from './world.ts'

export interface Call {
  readonly plan: Plan
  readonly bytes: number
  readonly place: number
  readonly life: Life
  readonly startedAt: number
  readonly endedAt: number
  readonly seen: Seen
}

/** One way in which a call may have ended in the books. */
export interface Fate {
  readonly item: string
  readonly charge: Charge
}

export interface Fates {
  /** At least one. */
  readonly fates: readonly Fate[]
  /** What must not have happened to the call, whatever was charged. */
  readonly violation: string | null
}

/**
 * So long after its answer a call may still be on its way into the store, or into the journal: two commands that get no
 * reply within their 2 s, the pauses between them, and a machine that is busy.
 */
const SETTLING_MS = 6_000
/** So long after it was killed a process may still have its connections, and a call that was begun may go over one of them. */
const DYING_MS = 1_000
/** Refusals that a call without a flaw may meet. */
const EXPECTED_CODES: ReadonlySet<string | null> = new Set([
  'user_credit_limit_reached',
  'request_exceeds_credit_limit',
  'credits_in_flight',
  'credit_store_unavailable',
  // Admins take members out and put them back.
  'unknown_user',
])

/** What is known of the whole run. */
export interface Circumstances {
  readonly happened: readonly Happened[]
  readonly leaseSeconds: number
}

export function fatesOf(
  call: Call,
  served: Served | undefined,
  { happened, leaseSeconds }: Circumstances,
): Fates {
  const { plan, seen, life, startedAt, endedAt } = call
  const times = served?.times ?? 0
  const wasKilled = diedAround(life, startedAt, endedAt)
  const fates = times === 0 ? [{ item: 'refused or never sent', charge: NOTHING }] : servedFates(call, served)
  if (wasKilled) fates.push(...killedFates(call, served))
  if (wasKilled || overlapsTrouble(call, happened, leaseSeconds)) fates.push(...lateFates(call, fates))
  let violation: string | null = null
  if (times > 1) violation = `the provider was asked ${times} times`
  else if (!seen.hasLeft && !wasKilled) violation = wrongAnswer(plan, seen, times)
  return { fates, violation }
}

/** Whether the gateway, or one of its workers, was killed while it had the call. */
export function diedAround({ kills }: Life, startedAt: number, endedAt: number): boolean {
  return kills.some((at) => at >= startedAt - DYING_MS && at <= endedAt + SETTLING_MS)
}

function wrongAnswer(
  { flaw, isUnreachable, conduct }: Plan,
  { status, code, isWhole, error }: Seen,
  times: number,
) {
  const told = `${String(status)} ${String(code)} ${error ?? ''}`
  if (times === 0) {
    if (status === null) return `it broke before it was sent, and its gateway lives: ${told}`
    if (flaw !== null)
      return status >= 400 && status < 500 ? null : unlessStore(code, `flaw ${flaw}: ${told}`)
    if (isUnreachable && code === 'upstream_unreachable') return null
    return EXPECTED_CODES.has(code) ? null : `refused: ${told}`
  }
  if (flaw !== null) return `flaw ${flaw} was let through: ${told}`
  switch (conduct.kind) {
    case 'serves':
      return status === 200 && isWhole ? null : `served, and the client got ${told}`
    case 'fails':
      return status === conduct.status ? null : `failed with ${conduct.status}, and the client got ${told}`
    case 'is silent':
      return code === 'upstream_timeout' ? null : `silence, and the client got ${told}`
    case 'breaks':
    case 'stalls':
      return status === 200 && !isWhole ? null : `broke off, and the client got ${told}`
  }
}

function unlessStore(code: string | null, what: string): string | null {
  return code === 'credit_store_unavailable' ? null : what
}

function servedFates(call: Call, served: Served | undefined): Fate[] {
  const { plan, bytes, seen } = call
  const { conduct, shape, model } = plan
  const pieces = served?.pieces ?? 0
  if (conduct.kind === 'fails') return [{ item: 'provider failed', charge: NOTHING }]
  const isFlat = shape.family === 'generic'
  if (conduct.kind === 'is silent') {
    const charge = isFlat ? searchCharge : estimated(model, bytes, 0)
    return [{ item: 'estimated: never answered', charge }]
  }
  if (isFlat) return [{ item: 'flat price', charge: searchCharge }]
  const whole = wholeFate(plan, bytes)
  if (seen.hasLeft) {
    return [
      ...(served?.isFinished === true ? [whole] : []),
      ...brokenFates(plan, bytes, 0, shape.streams ? pieces : 0, 'estimated: client left'),
    ]
  }
  if (conduct.kind === 'serves') return [whole]
  return brokenFates(plan, bytes, pieces, pieces, 'estimated: broke off')
}

function wholeFate({ model, tokens, conduct, pieces, shape }: Plan, bytes: number): Fate {
  if (conduct.kind === 'serves' && conduct.report === 'usage') {
    return { item: 'as reported', charge: actual(model, tokens) }
  }
  const textBytes = shape.generates ? pieces * PIECE.length : 0
  return { item: 'estimated: no usage', charge: estimated(model, bytes, textBytes) }
}

/** A stream that ends after `from` to `to` pieces: what was reported until then, and the text since. */
function brokenFates(plan: Plan, bytes: number, from: number, to: number, item: string): Fate[] {
  const { model, tokens, shape, conduct } = plan
  const reports = conduct.kind !== 'serves' || conduct.report === 'usage' ? shape.reports : 'at the end'
  const fates: Fate[] = []
  for (let pieces = from; pieces <= to; pieces += 1) {
    const output = pieces * TOKENS_PER_PIECE
    const guess = estimated(model, bytes, pieces * PIECE.length)
    if (reports === 'at the start') {
      fates.push({ item, charge: actual(model, { ...tokens, output: Math.max(1, output) }) })
      // The report itself may have been lost.
      if (pieces === 0) fates.push({ item, charge: guess })
    } else if (reports === 'with each piece' && pieces > 0) {
      fates.push({ item, charge: actual(model, { ...tokens, output }) })
    } else fates.push({ item, charge: guess })
  }
  return fates
}

function killedFates(call: Call, served: Served | undefined): Fate[] {
  const { plan, bytes } = call
  const { shape, model, conduct } = plan
  const item = 'expired: gateway killed'
  if (shape.family === 'generic') return [{ item, charge: searchCharge }]
  const fates: Fate[] = [{ item, charge: expired(model, bytes) }]
  if (served === undefined || conduct.kind === 'fails' || conduct.kind === 'is silent') return fates
  const broke = brokenFates(plan, bytes, 0, shape.streams ? served.pieces : 0, 'estimated: gateway killed')
  if (served.isFinished) fates.push(wholeFate(plan, bytes))
  return [...fates, ...broke]
}

/** A settle that comes after its hold expired charges what is missing, and takes nothing back (C6). */
function lateFates({ plan, bytes }: Call, fates: readonly Fate[]): Fate[] {
  if (plan.shape.family === 'generic') return []
  const prompt = expired(plan.model, bytes).credits
  return fates
    .filter(({ charge }) => charge.calls > 0 && charge.credits < prompt)
    .map(({ charge }) => ({ item: 'settled after its lease', charge: { ...charge, credits: prompt } }))
}

function overlapsTrouble(
  { startedAt, endedAt }: Call,
  happened: readonly Happened[],
  leaseSeconds: number,
): boolean {
  return happened.some(
    ({ fault, from, to }) =>
      (fault === 'the store hangs' || fault === 'the store restarts' || fault === 'connections are cut') &&
      from <= endedAt + SETTLING_MS &&
      to >= startedAt - leaseSeconds * 1_000,
  )
}

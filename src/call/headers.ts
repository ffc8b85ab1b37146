/** Decides which headers are forwarded, in both directions. */
import type { IncomingHttpHeaders } from 'node:http'
import { remainingOf, type BillingPeriod } from '../core/policy.ts'
import { rfc3339 } from '../core/text.ts'
import { formatCredits, MICROCREDITS_PER_CREDIT } from '../core/units.ts'
import type { Family } from '../families/family.ts'
import type { Decision } from '../ledger/ledger.ts'
import type { UpstreamTarget } from './call.ts'
import { CREDENTIAL_HEADERS } from './credentials.ts'

/** RFC 9110, section 7.6.1, and headers that older software still sends. They concern one connection only. */
const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

const NOT_FORWARDED: ReadonlySet<string> = new Set([
  ...HOP_BY_HOP,
  ...CREDENTIAL_HEADERS,
  'host',
  'content-length',
  'accept-encoding',
  'expect',
  'cookie',
])

/** The hop-by-hop headers, with those that a Connection header adds. */
function namedByConnection(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined || connection === 'keep-alive' || connection === 'close') return HOP_BY_HOP
  const names = connection
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  return names.every((name) => HOP_BY_HOP.has(name) || name === 'close')
    ? HOP_BY_HOP
    : new Set([...HOP_BY_HOP, ...names])
}

/**
 * Header names are few and the decision on a name never changes. But callers choose the names, so the number of cached
 * names is limited.
 */
const MOST_REMEMBERED = 256

function remembering<T>(decide: (name: string) => T): (name: string) => T {
  const known = new Map<string, T>()
  return (name) => {
    let decision = known.get(name)
    if (decision === undefined) {
      decision = decide(name)
      if (known.size < MOST_REMEMBERED) known.set(name, decision)
    }
    return decision
  }
}

const forwardedOf = new WeakMap<Family, (name: string) => boolean>()

/** Whether a request header, by its name in lower case, is forwarded to upstreams of the family. */
function isForwardedTo(family: Family): (name: string) => boolean {
  let isForwarded = forwardedOf.get(family)
  if (isForwarded === undefined) {
    isForwarded = remembering(
      (name) =>
        !NOT_FORWARDED.has(name) &&
        !name.startsWith('x-tollgate-') &&
        !family.removedHeaders.includes(name) &&
        // A body that was unpacked for pricing is forwarded plain. The generic family does not read bodies and forwards
        // them as they came.
        (name !== 'content-encoding' || family.name === 'generic'),
    )
    forwardedOf.set(family, isForwarded)
  }
  return isForwarded
}

/**
 * The request's headers for the upstream. The caller's Connection header is applied before the gateway's own headers
 * are added, so that it cannot strip them (CVE-2026-33805). `userHeader` names a user to the gateway and is not
 * forwarded.
 */
export function upstreamHeaders(
  headers: IncomingHttpHeaders,
  target: UpstreamTarget,
  userHeader?: string,
): string[] {
  const isForwarded = isForwardedTo(target.family)
  const dropped = namedByConnection(headers.connection)
  const out: string[] = ['host', target.host, 'accept-encoding', 'identity']
  for (const name in headers) {
    if (!isForwarded(name) || dropped.has(name) || name === userHeader) continue
    const value = headers[name]
    if (name === 'referer' && CARRIES_KEY.test(String(value))) continue
    if (typeof value === 'string') out.push(name, value)
    else if (value !== undefined) for (const item of value) out.push(name, item)
  }
  if (target.apiKey !== null) out.push(...target.family.credential(target.apiKey))
  return out
}

/** A browser that opened an address with a key in its query sends that address as the referer of later requests. */
const CARRIES_KEY = /[?&]key=/i

/** What happens to an answer's header, by its name as received. */
const answerHeader = remembering((name) => {
  const lower = name.toLowerCase()
  // An nginx in front of the gateway obeys x-accel headers: where to redirect, whether to buffer.
  const isDropped = HOP_BY_HOP.has(lower) || lower.startsWith('x-tollgate-') || lower.startsWith('x-accel-')
  // x-request-id is the gateway's own on every answer. The provider's id is kept under another name, because its
  // support asks for it.
  return { lower, isDropped, name: lower === 'x-request-id' ? 'x-upstream-request-id' : name }
})

/** The answer's headers for the client: those of undici's flat list of names and values, and the gateway's own. */
export function clientHeaders(
  raw: readonly (Buffer | string)[],
  own: readonly string[],
  keepLength: boolean,
): string[] {
  const dropped = namedByConnection(connectionOf(raw))
  const out: string[] = []
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const { lower, isDropped, name } = answerHeader(textOf(raw[at]))
    if (isDropped || (lower === 'content-length' && !keepLength) || dropped.has(lower)) continue
    out.push(name, textOf(raw[at + 1]))
  }
  out.push(...own)
  return out
}

function connectionOf(raw: readonly (Buffer | string)[]): string | undefined {
  let connection: string | undefined
  for (let at = 0; at + 1 < raw.length; at += 2) {
    if (raw[at]?.length !== 'connection'.length || answerHeader(textOf(raw[at])).lower !== 'connection')
      continue
    const value = textOf(raw[at + 1])
    connection = connection === undefined ? value : `${connection},${value}`
  }
  return connection
}

function textOf(bytes: Buffer | string | undefined): string {
  return typeof bytes === 'string' ? bytes : (bytes?.toString('latin1') ?? '')
}

const resets = new WeakMap<BillingPeriod, string>()

/** Calls of one period share its object, and formatting the instant costs more than everything else here. */
function resetText(period: BillingPeriod): string {
  let text = resets.get(period)
  if (text === undefined) {
    text = rfc3339(period.end)
    resets.set(period, text)
  }
  return text
}

/** The headers that report the user's standing at admission. */
export function standingHeaders(decision: Decision | null): string[] {
  if (decision === null) return []
  const { standing, period, now, explanation } = decision
  const headers = ['x-tollgate-credits-reset', resetText(period)]
  if (standing.limit === null || explanation.hideAmounts) return headers
  const remaining = remainingOf(standing) ?? 0
  headers.push(
    'x-tollgate-credits-remaining',
    formatCredits(remaining),
    'RateLimit-Policy',
    `"credits";q=${Math.floor(standing.limit / MICROCREDITS_PER_CREDIT)};w=${Math.round((period.end - period.start) / 1_000)}`,
    'RateLimit',
    `"credits";r=${Math.floor(remaining / MICROCREDITS_PER_CREDIT)};t=${Math.max(0, Math.ceil((period.end - now) / 1_000))}`,
  )
  return headers
}

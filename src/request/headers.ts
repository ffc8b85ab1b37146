/** Which headers go on, in either direction. */
import type { IncomingHttpHeaders } from 'node:http'
import { rfc3339 } from '../core/text.ts'
import { formatCredits, MICROCREDITS_PER_CREDIT } from '../core/units.ts'
import type { Decision } from '../ledger/ledger.ts'
import type { UpstreamTarget } from './call.ts'
import { CREDENTIAL_HEADERS } from './credentials.ts'

/** RFC 9110, section 7.6.1, with what older software still sends: they concern one connection only. */
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

/** Names that a Connection header adds to those which end at this hop. */
function namedByConnection(connection: string | undefined): ReadonlySet<string> {
  if (connection === undefined) return HOP_BY_HOP
  const names = connection
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  return names.every((name) => HOP_BY_HOP.has(name) || name === 'close')
    ? HOP_BY_HOP
    : new Set([...HOP_BY_HOP, ...names])
}

/**
 * The request's headers for the upstream. The caller's own Connection header is honoured before ours are added, so that
 * it cannot strip them (CVE-2026-33805).
 */
export function upstreamHeaders(headers: IncomingHttpHeaders, target: UpstreamTarget): string[] {
  const dropped = namedByConnection(headers.connection)
  const out: string[] = ['host', target.host, 'accept-encoding', 'identity']
  for (const name in headers) {
    if (NOT_FORWARDED.has(name) || dropped.has(name) || name.startsWith('x-tollgate-')) continue
    if (target.family.removedHeaders.includes(name)) continue
    const value = rewritten(target, name, headers[name])
    if (typeof value === 'string') out.push(name, value)
    else if (value !== undefined) for (const item of value) out.push(name, item)
  }
  if (target.apiKey !== null) out.push(...target.family.credential(target.apiKey))
  return out
}

function rewritten(
  target: UpstreamTarget,
  name: string,
  value: string | string[] | undefined,
): string | string[] | undefined {
  const rewrite = target.family.rewrittenHeaders[name]
  if (rewrite === undefined || value === undefined) return value
  return rewrite(Array.isArray(value) ? value.join(',') : value) ?? undefined
}

/** The answer's headers for the client, from undici's flat list of names and values, with ours. */
export function clientHeaders(
  raw: readonly (Buffer | string)[],
  own: readonly string[],
  keepLength: boolean,
): string[] {
  const pairs: [string, string][] = []
  let connection: string | undefined
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = String(raw[at]?.toString('latin1'))
    const value = String(raw[at + 1]?.toString('latin1'))
    if (name.toLowerCase() === 'connection')
      connection = connection === undefined ? value : `${connection},${value}`
    else pairs.push([name, value])
  }
  const dropped = namedByConnection(connection)
  const out: string[] = []
  for (const [name, value] of pairs) {
    const lower = name.toLowerCase()
    if (dropped.has(lower) || lower.startsWith('x-tollgate-')) continue
    if (lower === 'content-length' && !keepLength) continue
    // x-request-id is ours on every answer; the provider's own is what its support asks for.
    out.push(lower === 'x-request-id' ? 'x-upstream-request-id' : name, value)
  }
  out.push(...own)
  return out
}

/** The headers that tell where the user stands, as at admission. */
export function standingHeaders(decision: Decision): string[] {
  const { standing, period, now, explanation } = decision
  const headers = ['x-tollgate-credits-reset', rfc3339(period.end)]
  if (standing.limit === null || explanation.hideAmounts) return headers
  const remaining = Math.max(0, standing.limit - standing.counted - standing.held)
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

/**
 * The page's session in HTTP: its cookie, and the proof that a request comes from the page and not from another site
 * that is open in the browser.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

export interface SessionCookie {
  readonly name: string
  /** The session token of a request; null if it has none. */
  read(request: FastifyRequest): string | null
  write(reply: FastifyReply, token: string): void
  clear(reply: FastifyReply): void
}

/**
 * Browsers accept a cookie with this prefix only over TLS, for one host and all of its paths, so a sibling host cannot
 * set it.
 */
const HOST_PREFIX = '__Host-'
const NAME = 'tollgate_session'
export const CSRF_HEADER = 'x-tollgate-csrf'
const HARMLESS = new Set(['GET', 'HEAD', 'OPTIONS'])

/**
 * The cookie has no expiry, so the browser forgets it when it closes. The store enforces the lifetime of the session.
 */
export function createSessionCookie(publicUrl: string | null): SessionCookie {
  const secure = publicUrl !== null && new URL(publicUrl).protocol === 'https:'
  const name = secure ? HOST_PREFIX + NAME : NAME
  const options = { path: '/', httpOnly: true, sameSite: 'strict', secure } as const
  return {
    name,
    read: ({ cookies }) => cookies[name] ?? null,
    write: (reply, token) => void reply.setCookie(name, token, options),
    clear: (reply) => void reply.clearCookie(name, options),
  }
}

/** Derived from the session's token, so nothing has to be stored, and the token cannot be computed from it. */
export function csrfTokenOf(sessionToken: string): string {
  return createHmac('sha256', sessionToken).update('tollgate csrf').digest('base64url')
}

/** Whether a request with this session may change data. Reads are always allowed. */
export function provesOwnPage({ method, headers }: FastifyRequest, sessionToken: string): boolean {
  if (HARMLESS.has(method)) return true
  const given = headers[CSRF_HEADER]
  return typeof given === 'string' && equal(given, csrfTokenOf(sessionToken))
}

/** Compares hashes, so that the timing reveals neither of the texts nor its length. */
export function equal(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

/**
 * Whether the browser says that a page of another site sent this request. Clients other than browsers send no such
 * headers, and the check does not apply to them. The public address counts as our own besides the called one, because a
 * proxy may call us under another name.
 */
export function isFromElsewhere({ headers, method }: FastifyRequest, publicUrl: string | null): boolean {
  if (HARMLESS.has(method)) return false
  const site = headers['sec-fetch-site']
  if (site !== undefined && site !== 'same-origin' && site !== 'none') return true
  const { origin, host } = headers
  if (origin === undefined) return false
  if (publicUrl !== null && origin === new URL(publicUrl).origin) return false
  return !URL.canParse(origin) || new URL(origin).host !== host
}

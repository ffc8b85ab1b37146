/**
 * The page's session on the wire: its cookie, and what proves that a request comes from the page and not from another site
 * that the browser has open.
 */
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import type { FastifyReply, FastifyRequest } from 'fastify'

export interface SessionCookie {
  readonly name: string
  /** The token that a request brings; null for none. */
  read(request: FastifyRequest): string | null
  write(reply: FastifyReply, token: string): void
  clear(reply: FastifyReply): void
}

/** Browsers take a cookie of this prefix only over TLS, for one host and all of its paths: no neighbour can plant one. */
const HOST_PREFIX = '__Host-'
const NAME = 'tollgate_session'
export const CSRF_HEADER = 'x-tollgate-csrf'
const HARMLESS = new Set(['GET', 'HEAD', 'OPTIONS'])

/** Without an end of its own, so that the browser forgets it when it closes; how long a session lives, the store knows. */
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

/** Follows from the session's token, so nothing has to be kept, and tells nothing about it. */
export function csrfTokenOf(sessionToken: string): string {
  return createHmac('sha256', sessionToken).update('tollgate csrf').digest('base64url')
}

/** Whether a request with this session may change something: reads may always be asked for. */
export function provesOwnPage({ method, headers }: FastifyRequest, sessionToken: string): boolean {
  if (HARMLESS.has(method)) return true
  const given = headers[CSRF_HEADER]
  return typeof given === 'string' && equal(given, csrfTokenOf(sessionToken))
}

/** Compares hashes, so that the time it takes tells neither of the texts nor its length. */
export function equal(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}

/**
 * Whether a browser says that another site's page makes this request. Programs say nothing, and are not meant. The public
 * address counts as our own besides the one that was called, because a proxy may call us by another name.
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

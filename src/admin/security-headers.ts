/**
 * Default headers that forbid a browser to do anything with a response of the admin plane; the page sets its own. An
 * attacker who lures an admin to a response can neither frame it, nor run its content, nor read it from another site.
 */
import type { FastifyInstance, FastifyReply } from 'fastify'

export const SECURITY_HEADERS: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'x-content-type-options': 'nosniff',
  'x-frame-options': 'DENY',
}

export function useSecurityHeaders(app: FastifyInstance): void {
  app.addHook('onSend', (_request, reply, _payload, next) => {
    secure(reply)
    next()
  })
}

/** Also used for responses that bypass the hooks. */
export function secure(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    if (!reply.hasHeader(name)) reply.header(name, value)
  }
}

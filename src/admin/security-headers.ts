/**
 * What a browser may do with an answer of the admin plane: nothing, unless the answer says otherwise itself, as the page
 * does. Whoever lures an admin to an answer can neither frame it, nor run what stands in it, nor read it from another site.
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

/** Also for answers that no hook sees. */
export function secure(reply: FastifyReply): void {
  for (const [name, value] of Object.entries(SECURITY_HEADERS)) {
    if (!reply.hasHeader(name)) reply.header(name, value)
  }
}

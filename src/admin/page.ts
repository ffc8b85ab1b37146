/**
 * The page at `/`: one document for all of its addresses, and the files that it loads.
 *
 * Browsers never store the document, so that each load gets the current version. Its files have a hash in their names
 * and are cached for ever. Scripts may come only from this origin, and so may styles, except for a few that the page's
 * components write at run time. These carry a nonce, and each response with the document has a new one.
 */
import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fastifyStatic from '@fastify/static'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { packageFile } from '../package.ts'
import { sendProblem } from './problems.ts'

/** Paths of views. Each serves the document, so that a view can be reloaded, bookmarked and linked from a message. */
export const PAGE_PATHS = [
  '/',
  '/start',
  '/limits',
  '/usage',
  '/notifications',
  '/channels',
  '/members',
  '/keys',
  '/audit',
] as const

/** The folder into which the build writes the page. */
const BUILT = fileURLToPath(packageFile('dist/web'))
const NONCE_PLACE = '__STYLE_NONCE__'
const NONCE_BYTES = 16

/**
 * Restricts what the document may load and do: its scripts send requests only to this origin, no site may frame it, and
 * it submits no forms.
 */
function contentSecurityPolicy(nonce: string): string {
  return [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; ')
}

/** Serves the page from `root`. If it was not built, for example after `tsc` alone, its addresses say so. */
export function pageRoutes(app: FastifyInstance, root: string = BUILT): void {
  const file = join(root, 'index.html')
  const [head, tail] = existsSync(file) ? readFileSync(file, 'utf8').split(NONCE_PLACE) : []
  if (head === undefined || tail === undefined) {
    for (const path of PAGE_PATHS)
      app.get(path, { schema: { hide: true } }, (_request, reply) => sendNotBuilt(reply))
    return
  }
  for (const path of PAGE_PATHS) {
    app.get(path, { schema: { hide: true } }, (_request, reply) => {
      const nonce = randomBytes(NONCE_BYTES).toString('base64')
      return reply
        .header('content-security-policy', contentSecurityPolicy(nonce))
        .header('cache-control', 'no-cache')
        .type('text/html; charset=utf-8')
        .send(head + nonce + tail)
    })
  }
  void app.register(fastifyStatic, {
    root: join(root, 'assets'),
    prefix: '/assets/',
    index: false,
    decorateReply: false,
    preCompressed: true,
    immutable: true,
    maxAge: '365d',
  })
}

function sendNotBuilt(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 'not_found', 'The page was not built: npm run build builds it.')
}

/**
 * Serves free routes (model lists) through @fastify/http-proxy. Only exact paths are allowed, as sent by the client.
 * Nothing is decoded, so a path cannot mean one thing here and another at the provider.
 */
import type { IncomingHttpHeaders } from 'node:http'
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { isRefusal, refuse, type Refusal } from '../errors.ts'
import { tooLarge, type BodyLimits } from './bodies.ts'
import type { Caller, UpstreamTarget } from './call.ts'
import { forwardableQuery } from './credentials.ts'
import { clientHeaders, upstreamHeaders } from './headers.ts'
import { pathOf } from './request.ts'
import { codingOf, type Coding } from './unpack.ts'
import { upstreamPath } from './upstream-path.ts'
import { routeNotAllowed, type WrongPath } from './wrong-path.ts'

export interface PassThroughOptions {
  readonly target: UpstreamTarget
  readonly prefix: string
  /** The upstream's URL without a slash at its end. */
  readonly url: string
  readonly dispatcher: Dispatcher
  readonly bodyLimits: BodyLimits
  /**
   * Reads a complete body, unpacks it, and keeps its memory until the answer is finished. Resolves to null if the
   * client disconnects before that.
   */
  readonly readBody: (request: FastifyRequest, coding: Coding | null) => Promise<Buffer | Refusal | null>
  /** What an unknown path was probably meant to be, for callers with a valid key; null if that cannot be told. */
  readonly hintFor: (request: FastifyRequest) => Promise<WrongPath | null>
  readonly identify: (headers: IncomingHttpHeaders, url: string) => Promise<Caller | Refusal>
  /** The header in which apps name their user, besides x-tollgate-user. */
  readonly userHeader: string | undefined
  /** A removed user is refused from the next call on, whatever a cache says (A4). */
  readonly isMember: (caller: Caller) => Promise<boolean | Refusal>
  readonly requestIdOf: (request: FastifyRequest) => string
  readonly refuse: (request: FastifyRequest, reply: FastifyReply, refusal: Refusal) => void
  /** Called when a call was passed on and answered. */
  readonly onAnswered: (request: FastifyRequest, reply: FastifyReply) => void
}

/** Answers every path below the prefix that is not metered: passes the free ones on and refuses all others. */
export async function registerPassThrough(app: FastifyInstance, options: PassThroughOptions): Promise<void> {
  const { target, prefix } = options
  /** Fastify treats a refusal as an answer too; it must not be counted as the provider's. */
  const refused = new WeakSet<FastifyRequest>()
  const refuseOnce: PassThroughOptions['refuse'] = (request, reply, refusal) => {
    refused.add(request)
    options.refuse(request, reply, refusal)
  }

  async function admit(request: FastifyRequest): Promise<Refusal | null | 'gone'> {
    const url = request.raw.url ?? ''
    // The router also matches request targets that begin with `http://host`; for those, slicing the prefix off would
    // give another path.
    const path = url.startsWith(`${prefix}/`) ? pathOf(url).slice(prefix.length) : pathOf(url)
    const allowed = target.family.free.some(
      (route) => route.method === request.method && route.path.test(path),
    )
    if (!allowed) return routeNotAllowed(request.method, path, await options.hintFor(request))
    const unreadable = bodyRefusal(request, options.bodyLimits)
    if (unreadable !== null) return unreadable
    const caller = await options.identify(request.headers, url)
    if (isRefusal(caller)) return caller
    const member = await options.isMember(caller)
    if (typeof member === 'object') return member
    if (!member) return refuse('unknown_user', `The organization has no member '${caller.user}'.`)
    return request.method === 'POST' ? takeBody(request, options) : null
  }

  await app.register(async (scope) => {
    scope.addHook('onResponse', (request, reply, done) => {
      if (!refused.has(request)) options.onAnswered(request, reply)
      done()
    })
    await scope.register(httpProxy, proxyOptions({ ...options, refuse: refuseOnce }, admit))
  })
}

type Admit = (request: FastifyRequest) => Promise<Refusal | null | 'gone'>

function proxyOptions(options: PassThroughOptions, admit: Admit): FastifyHttpProxyOptions {
  const { target, prefix, url } = options
  return {
    upstream: url,
    prefix,
    rewritePrefix: target.basePath,
    preRewrite: (rawUrl: string) => prefix + upstreamPath(target, rawUrl.slice(prefix.length)),
    // http-proxy's own agent does not verify the upstream's certificate.
    undici: options.dispatcher,
    disableRequestLogging: true,
    httpMethods: ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT', 'OPTIONS'],
    // With the default, one GET that is answered with 503 would reach the upstream eleven times.
    retryMethods: [],
    preHandler: (request, reply, next) => {
      admit(request).then(
        (refusal) => {
          if (refusal === null) next()
          else if (refusal !== 'gone') options.refuse(request, reply, refusal)
        },
        (error: unknown) => next(error instanceof Error ? error : new Error(String(error))),
      )
    },
    handler: (request: FastifyRequest, reply: FastifyReply, dest: string, from: object) => {
      const body = taken.get(request)
      // A body without a content type would be serialized as JSON again.
      const contentType = request.headers['content-type'] ?? 'application/octet-stream'
      if (body === undefined) return reply.from(dest, from)
      return reply.from(dest, body.length === 0 ? { ...from, body: null } : { ...from, body, contentType })
    },
    replyOptions: {
      retryDelay: () => null,
      queryString: (_search, reqUrl) => forwardableQuery(reqUrl).slice(1),
      rewriteRequestHeaders: (request) =>
        pairsToObject(upstreamHeaders(request.headers, target, options.userHeader)),
      rewriteHeaders: (headers, request) => {
        const own =
          request === undefined ? [] : ['x-request-id', options.requestIdOf(request as FastifyRequest)]
        return pairsToObject(clientHeaders(objectToPairs(headers), own, true))
      },
      onError: (reply, { error }) => {
        const timedOut = 'code' in error && String(error.code).includes('TIMEOUT')
        const refusal = timedOut
          ? refuse('upstream_timeout', 'The provider did not answer in time.')
          : refuse('upstream_unreachable', 'The provider could not be reached.')
        options.refuse(reply.request as FastifyRequest, reply as FastifyReply, refusal)
      },
    },
  }
}

/** Refuses bodies by their headers. Only the body of a POST is read. */
function bodyRefusal({ headers, method }: FastifyRequest, limits: BodyLimits): Refusal | null {
  if (method !== 'POST' && headers['transfer-encoding'] !== undefined) {
    return refuse('invalid_request', 'A body needs a content-length here.', { param: 'transfer-encoding' })
  }
  if (Number(headers['content-length'] ?? 0) > limits.bodyBytes) return tooLarge(limits)
  const coding = codingOf(headers['content-encoding'])
  return coding !== null && typeof coding === 'object' ? coding : null
}

/** Bodies that were read completely. http-proxy would stream them: past every limit, and compressed. */
const taken = new WeakMap<FastifyRequest, Buffer>()

async function takeBody(
  request: FastifyRequest,
  { readBody }: PassThroughOptions,
): Promise<Refusal | null | 'gone'> {
  const coding = codingOf(request.headers['content-encoding'])
  const body = await readBody(request, typeof coding === 'object' ? null : coding)
  if (body === null) return 'gone'
  if (!Buffer.isBuffer(body)) return body
  taken.set(request, body)
  return null
}

/** Header names come from callers and providers, so one may be `constructor`, which a plain object already has. */
function pairsToObject(pairs: readonly string[]): Record<string, string | string[]> {
  const headers = new Map<string, string | string[]>()
  for (let at = 0; at + 1 < pairs.length; at += 2) {
    const name = String(pairs[at])
    const value = String(pairs[at + 1])
    const known = headers.get(name)
    headers.set(name, known === undefined ? value : [known, value].flat())
  }
  return Object.fromEntries(headers)
}

function objectToPairs(headers: Readonly<Record<string, string | string[] | number | undefined>>): string[] {
  const pairs: string[] = []
  for (const [name, value] of Object.entries(headers)) {
    if (value === undefined) continue
    for (const item of Array.isArray(value) ? value : [value]) pairs.push(name, String(item))
  }
  return pairs
}

/**
 * Routes that cost nothing (model lists), carried by @fastify/http-proxy. Only exact paths pass, as they stand on the wire:
 * nothing is decoded, so nothing can mean one thing here and another at the provider.
 */
import type { IncomingHttpHeaders } from 'node:http'
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { isRefusal, refuse, type Refusal } from '../errors.ts'
import { readBody, tooLarge, type Bodies } from './bodies.ts'
import type { Caller, UpstreamTarget } from './call.ts'
import { onConnectionClosed } from './client-connection.ts'
import { forwardableQuery } from './credentials.ts'
import { clientHeaders, upstreamHeaders } from './headers.ts'
import { codingOf } from './unpack.ts'
import { upstreamPath } from './upstream-path.ts'
import type { WrongPath } from './wrong-path.ts'

export interface PassThroughOptions {
  readonly target: UpstreamTarget
  readonly prefix: string
  /** The upstream's URL without a slash at its end. */
  readonly url: string
  readonly dispatcher: Dispatcher
  readonly bodies: Bodies
  /** What a path that is no route was meant to be, for callers who may know; null where that cannot be told. */
  readonly hintFor: (request: FastifyRequest) => Promise<WrongPath | null>
  readonly identify: (headers: IncomingHttpHeaders, url: string) => Promise<Caller | Refusal>
  /** In which apps name their user, beside x-tollgate-user. */
  readonly userHeader: string | undefined
  /** A removed user fails at the very next call, whatever a cache says (A4). */
  readonly isMember: (caller: Caller) => Promise<boolean | Refusal>
  readonly requestIdOf: (request: FastifyRequest) => string
  readonly refuse: (request: FastifyRequest, reply: FastifyReply, refusal: Refusal) => void
  /** A call was passed on and answered. */
  readonly onAnswered: (request: FastifyRequest, reply: FastifyReply) => void
}

/** The path of a request target, as it stands on the wire. */
export function pathOf(url: string): string {
  const mark = url.indexOf('?')
  return mark === -1 ? url : url.slice(0, mark)
}

/** Answers every path below the prefix that is not metered: passes the free ones on, refuses all others. */
export async function registerPassThrough(app: FastifyInstance, options: PassThroughOptions): Promise<void> {
  const { target, prefix } = options
  /** A refusal is an answer to Fastify as well, and must not be counted as the provider's. */
  const refused = new WeakSet<FastifyRequest>()
  const refuseOnce: PassThroughOptions['refuse'] = (request, reply, refusal) => {
    refused.add(request)
    options.refuse(request, reply, refusal)
  }

  async function admit(request: FastifyRequest, reply: FastifyReply): Promise<Refusal | null> {
    const url = request.raw.url ?? ''
    // The router also finds routes behind `http://host`, where what follows the prefix is another path.
    const path = url.startsWith(`${prefix}/`) ? pathOf(url).slice(prefix.length) : pathOf(url)
    const allowed = target.family.free.some(
      (route) => route.method === request.method && route.path.test(path),
    )
    if (!allowed) return routeNotAllowed(request.method, path, await options.hintFor(request))
    const unreadable = bodyRefusal(request, options.bodies)
    if (unreadable !== null) return unreadable
    const caller = await options.identify(request.headers, url)
    if (isRefusal(caller)) return caller
    const member = await options.isMember(caller)
    if (typeof member === 'object') return member
    if (!member) return refuse('unknown_user', `The organization has no member '${caller.user}'.`)
    return request.method === 'POST' ? takeBody(request, reply, options.bodies) : null
  }

  await app.register(async (scope) => {
    scope.addHook('onResponse', (request, reply, done) => {
      if (!refused.has(request)) options.onAnswered(request, reply)
      done()
    })
    await scope.register(httpProxy, proxyOptions({ ...options, refuse: refuseOnce }, admit))
  })
}

type Admit = (request: FastifyRequest, reply: FastifyReply) => Promise<Refusal | null>

function proxyOptions(options: PassThroughOptions, admit: Admit): FastifyHttpProxyOptions {
  const { target, prefix, url } = options
  return {
    upstream: url,
    prefix,
    rewritePrefix: target.basePath,
    preRewrite: (rawUrl: string) => prefix + upstreamPath(target, rawUrl.slice(prefix.length)),
    // Without an Agent of our own, the upstream's certificate would not be verified.
    undici: options.dispatcher,
    disableRequestLogging: true,
    httpMethods: ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT', 'OPTIONS'],
    // By default one GET that gets 503 reaches the upstream eleven times.
    retryMethods: [],
    preHandler: (request, reply, next) => {
      admit(request, reply).then(
        (refusal) => (refusal === null ? next() : options.refuse(request, reply, refusal)),
        (error: unknown) => next(error instanceof Error ? error : new Error(String(error))),
      )
    },
    handler: (request: FastifyRequest, reply: FastifyReply, dest: string, from: object) => {
      const body = taken.get(request)
      // A body without a type would be written as JSON once more.
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

/** What can be told of a body from the headers. Only POST has one that is read. */
function bodyRefusal({ headers, method }: FastifyRequest, { limits }: Bodies): Refusal | null {
  if (method !== 'POST' && headers['transfer-encoding'] !== undefined) {
    return refuse('invalid_request', 'A body needs a content-length here.', { param: 'transfer-encoding' })
  }
  if (Number(headers['content-length'] ?? 0) > limits.bodyBytes) return tooLarge(limits)
  const coding = codingOf(headers['content-encoding'])
  return coding !== null && typeof coding === 'object' ? coding : null
}

/** Bodies that were read whole. http-proxy would pass them on as they come: past every bound, and compressed. */
const taken = new WeakMap<FastifyRequest, Buffer>()

/** Reads the body, within its bounds and unpacked; its memory is given back when the answer is over. */
function takeBody(request: FastifyRequest, reply: FastifyReply, bodies: Bodies): Promise<Refusal | null> {
  const { raw, headers } = request
  const coding = codingOf(headers['content-encoding'])
  return new Promise((resolve) => {
    readBody(raw, typeof coding === 'object' ? null : coding, bodies, {
      whole: (body, free) => {
        taken.set(request, body)
        const stopWatching = onConnectionClosed(raw.socket, free)
        reply.raw.once('close', () => {
          stopWatching()
          free()
        })
        resolve(null)
      },
      refused: resolve,
    })
  })
}

export function routeNotAllowed(method: string, path: string, wrong: WrongPath | null = null): Refusal {
  const what = `${method} ${path.slice(0, 200)} is not allowed:`
  return refuse(
    'route_not_allowed',
    wrong !== null
      ? `${what} ${wrong.hint}`
      : `${what} nothing is known about its price. Check the base URL and the path. An operator can allow it at a flat price, as a route with creditsPerCall of an upstream of family generic.`,
  )
}

/** Names are the caller's and the provider's, so that one may be `constructor`: a plain object would know it already. */
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

/**
 * Routes that cost nothing (model lists), carried by @fastify/http-proxy. Only exact paths pass, as they stand on the wire:
 * nothing is decoded, so nothing can mean one thing here and another at the provider.
 */
import type { IncomingHttpHeaders } from 'node:http'
import httpProxy, { type FastifyHttpProxyOptions } from '@fastify/http-proxy'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Dispatcher } from 'undici'
import { isRefusal, refuse, type Refusal } from '../errors.ts'
import type { Caller, UpstreamTarget } from './call.ts'
import { forwardableQuery } from './credentials.ts'
import { clientHeaders, upstreamHeaders } from './headers.ts'

export interface PassThroughOptions {
  readonly target: UpstreamTarget
  readonly prefix: string
  /** The upstream's URL without a slash at its end. */
  readonly url: string
  readonly dispatcher: Dispatcher
  readonly bodyBytes: number
  readonly identify: (headers: IncomingHttpHeaders, url: string) => Promise<Caller | Refusal>
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

  async function admit(request: FastifyRequest): Promise<Refusal | null> {
    const url = request.raw.url ?? ''
    // The router also finds routes behind `http://host`, where what follows the prefix is another path.
    const path = url.startsWith(`${prefix}/`) ? pathOf(url).slice(prefix.length) : pathOf(url)
    const allowed = target.family.free.some(
      (route) => route.method === request.method && route.path.test(path),
    )
    if (!allowed) return routeNotAllowed(request.method, path)
    const tooLarge = bodyRefusal(request, options.bodyBytes)
    if (tooLarge !== null) return tooLarge
    const caller = await options.identify(request.headers, url)
    if (isRefusal(caller)) return caller
    const member = await options.isMember(caller)
    if (typeof member === 'object') return member
    return member ? null : refuse('unknown_user', `The organization has no member '${caller.user}'.`)
  }

  await app.register(async (scope) => {
    scope.addHook('onResponse', (request, reply, done) => {
      if (!refused.has(request)) options.onAnswered(request, reply)
      done()
    })
    await scope.register(httpProxy, proxyOptions({ ...options, refuse: refuseOnce }, admit))
  })
}

type Admit = (request: FastifyRequest) => Promise<Refusal | null>

function proxyOptions(options: PassThroughOptions, admit: Admit): FastifyHttpProxyOptions {
  const { target, prefix, url } = options
  return {
    upstream: url,
    prefix,
    rewritePrefix: target.basePath,
    // Without an Agent of our own, the upstream's certificate would not be verified.
    undici: options.dispatcher,
    disableRequestLogging: true,
    httpMethods: ['DELETE', 'GET', 'HEAD', 'PATCH', 'POST', 'PUT', 'OPTIONS'],
    // By default one GET that gets 503 reaches the upstream eleven times.
    retryMethods: [],
    preHandler: (request, reply, next) => {
      admit(request).then(
        (refusal) => (refusal === null ? next() : options.refuse(request, reply, refusal)),
        (error: unknown) => next(error instanceof Error ? error : new Error(String(error))),
      )
    },
    replyOptions: {
      retryDelay: () => null,
      queryString: (_search, reqUrl) => forwardableQuery(reqUrl).slice(1),
      rewriteRequestHeaders: (request) => pairsToObject(upstreamHeaders(request.headers, target)),
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

/** http-proxy passes bodies on as they come, past every limit of Fastify's: so their length must be known beforehand. */
function bodyRefusal(request: FastifyRequest, bodyBytes: number): Refusal | null {
  if (request.headers['transfer-encoding'] !== undefined) {
    return refuse('invalid_request', 'A body needs a content-length here.', { param: 'transfer-encoding' })
  }
  return Number(request.headers['content-length'] ?? 0) > bodyBytes
    ? refuse('body_too_large', `The request body is larger than ${bodyBytes} bytes.`)
    : null
}

export function routeNotAllowed(method: string, path: string): Refusal {
  return refuse(
    'route_not_allowed',
    `${method} ${path.slice(0, 200)} is not allowed: nothing is known about its price. An operator can allow it at a flat price, as a route with creditsPerCall of an upstream of family generic.`,
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

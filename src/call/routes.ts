/**
 * Routes requests by path, for one configuration; a reload replaces the whole router. Metered routes are served here
 * without a framework: they need none, and its overhead per request would equal the cost of the enforcement itself.
 * Paths match exactly; bodies are raw bytes.
 */
import type { IncomingMessage } from 'node:http'
import findMyWay from 'find-my-way'
import { refuse, type Refusal } from '../errors.ts'
import type { MeteredRoute } from '../families/family.ts'
import type { Call, UpstreamTarget } from './call.ts'
import type { CallLog } from './call-log.ts'
import type { Endings } from './endings.ts'
import type { OpenRequest } from './open-calls.ts'
import { pathOf, requestIdOf } from './request.ts'
import type { Pipeline } from './pipeline.ts'
import { codingOf } from './unpack.ts'
import { routeNotAllowed } from './wrong-path.ts'

/** Serves a request to its end. */
export type Serve = (opened: OpenRequest) => void

export interface RoutesOptions {
  readonly upstreams: readonly { readonly prefix: string; readonly target: UpstreamTarget }[]
  readonly pipeline: Pick<Pipeline, 'handle'>
  readonly endings: Endings
  readonly calls: Pick<CallLog, 'begin'>
  /** Serves every request that is not metered. */
  readonly others: Serve
}

interface Entry {
  readonly prefix: string
  readonly target: UpstreamTarget
  readonly route: MeteredRoute
}

/**
 * A path without escapes or dot segments, and without characters that some readers treat as the end of the path and
 * others do not.
 */
const PLAIN_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@!$&'()*+,;=-]*)+$/
/** RFC 9110, section 8.3.1. The provider interprets the parameters after the semicolon. */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/
const JSON_TYPE = /^application\/json\s*(?:;|$)/i
/**
 * Character sets in which ASCII bytes always mean ASCII characters. UTF-7, for example, could hide a JSON key from the
 * gateway.
 */
const PLAIN_CHARSET = /;\s*charset\s*=\s*"?(?:utf-?8|us-ascii|iso-8859-1)"?\s*(?:;|$)/i
/** Serves metered routes; passes every other request to `others`. */
export function createRoutes(options: RoutesOptions): Serve {
  const entryOf = createRouter(options)
  const webSocketOf = createWebSocketRouter(options)
  return (opened) => {
    const entry = entryOf(opened.request)
    const webSocket = entry === null ? webSocketOf(opened.request) : null
    if (entry !== null) serve(entry, opened, options)
    else if (webSocket !== null) refuseWebSocket(webSocket, opened, options)
    else options.others(opened)
  }
}

/**
 * Only the method and the path select a route. Paths that could be read in another way are refused, or match no route.
 */
function createRouter({ upstreams }: RoutesOptions): (request: IncomingMessage) => Entry | null {
  const router = findMyWay({ caseSensitive: true })
  for (const { prefix, target } of upstreams) {
    for (const route of target.family.metered) {
      const entry = { prefix, target, route }
      router.on(route.method, prefix + route.url, () => undefined, entry)
    }
  }
  return (request) => {
    const found = router.find(request.method as findMyWay.HTTPMethod, pathOf(request.url ?? ''))
    return found === null ? null : (found.store as Entry)
  }
}

const WEB_SOCKET = /(?:^|,)\s*websocket\s*(?:,|$)/i

/** The route on which a client asks to upgrade to WebSocket. */
function createWebSocketRouter({ upstreams }: RoutesOptions): (request: IncomingMessage) => Entry | null {
  const entries = new Map<string, Entry>()
  for (const { prefix, target } of upstreams) {
    for (const route of target.family.metered) {
      if (target.family.webSocketPaths.includes(route.url))
        entries.set(prefix + route.url, { prefix, target, route })
    }
  }
  return ({ method, url = '', headers: { upgrade } }) =>
    method === 'GET' && upgrade !== undefined && WEB_SOCKET.test(upgrade)
      ? (entries.get(pathOf(url)) ?? null)
      : null
}

/**
 * Without an `upgrade` listener, Node treats an upgrade request like any other request. It is answered without
 * authentication: clients retry after a 404, and continue over HTTP after a 426. The connection is closed, since the
 * bytes that follow may not be HTTP.
 */
function refuseWebSocket(entry: Entry, opened: OpenRequest, { endings, calls }: RoutesOptions): void {
  opened.response.shouldKeepAlive = false
  const refusal = refuse(
    'websocket_not_supported',
    `This route is served over HTTP only: send POST ${entry.prefix}${entry.route.url}.`,
  )
  endings.refuseCall(callOf(entry, opened, calls), refusal)
}

function callOf({ prefix, target, route }: Entry, opened: OpenRequest, calls: RoutesOptions['calls']): Call {
  const { request } = opened
  return {
    opened,
    target,
    route,
    path: pathOf(request.url ?? '').slice(prefix.length),
    requestId: requestIdOf(request),
    startedMs: performance.now(),
    record: calls.begin(),
  }
}

function serve(entry: Entry, opened: OpenRequest, { pipeline, endings, calls }: RoutesOptions): void {
  const call = callOf(entry, opened, calls)
  const { headers } = opened.request
  const coding = entry.route.takes === 'anything' ? null : codingOf(headers['content-encoding'])
  const isPlain = coding === null || typeof coding === 'string'
  const refusal = unreadable(entry.prefix, call) ?? (isPlain ? null : coding)
  if (refusal !== null) endings.refuseCall(call, refusal)
  else if (isPlain) void pipeline.handle(call, coding)
}

/** Refuses, by the headers alone, a path or body that two readers could interpret differently. */
function unreadable(prefix: string, { opened: { request }, route, path }: Call): Refusal | null {
  if (!PLAIN_PATH.test(path) || !(request.url ?? '').startsWith(`${prefix}/`)) {
    return routeNotAllowed(route.method, path)
  }
  const type = request.headers['content-type']
  if (type !== undefined && !MEDIA_TYPE.test(type)) {
    return refuse('invalid_request', 'The content-type is not a media type.', { param: 'content-type' })
  }
  if (route.takes === 'anything') return null
  if (!isJson(type ?? '')) {
    return refuse('invalid_request', 'The content-type must be application/json, in UTF-8.', {
      param: 'content-type',
    })
  }
  return null
}

function isJson(type: string): boolean {
  if (type === 'application/json') return true
  if (!JSON_TYPE.test(type)) return false
  const charsets = type.match(/charset/gi)?.length ?? 0
  return charsets === 0 || (charsets === 1 && PLAIN_CHARSET.test(type))
}

/**
 * The routes that cost credits, taken off the server before its framework sees them: they need nothing of it, and what it
 * does for a request costs as much as the enforcement itself. Exact paths, bodies as raw bytes.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import findMyWay from 'find-my-way'
import { refuse, type Refusal } from '../errors.ts'
import type { MeteredRoute } from '../families/family.ts'
import { readBody, type Bodies } from './bodies.ts'
import type { Call, UpstreamTarget } from './call.ts'
import { pathOf, routeNotAllowed } from './pass-through.ts'
import type { Pipeline } from './pipeline.ts'
import { codingOf, type Coding } from './unpack.ts'

export interface MeteredRoutesOptions {
  readonly upstreams: readonly { readonly prefix: string; readonly target: UpstreamTarget }[]
  readonly pipeline: Pipeline
  readonly bodies: Bodies
}

interface Entry {
  readonly prefix: string
  readonly target: UpstreamTarget
  readonly route: MeteredRoute
}

/** No escapes, no dot segments, nothing that one reader takes for the end of a path and another does not. */
const PLAIN_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@!$&'()*+,;=-]*)+$/
/** RFC 9110, section 8.3.1; what follows a semicolon is the provider's to read. */
const MEDIA_TYPE = /^[\w!#$%&'*+.^`|~-]+\/[\w!#$%&'*+.^`|~-]+\s*(?:;|$)/
const JSON_TYPE = /^application\/json\s*(?:;|$)/i
/** Character sets in which an ASCII character stands for itself and nothing else does: UTF-7 could hide a key from us. */
const PLAIN_CHARSET = /;\s*charset\s*=\s*"?(?:utf-?8|us-ascii|iso-8859-1)"?\s*(?:;|$)/i
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

/** The caller's own id of a request where it is one, else a new one. */
export function requestIdOf({ headers }: IncomingMessage): string {
  const given = headers['x-request-id']
  return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
}

type Listener = (request: IncomingMessage, response: ServerResponse) => void

/** What each server serves with. */
const serving = new WeakMap<Server, Listener>()

/** Serves the metered routes of a server; every other request goes to the listeners that it has by now. */
export function serveMetered(server: Server, options: MeteredRoutesOptions): void {
  const others = server.listeners('request') as Listener[]
  const entryOf = createRouter(options)
  const webSocketOf = createWebSocketRouter(options)
  server.removeAllListeners('request')
  serveWith(server, (request, response) => {
    if (request.socket.destroyed) return
    if (isFramedTwice(request)) {
      server.emit('clientError', new Error('Transfer-Encoding in HTTP/1.0'), request.socket)
      return
    }
    const entry = entryOf(request)
    const webSocket = entry === null ? webSocketOf(request) : null
    if (entry !== null) serve(entry, request, response, options)
    else if (webSocket !== null) refuseWebSocket(webSocket, request, response, options)
    else for (const listener of others) listener.call(server, request, response)
  })
}

/** Where HTTP/1.0 has no chunks (RFC 9112, section 6.1), whoever stands in front of us may see the body end elsewhere. */
function isFramedTwice({ httpVersionMinor, headers }: IncomingMessage): boolean {
  return httpVersionMinor === 0 && headers['transfer-encoding'] !== undefined
}

function serveWith(server: Server, listener: Listener): void {
  server.on('request', listener)
  serving.set(server, listener)
}

/** From the next request on, `server` serves as `other` would; those under way end as they began. */
export function serveLike(server: Server, other: Server): void {
  const [before, after] = [serving.get(server), serving.get(other)]
  if (before === undefined || after === undefined) throw new Error('a server without metered routes')
  server.off('request', before)
  serveWith(server, after)
}

/** The path alone decides: what it could be taken for otherwise was refused, or is not a route. */
function createRouter({ upstreams }: MeteredRoutesOptions): (request: IncomingMessage) => Entry | null {
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

/** The route that a client asks to go on with by WebSocket. */
function createWebSocketRouter({
  upstreams,
}: MeteredRoutesOptions): (request: IncomingMessage) => Entry | null {
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
 * Without a listener for upgrades Node hands the request on like any other. Answered at once, whoever asks: clients try
 * again after a 404, and go on by HTTP after a 426. The connection ends, since what follows on it may be no HTTP.
 */
function refuseWebSocket(
  entry: Entry,
  request: IncomingMessage,
  response: ServerResponse,
  { pipeline }: MeteredRoutesOptions,
): void {
  response.shouldKeepAlive = false
  const refusal = refuse(
    'websocket_not_supported',
    `This route is served over HTTP only: send POST ${entry.prefix}${entry.route.url}.`,
  )
  pipeline.refuse(callOf(entry, request, response, pipeline), refusal)
}

function callOf(
  { prefix, target, route }: Entry,
  request: IncomingMessage,
  response: ServerResponse,
  pipeline: Pipeline,
): Call {
  return {
    request,
    response,
    target,
    route,
    path: pathOf(request.url ?? '').slice(prefix.length),
    requestId: requestIdOf(request),
    startedMs: performance.now(),
    identifiedMs: 0,
    caller: null,
    record: pipeline.record(),
    isCounted: false,
    stopWatching: () => undefined,
  }
}

function serve(
  entry: Entry,
  request: IncomingMessage,
  response: ServerResponse,
  { pipeline, bodies }: MeteredRoutesOptions,
): void {
  const call = callOf(entry, request, response, pipeline)
  const refusal = unreadable(call)
  if (refusal !== null) {
    pipeline.refuse(call, refusal)
    return
  }
  const coding = entry.route.takes === 'anything' ? null : codingOf(request.headers['content-encoding'])
  if (coding !== null && typeof coding === 'object') pipeline.refuse(call, coding)
  else pipeline.arrive(call, () => takeBody(pipeline, call, coding, bodies))
}

/** What can be told from the headers: a path or a body that two readers could understand differently. */
function unreadable({ request, route, path }: Call): Refusal | null {
  if (!PLAIN_PATH.test(path) || !(request.url ?? '').startsWith('/')) {
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

function takeBody(pipeline: Pipeline, call: Call, coding: Coding | null, bodies: Bodies): void {
  readBody(call.request, coding, bodies, {
    whole: (body, free) => void pipeline.handle(call, body, free),
    refused: (refusal) => pipeline.refuse(call, refusal),
  })
}

/**
 * The routes that cost credits, taken off the server before its framework sees them: they need nothing of it, and what it
 * does for a request costs as much as the enforcement itself. Exact paths, bodies as raw bytes.
 */
import { randomUUID } from 'node:crypto'
import type { IncomingMessage, Server, ServerResponse } from 'node:http'
import findMyWay from 'find-my-way'
import { refuse, type Refusal } from '../errors.ts'
import type { MeteredRoute } from '../families/family.ts'
import type { Call, UpstreamTarget } from './call.ts'
import { pathOf, routeNotAllowed } from './pass-through.ts'
import type { Pipeline } from './pipeline.ts'

export interface MeteredRoutesOptions {
  readonly upstreams: readonly { readonly prefix: string; readonly target: UpstreamTarget }[]
  readonly pipeline: Pipeline
  readonly bodyBytes: number
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
  server.removeAllListeners('request')
  serveWith(server, (request, response) => {
    const entry = entryOf(request)
    if (entry === null) for (const listener of others) listener.call(server, request, response)
    else serve(entry, request, response, options)
  })
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

function serve(
  { prefix, target, route }: Entry,
  request: IncomingMessage,
  response: ServerResponse,
  { pipeline, bodyBytes }: MeteredRoutesOptions,
): void {
  const call: Call = {
    request,
    response,
    target,
    route,
    path: pathOf(request.url ?? '').slice(prefix.length),
    requestId: requestIdOf(request),
    startedMs: performance.now(),
    caller: null,
    record: pipeline.record(),
    isCounted: false,
    stopWatching: () => undefined,
  }
  const refusal = unreadable(call)
  if (refusal !== null) {
    pipeline.refuse(call, refusal)
    return
  }
  pipeline.arrive(call, () => readBody(pipeline, call, bodyBytes))
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
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return refuse(
      'unsupported_encoding',
      `A request body in '${encoding.slice(0, 64)}' cannot be read: send it plain.`,
      { param: 'content-encoding' },
    )
  }
  if (!JSON_TYPE.test(type ?? '')) {
    return refuse('invalid_request', 'The content-type must be application/json.', { param: 'content-type' })
  }
  return null
}

/** Takes the body in, up to its bound, and hands the call on. What the client leaves unfinished, the watch over it ends. */
function readBody(pipeline: Pipeline, call: Call, bodyBytes: number): void {
  const { request } = call
  const chunks: Buffer[] = []
  let received = 0
  const stop = (): void => {
    request.off('data', onData).off('end', onEnd).off('error', stop)
  }
  const onData = (chunk: Buffer): void => {
    received += chunk.length
    if (received <= bodyBytes) chunks.push(chunk)
    else refuseTooLarge()
  }
  const onEnd = (): void => {
    const [first = Buffer.alloc(0)] = chunks
    void pipeline.handle(call, chunks.length <= 1 ? first : Buffer.concat(chunks, received))
  }
  const refuseTooLarge = (): void => {
    stop()
    pipeline.refuse(call, refuse('body_too_large', `The request body is larger than ${bodyBytes} bytes.`))
  }
  if (Number(request.headers['content-length'] ?? 0) > bodyBytes) refuseTooLarge()
  else request.on('data', onData).on('end', onEnd).on('error', stop)
}

/** The listener that AI traffic goes through: which path leads where, and how broken requests are answered. */
import { randomUUID } from 'node:crypto'
import Fastify, {
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { Logger } from 'pino'
import type { Dispatcher } from 'undici'
import { isRefusal, refuse, type Refusal } from '../errors.ts'
import type { Family, MeteredRoute } from '../families/family.ts'
import { problemBody } from '../families/problem.ts'
import { StoreUnavailable, type Ledger } from '../ledger/ledger.ts'
import { createBrokenRequests } from './broken-requests.ts'
import type { UpstreamTarget } from './call.ts'
import { identify, type LookUp } from './identify.ts'
import { readMe } from './me.ts'
import { pathOf, registerPassThrough, routeNotAllowed } from './pass-through.ts'
import type { Call, Pipeline } from './pipeline.ts'
import { outcomeOf, outcomeOfStatus, writeRefusal } from './refusal.ts'

declare module 'fastify' {
  interface FastifyRequest {
    /** The metered call that this request is, from its first hook on. */
    call: Call | null
  }
}

export interface DataPlaneOptions {
  readonly upstreams: readonly {
    readonly prefix: string
    readonly url: string
    readonly target: UpstreamTarget
    readonly dispatcher: Dispatcher
  }[]
  readonly pipeline: Pipeline
  readonly lookUp: LookUp
  readonly ledger: Ledger
  readonly logger: Logger
  readonly bodyBytes: number
  /** The longest that a call may be silent: sockets stay open for that long. */
  readonly silenceMs: number
  readonly stopping: () => boolean
}

const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/
/** Longer than a load balancer keeps its idle connections, so that it is never the one to write into a closed one. */
const KEEP_ALIVE_MS = 72_000
const HEADERS_MS = 15_000
const WHOLE_REQUEST_MS = 60_000

const problems: Pick<Family, 'refusalBody'> = { refusalBody: problemBody }

function storeDown(error: unknown): Refusal {
  if (!(error instanceof StoreUnavailable)) throw error
  return refuse(
    'credit_store_unavailable',
    'The credit store cannot be reached right now. Try again in a moment.',
  )
}

/** A request that Fastify or Node could not accept, as a refusal. */
function refusalOf(error: FastifyError, bodyBytes: number): Refusal {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return refuse('body_too_large', `The request body is larger than ${bodyBytes} bytes.`)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuse('invalid_request', 'The content-type is not a media type.', { param: 'content-type' })
    default:
      return (error.statusCode ?? 500) < 500
        ? refuse('invalid_request', `The request cannot be read: ${error.message}`)
        : refuse(
            'internal_error',
            'The gateway failed on this request. Its log has the reason, by the request id.',
          )
  }
}

/** No escapes, no dot segments, nothing that one reader takes for the end of a path and another does not. */
const PLAIN_PATH = /^(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._~:@!$&'()*+,;=-]*)+$/

/** What can be told from the headers: a path or a body that two readers could understand differently. */
function unreadable(request: FastifyRequest, { route, path }: Call): Refusal | null {
  if (!PLAIN_PATH.test(path) || !(request.raw.url ?? '').startsWith('/')) {
    return routeNotAllowed(request.method, path)
  }
  if (route.takes === 'anything') return null
  const encoding = request.headers['content-encoding']
  if (encoding !== undefined && encoding.toLowerCase() !== 'identity') {
    return refuse(
      'unsupported_encoding',
      `A request body in '${encoding.slice(0, 64)}' cannot be read: send it plain.`,
      {
        param: 'content-encoding',
      },
    )
  }
  const type = request.headers['content-type'] ?? ''
  if (!/^application\/json\s*(?:;|$)/i.test(type)) {
    return refuse('invalid_request', 'The content-type must be application/json.', { param: 'content-type' })
  }
  return null
}

/** The format of refusals below a path: that of the upstream's API whose prefix it has. */
function formatFor(url: string, upstreams: DataPlaneOptions['upstreams']): Pick<Family, 'refusalBody'> {
  return upstreams.find(({ prefix }) => url.startsWith(`${prefix}/`))?.target.family ?? problems
}

/** The server, with what Fastify and Node leave open by default bounded. */
function createServer(options: DataPlaneOptions, refuseWith: RefuseWith): FastifyInstance {
  const broken = createBrokenRequests()
  const app = Fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyBytes,
    requestTimeout: WHOLE_REQUEST_MS,
    connectionTimeout: options.silenceMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    http: { headersTimeout: HEADERS_MS },
    // What arrives while we stop is answered by the pipeline, in the family's own format.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false },
    genReqId: (raw) => {
      const given = raw.headers['x-request-id']
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
    },
    onProtoPoisoning: 'error',
    clientErrorHandler: (error, socket) => broken.answer(error, socket),
    frameworkErrors: (error, request, reply) => {
      const format = formatFor(request.raw.url ?? '', options.upstreams)
      refuseWith(format, request, reply, refusalOf(error, options.bodyBytes))
    },
  }) as unknown as FastifyInstance
  broken.watch(app.server)
  return app
}

type RefuseWith = (
  family: Pick<Family, 'refusalBody'>,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
) => void

function refuser(stopping: () => boolean): RefuseWith {
  return (family, request, reply, refusal) => {
    const own = ['x-request-id', request.id, ...(stopping() ? ['connection', 'close'] : [])]
    reply.hijack()
    writeRefusal(reply.raw, family, refusal, own, request.id)
  }
}

/** The data plane, not listening yet. */
export async function createDataPlane(options: DataPlaneOptions): Promise<FastifyInstance> {
  const { pipeline, lookUp, ledger, logger, bodyBytes } = options
  const refuseWith = refuser(options.stopping)
  const app = createServer(options, refuseWith)
  app.decorateRequest('call', null)
  // Metered answers and refusals are written past Fastify, and see to it themselves.
  app.addHook('onSend', (_request, reply, _payload, next) => {
    if (options.stopping()) reply.header('connection', 'close')
    next()
  })
  app.setNotFoundHandler((request, reply) => {
    refuseWith(problems, request, reply, routeNotAllowed(request.method, request.url.split('?', 1)[0] ?? ''))
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    if ((error.statusCode ?? 500) >= 500)
      logger.error({ err: error, requestId: request.id }, 'a request failed')
    const refusal = refusalOf(error, bodyBytes)
    if (request.call === null) {
      refuseWith(problems, request, reply, refusal)
    } else {
      reply.hijack()
      pipeline.refuse(request.call, refusal)
    }
  })
  app.get('/tollgate/v1/me', async (request, reply) => {
    const answer = await readMe(lookUp, ledger, request.headers, request.raw.url ?? '').catch(storeDown)
    if (!isRefusal(answer))
      return reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store' }).send(answer)
    refuseWith(problems, request, reply, answer)
    return reply
  })
  for (const upstream of options.upstreams) {
    await app.register((scope, _options, done) => {
      registerMetered(scope, upstream.prefix, upstream.target, pipeline)
      done()
    })
    await registerPassThrough(app, {
      ...upstream,
      bodyBytes,
      identify: (headers, url) => identify(lookUp, headers, url).catch(storeDown),
      isMember: (caller) => ledger.isMember(caller.org, caller.user).catch(storeDown),
      requestIdOf: (request) => request.id,
      refuse: (request, reply, refusal) => {
        pipeline.count(upstream.target, outcomeOf(refusal.code))
        refuseWith(upstream.target.family, request, reply, refusal)
      },
      onAnswered: (status) => pipeline.count(upstream.target, outcomeOfStatus(status)),
    })
  }
  return app
}

/** The routes that cost credits: exact paths, bodies taken as raw bytes. */
function registerMetered(
  scope: FastifyInstance,
  prefix: string,
  target: UpstreamTarget,
  pipeline: Pipeline,
): void {
  scope.removeAllContentTypeParsers()
  scope.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body))

  const register = (route: MeteredRoute): void => {
    scope.route({
      method: route.method,
      url: prefix + route.url,
      onRequest: async (request, reply) => {
        const call: Call = {
          request: request.raw,
          response: reply.raw,
          target,
          route,
          path: pathOf(request.raw.url ?? '').slice(prefix.length),
          requestId: request.id,
          startedMs: performance.now(),
          caller: null,
          isCounted: false,
          stopWatching: () => undefined,
        }
        request.call = call
        const refusal = unreadable(request, call)
        if (refusal !== null) pipeline.refuse(call, refusal)
        if (refusal !== null || !(await pipeline.arrive(call))) reply.hijack()
      },
      handler: (request, reply) => {
        reply.hijack()
        const { call, body } = request
        if (call !== null) void pipeline.handle(call, Buffer.isBuffer(body) ? body : Buffer.alloc(0))
      },
    })
  }
  for (const route of target.family.metered) register(route)
}

/** The listener that AI traffic goes through: which path leads where, and how broken requests are answered. */
import Fastify, {
  LogController,
  type FastifyError,
  type FastifyInstance,
  type FastifyReply,
  type FastifyRequest,
} from 'fastify'
import type { Logger } from 'pino'
import type { Dispatcher } from 'undici'
import { StoreUnavailable } from '../store/unavailable.ts'
import { isRefusal, refuse, type ErrorCode, type Refusal } from '../errors.ts'
import { anthropic } from '../families/anthropic/anthropic.ts'
import type { Family } from '../families/family.ts'
import { gemini } from '../families/gemini/gemini.ts'
import { openai } from '../families/openai/openai.ts'
import { problemBody } from '../families/problem.ts'
import type { Ledger } from '../ledger/ledger.ts'
import type { RequestOutcome } from '../metrics/metrics.ts'
import { createBodies, tooLarge, type Bodies, type BodyLimits } from './bodies.ts'
import { createBrokenRequests } from './broken-requests.ts'
import type { UpstreamTarget } from './call.ts'
import { identify, type LookUp } from './identify.ts'
import { readMe } from './me.ts'
import { requestIdOf, serveMetered } from './routes.ts'
import { pathOf, registerPassThrough, routeNotAllowed, type PassThroughOptions } from './pass-through.ts'
import type { Pipeline } from './pipeline.ts'
import { outcomeOf, outcomeOfStatus, writeRefusal } from './refusal.ts'
import { apiOfCall, originOf, wrongPath } from './wrong-path.ts'

export interface DataPlaneOptions extends BodyLimits {
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
  /** Where callers reach it, for messages that name addresses; without it, what the call itself says. */
  readonly publicUrl?: string | null
  /** What one caller may take of the server. */
  readonly bounds: {
    readonly headSeconds: number
    readonly requestSeconds: number
    readonly connections: number
  }
  /** The longest that a call may be silent: sockets stay open for that long. */
  readonly silenceMs: number
  readonly stopping: () => boolean
}

/** Longer than a load balancer keeps its idle connections, so that it is never the one to write into a closed one. */
const KEEP_ALIVE_MS = 72_000
/** How often what is too slow is looked for, as a share of what a head may take: by default Node looks every 30 s. */
const CHECKS_PER_HEAD = 4
/** By default about as long as a connection may idle that was used. */
const UNUSED_PER_HEAD = 5

/** No route of this plane has a schema, and Fastify would load two compilers for them all the same. */
const NO_SCHEMAS = {
  compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas },
}

function refuseSchemas(): never {
  throw new Error('a route of the data plane has a schema')
}

const problems: Pick<Family, 'refusalBody'> = { refusalBody: problemBody }

function storeDown(error: unknown): Refusal {
  if (!(error instanceof StoreUnavailable)) throw error
  return refuse(
    'credit_store_unavailable',
    'The credit store cannot be reached right now. Try again in a moment.',
  )
}

/** What is free passes without the store where what costs does. */
function storeDownFree(error: unknown, { onStoreDown }: UpstreamTarget): Refusal | true {
  const refusal = storeDown(error)
  return onStoreDown === 'open' || refusal
}

/** An upstream's answer that broke after it had begun, and before anything of it was passed on. */
function isBrokenAnswer({ name, code }: { name: string; code?: string }): boolean {
  return name === 'HTTPParserError' || code?.startsWith('UND_ERR_') === true
}

/** A request that Fastify or Node could not accept, as a refusal. */
function refusalOf(error: FastifyError, limits: BodyLimits): Refusal {
  switch (error.code) {
    case 'FST_ERR_CTP_BODY_TOO_LARGE':
      return tooLarge(limits)
    case 'FST_ERR_CTP_INVALID_MEDIA_TYPE':
      return refuse('invalid_request', 'The content-type is not a media type.', { param: 'content-type' })
    // Its own message repeats the address, and with it a key that stands in the query.
    case 'FST_ERR_BAD_URL':
      return refuse('invalid_request', 'The path of the request cannot be decoded.')
    default:
      if (isBrokenAnswer(error))
        return refuse('upstream_unreachable', 'The provider broke off, or sent no valid HTTP.')
      return (error.statusCode ?? 500) < 500
        ? refuse('invalid_request', `The request cannot be read: ${error.message}`)
        : refuse(
            'internal_error',
            'The gateway failed on this request. Its log has the reason, by the request id.',
          )
  }
}

/** The format of refusals below a path: that of the upstream's API whose prefix it has. */
function formatFor(url: string, upstreams: DataPlaneOptions['upstreams']): Pick<Family, 'refusalBody'> {
  return upstreams.find(({ prefix }) => url.startsWith(`${prefix}/`))?.target.family ?? problems
}

const FORMATS: Readonly<Record<string, Pick<Family, 'refusalBody'>>> = {
  openai: openai(null),
  anthropic,
  gemini,
}

/** The format for a path that is no route: that of the API whose call it looks like, which its client can show. */
function formatOfCall({ raw }: FastifyRequest): Pick<Family, 'refusalBody'> | null {
  const api = apiOfCall(pathOf(raw.url ?? ''), raw.headers)
  return api === null ? null : (FORMATS[api] ?? null)
}

/** Tells what a wrong path was meant to be: only to callers with a valid key, since it names upstreams. */
function createHints({
  lookUp,
  upstreams,
  publicUrl = null,
}: DataPlaneOptions): PassThroughOptions['hintFor'] {
  return async ({ raw: { url = '', headers } }) => {
    const wrong = wrongPath(pathOf(url), headers, upstreams, originOf(headers, publicUrl))
    if (wrong === null) return null
    try {
      return isRefusal(await identify(lookUp, headers, url)) ? null : wrong
    } catch {
      // The store cannot say who calls.
      return null
    }
  }
}

/** The server, with what Fastify and Node leave open by default bounded. */
function createServer(options: DataPlaneOptions, bodies: Bodies, refuseWith: RefuseWith): FastifyInstance {
  const { headSeconds, requestSeconds, connections } = options.bounds
  const broken = createBrokenRequests(headSeconds * UNUSED_PER_HEAD * 1_000)
  const app = Fastify({
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyBytes,
    requestTimeout: requestSeconds * 1_000,
    connectionTimeout: options.silenceMs,
    keepAliveTimeout: KEEP_ALIVE_MS,
    // By default Node keeps the first of two Authorization headers, and whoever stands in front of us may go by the second.
    http: {
      headersTimeout: headSeconds * 1_000,
      connectionsCheckingInterval: (headSeconds * 1_000) / CHECKS_PER_HEAD,
      joinDuplicateHeaders: true,
    },
    // What arrives while we stop is answered by the pipeline, in the family's own format.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    schemaController: NO_SCHEMAS,
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false },
    genReqId: requestIdOf,
    onProtoPoisoning: 'error',
    clientErrorHandler: (error, socket) => broken.answer(error, socket),
    frameworkErrors: (error, request, reply) => {
      const format = formatFor(request.raw.url ?? '', options.upstreams)
      refuseWith(format, request, reply, refusalOf(error, options))
    },
  }) as unknown as FastifyInstance
  app.server.maxConnections = connections
  serveMetered(app.server, { ...options, bodies })
  broken.watch(app.server)
  return app
}

type RefuseWith = (
  family: Pick<Family, 'refusalBody'>,
  request: FastifyRequest,
  reply: FastifyReply,
  refusal: Refusal,
) => void

function refuser({ stopping, pipeline }: DataPlaneOptions): RefuseWith {
  return (family, request, reply, refusal) => {
    pipeline.countRefusal(refusal)
    const own = ['x-request-id', request.id, ...(stopping() ? ['connection', 'close'] : [])]
    reply.hijack()
    writeRefusal(reply.raw, family, refusal, own, request.id)
  }
}

/** What leads nowhere, and what fails before it is anybody's. */
function answerTheRest(
  app: FastifyInstance,
  options: DataPlaneOptions,
  hintFor: PassThroughOptions['hintFor'],
  refuseWith: RefuseWith,
): void {
  app.setNotFoundHandler(async (request, reply) => {
    const refusal = routeNotAllowed(request.method, pathOf(request.url), await hintFor(request))
    refuseWith(formatOfCall(request) ?? problems, request, reply, refusal)
    return reply
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const refusal = refusalOf(error, options)
    if (refusal.code === 'internal_error')
      options.logger.error({ err: error, requestId: request.id }, 'a request failed')
    refuseWith(formatFor(request.raw.url ?? '', options.upstreams), request, reply, refusal)
  })
}

/** The data plane, not listening yet. */
export async function createDataPlane(options: DataPlaneOptions): Promise<FastifyInstance> {
  const { pipeline, lookUp, ledger } = options
  const refuseWith = refuser(options)
  const bodies = createBodies(options)
  const app = createServer(options, bodies, refuseWith)
  // Metered answers and refusals are written past Fastify, and see to it themselves.
  app.addHook('onSend', (_request, reply, _payload, next) => {
    if (options.stopping()) reply.header('connection', 'close')
    next()
  })
  const hintFor = createHints(options)
  answerTheRest(app, options, hintFor, refuseWith)
  app.get('/tollgate/v1/me', async (request, reply) => {
    const answer = await readMe(lookUp, ledger, request.headers, request.raw.url ?? '').catch(storeDown)
    if (!isRefusal(answer))
      return reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store' }).send(answer)
    refuseWith(problems, request, reply, answer)
    return reply
  })
  function ended(
    target: UpstreamTarget,
    request: FastifyRequest,
    reply: FastifyReply,
    outcome: RequestOutcome,
    code: ErrorCode | null,
  ): void {
    const status = reply.raw.headersSent ? reply.raw.statusCode : null
    const startedMs = performance.now() - reply.elapsedTime
    pipeline.passed(request.raw, { requestId: request.id, target, outcome, code, status, startedMs })
  }
  for (const upstream of options.upstreams) {
    await registerPassThrough(app, {
      ...upstream,
      bodies,
      hintFor,
      userHeader: lookUp.userHeader,
      identify: async (headers, url) => {
        try {
          return await identify(lookUp, headers, url)
        } catch (error) {
          return storeDown(error)
        }
      },
      isMember: ({ org, user }) =>
        ledger.isMember(org, user).catch((error: unknown) => storeDownFree(error, upstream.target)),
      requestIdOf: (request) => request.id,
      refuse: (request, reply, refusal) => {
        const isWrongPath = refusal.code === 'route_not_allowed'
        const format = (isWrongPath ? formatOfCall(request) : null) ?? upstream.target.family
        refuseWith(format, request, reply, refusal)
        ended(upstream.target, request, reply, outcomeOf(refusal.code), refusal.code)
      },
      onAnswered: (request, reply) =>
        ended(upstream.target, request, reply, outcomeOfStatus(reply.statusCode), null),
    })
  }
  return app
}

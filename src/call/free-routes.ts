/**
 * Serves the requests that are not metered: a caller's own standing, free routes, and unknown paths. Fastify serves
 * them without a listening server of its own: requests come from the one listener (server.ts).
 */
import { Server, type IncomingMessage, type ServerResponse } from 'node:http'
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
import type { Family } from '../families/family.ts'
import { FORMATS } from '../families/index.ts'
import { problemBody } from '../families/problem.ts'
import { joined } from '../core/chunks.ts'
import type { Ledger } from '../ledger/ledger.ts'
import { readBody, tooLarge, type BodyLimits } from './bodies.ts'
import type { UpstreamTarget } from './call.ts'
import type { RequestOutcome } from './call-metrics.ts'
import { STORE_DOWN, type Endings } from './endings.ts'
import { identify, type LookUp } from './identify.ts'
import { readMe } from './me.ts'
import type { OpenCalls, OpenRequest } from './open-calls.ts'
import { registerPassThrough, type PassThroughOptions } from './pass-through.ts'
import { outcomeOf, outcomeOfStatus } from './refusal.ts'
import { pathOf, requestIdOf } from './request.ts'
import type { Serve } from './routes.ts'
import { apiOfCall, originOf, routeNotAllowed, wrongPath } from './wrong-path.ts'

export interface FreeRoutesOptions {
  readonly upstreams: readonly {
    readonly prefix: string
    readonly url: string
    readonly target: UpstreamTarget
    readonly dispatcher: Dispatcher
  }[]
  readonly endings: Endings
  readonly lookUp: LookUp
  readonly ledger: Ledger
  readonly logger: Logger
  readonly open: OpenCalls
  readonly bodyLimits: BodyLimits
  /** The gateway's public URL, for messages that name addresses; null to use the call's own Host header. */
  readonly publicUrl: string | null
  readonly stopping: () => boolean
}

/** No route of this plane has a schema, but Fastify would load two schema compilers anyway. */
const NO_SCHEMAS = {
  compilersFactory: { buildValidator: refuseSchemas, buildSerializer: refuseSchemas },
}

function refuseSchemas(): never {
  throw new Error('a route of the data plane has a schema')
}

type Format = Pick<Family, 'refusalBody'>

const problems: Format = { refusalBody: problemBody }

function storeDown(error: unknown): Refusal {
  if (!(error instanceof StoreUnavailable)) throw error
  return STORE_DOWN
}

/** If paid calls fail open while the store is down, free calls do too. */
function storeDownFree(error: unknown, { onStoreDown }: UpstreamTarget): Refusal | true {
  const refusal = storeDown(error)
  return onStoreDown === 'open' || refusal
}

/** An upstream's answer that broke after it had begun, but before any of it was passed on. */
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
    // Fastify's own message repeats the URL, and with it a key in the query.
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

/** The refusal format for a path: that of the upstream whose prefix it has, otherwise problem details. */
function formatFor(url: string, upstreams: FreeRoutesOptions['upstreams']): Format {
  return upstreams.find(({ prefix }) => url.startsWith(`${prefix}/`))?.target.family ?? problems
}

/**
 * The refusal format for an unknown path: that of the API whose call it looks like, because the client can display it.
 */
function formatOfCall({ raw }: FastifyRequest): Format | null {
  const api = apiOfCall(pathOf(raw.url ?? ''), raw.headers)
  return api === null ? null : FORMATS[api]
}

/** Explains wrong paths. Only callers with a valid key get the explanation, since it names upstreams. */
function createHints({ lookUp, upstreams, publicUrl }: FreeRoutesOptions): PassThroughOptions['hintFor'] {
  return async ({ raw: { url = '', headers } }) => {
    const wrong = wrongPath(pathOf(url), headers, upstreams, originOf(headers, publicUrl))
    if (wrong === null) return null
    try {
      return isRefusal(await identify(lookUp, headers, url)) ? null : wrong
    } catch {
      // The store cannot identify the caller.
      return null
    }
  }
}

/** Maps Node's request, which is all that Fastify knows, to the listener's OpenRequest. */
const openedBy = new WeakMap<IncomingMessage, OpenRequest>()

function openedOf({ raw }: FastifyRequest): OpenRequest {
  const opened = openedBy.get(raw)
  if (opened === undefined) throw new Error('a request that did not come by the listener')
  return opened
}

type RefuseWith = (format: Format, request: FastifyRequest, reply: FastifyReply, refusal: Refusal) => void

/** Resolves when the free routes can be served. */
export async function createFreeRoutes(options: FreeRoutesOptions): Promise<Serve> {
  const refuseWith: RefuseWith = (format, request, reply, refusal) => {
    reply.hijack()
    options.endings.refuse(reply.raw, format, refusal, request.id)
  }
  const { app, handler } = createApp(options, refuseWith)
  const hintFor = createHints(options)
  answerTheRest(app, options, hintFor, refuseWith)
  serveMe(app, options, refuseWith)
  for (const upstream of options.upstreams)
    await registerPassThrough(app, { ...passThrough(options, upstream, refuseWith), hintFor })
  await app.ready()
  return (opened) => {
    openedBy.set(opened.request, opened)
    handler(opened.request, opened.response)
  }
}

type Handler = (request: IncomingMessage, response: ServerResponse) => void

function createApp(
  options: FreeRoutesOptions,
  refuseWith: RefuseWith,
): { readonly app: FastifyInstance; readonly handler: Handler } {
  let handler: Handler | undefined
  const app = Fastify({
    // This server never listens: Fastify only requires that one exists.
    serverFactory: (handle) => {
      handler = handle
      return new Server()
    },
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimits.bodyBytes,
    // The pipeline answers metered calls that arrive during a shutdown, in the family's own format.
    return503OnClosing: false,
    exposeHeadRoutes: false,
    schemaController: NO_SCHEMAS,
    routerOptions: { caseSensitive: true, ignoreTrailingSlash: false, ignoreDuplicateSlashes: false },
    genReqId: requestIdOf,
    onProtoPoisoning: 'error',
    frameworkErrors: (error, request, reply) => {
      const format = formatFor(request.raw.url ?? '', options.upstreams)
      refuseWith(format, request, reply, refusalOf(error, options.bodyLimits))
    },
  }) as unknown as FastifyInstance
  if (handler === undefined) throw new Error('Fastify has made no handler')
  // Refusals bypass Fastify and set this header themselves (endings.ts).
  app.addHook('onSend', (_request, reply, _payload, next) => {
    if (options.stopping()) reply.header('connection', 'close')
    next()
  })
  return { app, handler }
}

/** Answers unknown paths, and errors that occur before a route handles the request. */
function answerTheRest(
  app: FastifyInstance,
  { upstreams, bodyLimits, logger }: FreeRoutesOptions,
  hintFor: PassThroughOptions['hintFor'],
  refuseWith: RefuseWith,
): void {
  app.setNotFoundHandler(async (request, reply) => {
    const refusal = routeNotAllowed(request.method, pathOf(request.url), await hintFor(request))
    refuseWith(formatOfCall(request) ?? problems, request, reply, refusal)
    return reply
  })
  app.setErrorHandler((error: FastifyError, request, reply) => {
    const refusal = refusalOf(error, bodyLimits)
    if (refusal.code === 'internal_error')
      logger.error({ err: error, requestId: request.id }, 'a request failed')
    refuseWith(formatFor(request.raw.url ?? '', upstreams), request, reply, refusal)
  })
}

function serveMe(app: FastifyInstance, { lookUp, ledger }: FreeRoutesOptions, refuseWith: RefuseWith): void {
  app.get('/tollgate/v1/me', async (request, reply) => {
    const answer = await readMe(lookUp, ledger, request.headers, request.raw.url ?? '').catch(storeDown)
    if (!isRefusal(answer))
      return reply.headers({ 'x-request-id': request.id, 'cache-control': 'no-store' }).send(answer)
    refuseWith(problems, request, reply, answer)
    return reply
  })
}

/** How the free routes of one upstream are served. */
function passThrough(
  { lookUp, ledger, endings, bodyLimits, open }: FreeRoutesOptions,
  upstream: FreeRoutesOptions['upstreams'][number],
  refuseWith: RefuseWith,
): Omit<PassThroughOptions, 'hintFor'> {
  const { target } = upstream
  function ended(
    request: FastifyRequest,
    reply: FastifyReply,
    outcome: RequestOutcome,
    code: ErrorCode | null,
  ): void {
    const status = reply.raw.headersSent ? reply.raw.statusCode : null
    const startedMs = performance.now() - reply.elapsedTime
    endings.endFree(openedOf(request), { requestId: request.id, target, outcome, code, status, startedMs })
  }
  return {
    ...upstream,
    bodyLimits,
    readBody: async (request, coding) => {
      const opened = openedOf(request)
      const body = await readBody(opened, coding, () => undefined, bodyLimits, open)
      if (body === null || isRefusal(body)) return body
      opened.whenOver(body.free)
      return joined(body.chunks)
    },
    userHeader: lookUp.userHeader,
    identify: async (headers, url) => {
      try {
        return await identify(lookUp, headers, url)
      } catch (error) {
        return storeDown(error)
      }
    },
    isMember: ({ org, user }) =>
      ledger.isMember(org, user).catch((error: unknown) => storeDownFree(error, target)),
    requestIdOf: (request) => request.id,
    refuse: (request, reply, refusal) => {
      const isWrongPath = refusal.code === 'route_not_allowed'
      const format = (isWrongPath ? formatOfCall(request) : null) ?? target.family
      refuseWith(format, request, reply, refusal)
      ended(request, reply, outcomeOf(refusal.code), refusal.code)
    },
    onAnswered: (request, reply) => ended(request, reply, outcomeOfStatus(reply.statusCode), null),
  }
}

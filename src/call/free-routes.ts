/**
 * What is not metered: a caller's own standing, routes that cost nothing, and everything that leads nowhere. Fastify serves
 * them, without a server of its own: requests come from the one listener (server.ts).
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
  /** Where callers reach it, for messages that name addresses; null: what the call itself says. */
  readonly publicUrl: string | null
  readonly stopping: () => boolean
}

/** No route of this plane has a schema, and Fastify would load two compilers for them all the same. */
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
function formatFor(url: string, upstreams: FreeRoutesOptions['upstreams']): Format {
  return upstreams.find(({ prefix }) => url.startsWith(`${prefix}/`))?.target.family ?? problems
}

/** The format for a path that is no route: that of the API whose call it looks like, which its client can show. */
function formatOfCall({ raw }: FastifyRequest): Format | null {
  const api = apiOfCall(pathOf(raw.url ?? ''), raw.headers)
  return api === null ? null : FORMATS[api]
}

/** Tells what a wrong path was meant to be: only to callers with a valid key, since it names upstreams. */
function createHints({ lookUp, upstreams, publicUrl }: FreeRoutesOptions): PassThroughOptions['hintFor'] {
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

/** What Fastify knows by its own request only. */
const openedBy = new WeakMap<IncomingMessage, OpenRequest>()

function openedOf({ raw }: FastifyRequest): OpenRequest {
  const opened = openedBy.get(raw)
  if (opened === undefined) throw new Error('a request that did not come by the listener')
  return opened
}

type RefuseWith = (format: Format, request: FastifyRequest, reply: FastifyReply, refusal: Refusal) => void

/** Resolves when they can be served. */
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
    // It never listens: Fastify only wants to have one.
    serverFactory: (handle) => {
      handler = handle
      return new Server()
    },
    loggerInstance: options.logger,
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: options.bodyLimits.bodyBytes,
    // What arrives while we stop is answered by the pipeline, in the family's own format.
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
  // Metered answers and refusals are written past Fastify, and see to it themselves.
  app.addHook('onSend', (_request, reply, _payload, next) => {
    if (options.stopping()) reply.header('connection', 'close')
    next()
  })
  return { app, handler }
}

/** What leads nowhere, and what fails before it is anybody's. */
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
      const body = await readBody(opened, coding, bodyLimits, open)
      if (body === null || isRefusal(body)) return body
      opened.whenOver(body.free)
      return body.bytes
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

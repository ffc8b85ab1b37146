/** The admin plane: a listener of its own, so that it can be kept off the public network. */
import { randomUUID } from 'node:crypto'
import cookies from '@fastify/cookie'
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { RedisClient } from '../store/connection.ts'
import { adjustmentRoutes } from './adjustments.ts'
import { alertRoutes } from './alerts.ts'
import { auditRoutes } from './audit.ts'
import { useAuth, type AuthOptions } from './auth.ts'
import { customLimitRoutes } from './custom-limits.ts'
import { channelRoutes, type ChannelPort } from './channels.ts'
import { deliveryRoutes } from './deliveries.ts'
import { documentRoute, useDocument } from './document.ts'
import { driftRoute } from './drift.ts'
import { createFailureCount } from './failure-count.ts'
import { gatewayInfoRoute, type GatewayInfo } from './gateway-info.ts'
import { healthRoutes, type HealthOptions } from './health.ts'
import { keyRoutes } from './keys.ts'
import { meRoute } from './me.ts'
import { memberRoutes } from './members.ts'
import { notificationRoutes, type Redeliver } from './notifications.ts'
import { orgRoutes } from './orgs.ts'
import { pageRoutes } from './page.ts'
import { sendError, useProblems } from './problems.ts'
import { secure, useSecurityHeaders } from './security-headers.ts'
import { createSessionCookie } from './session-cookie.ts'
import { sessionRoutes, signInRoute } from './session.ts'
import { createTestLimit } from './test-limit.ts'
import { createThrottle, THROTTLE_LIMITS, type ThrottleLimits } from './throttle.ts'
import { createTellUnheard } from './unheard.ts'
import { usageRoutes } from './usage.ts'
import { userAlertRoutes } from './user-alerts.ts'
import { userLimitRoutes } from './user-limits.ts'
import { userRoutes } from './users.ts'
import { createValidation } from './validation.ts'
import type { Directory } from '../directory/directory.ts'

export interface AdminPlaneOptions extends Omit<AuthOptions, 'cookie' | 'throttle'>, HealthOptions {
  readonly redis: RedisClient
  readonly directory: Directory
  readonly channels: ChannelPort
  readonly gateway: GatewayInfo
  readonly redeliver: Redeliver
  /** Proxies whose word on who asks is taken: addresses and networks. */
  readonly trustProxy: readonly string[]
  readonly throttleLimits?: ThrottleLimits
  /** Resolves when the store has an answer for this organization, or when waiting for one is in vain. */
  readonly untilStoreAnswers: (org: string | undefined) => Promise<void>
  readonly logger: FastifyBaseLogger
}

const BODY_BYTES = 1_048_576
/** To receive a whole request. */
const REQUEST_MS = 30_000
/** Without a byte either way; longer than deleting the largest organization takes. */
const SILENCE_MS = 120_000
/** Above the 60 s after which load balancers close an idle connection: who closes first must not be us. */
const KEEP_ALIVE_MS = 72_000
/** A user id of 128 characters, each of them percent-encoded. */
const PARAM_LENGTH = 3 * 128

/** As on the data plane: what is taken over from a caller into the log and the answer. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

/** Makes the app; the caller lets it listen. */
export function createAdminPlane(options: AdminPlaneOptions): FastifyInstance {
  const validation = createValidation()
  const app = Fastify({
    loggerInstance: options.logger,
    // A line per request would put what is searched for, names and addresses, into the log.
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: options.trustProxy.length === 0 ? false : [...options.trustProxy],
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    connectionTimeout: SILENCE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // What arrives on an open connection while we stop is answered in the format that the document promises.
    return503OnClosing: false,
    routerOptions: { maxParamLength: PARAM_LENGTH },
    genReqId: ({ headers }) => {
      const given = headers['x-request-id']
      return typeof given === 'string' && REQUEST_ID.test(given) ? given : randomUUID()
    },
    schemaController: validation.controller,
    frameworkErrors: (error, request, reply) => {
      secure(reply)
      sendError(error, request, reply)
    },
  })
  useSecurityHeaders(app)
  useProblems(app)
  acceptOnlyJson(app)
  app.addHook('onRequest', (request, reply, next) => {
    reply.header('x-request-id', request.id)
    next()
  })
  app.addHook('preValidation', validation.load)
  useDocument(app)
  void app.register((open, _options, done) => {
    healthRoutes(open, options)
    documentRoute(open)
    pageRoutes(open)
    done()
  })
  const auth = authOf(options)
  void app.register(async (v1) => {
    // A request that has begun is not repeated, since it may have written: it waits before that.
    v1.addHook('onRequest', ({ params }) => options.untilStoreAnswers((params as { org?: string }).org))
    await v1.register(cookies)
    signInRoute(v1, options.directory, auth)
    void v1.register((guarded, _options, done) => {
      useAuth(guarded, auth)
      guardedRoutes(guarded, options, auth)
      gatewayInfoRoute(guarded, options.gateway)
      done()
    })
  })
  return app
}

function authOf({ throttleLimits = THROTTLE_LIMITS, ...options }: AdminPlaneOptions): AuthOptions {
  const count = createFailureCount(options.redis, throttleLimits.windowMs)
  return {
    ...options,
    cookie: createSessionCookie(options.publicUrl),
    throttle: createThrottle({ count, limits: throttleLimits }),
  }
}

/** Everything that asks who one is. */
function guardedRoutes(
  app: FastifyInstance,
  { redis, directory, channels, redeliver }: AdminPlaneOptions,
  auth: AuthOptions,
): void {
  sessionRoutes(app, directory, auth)
  meRoute(app, directory)
  orgRoutes(app, directory)
  const tellUnheard = createTellUnheard(directory, redeliver)
  memberRoutes(app, directory, tellUnheard)
  keyRoutes(app, directory)
  alertRoutes(app, directory)
  userAlertRoutes(app, directory)
  userLimitRoutes(app, directory)
  customLimitRoutes(app, directory)
  userRoutes(app, directory)
  usageRoutes(app, directory)
  channelRoutes(app, directory, { ...channels, tellUnheard }, createTestLimit(redis))
  adjustmentRoutes(app, directory)
  notificationRoutes(app, directory, redeliver)
  deliveryRoutes(app, directory)
  auditRoutes(app, directory)
  driftRoute(app, directory)
}

/** Many clients name a content type even where they send nothing, as with DELETE: that is no body, not a broken one. */
function acceptOnlyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else void parse(request, body, done)
  })
}

/** The admin plane: a separate listener, so that operators can keep it off the public network. */
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
  /** Addresses and networks of proxies whose forwarding headers are trusted for the client's address. */
  readonly trustProxy: readonly string[]
  readonly throttleLimits?: ThrottleLimits
  /** Resolves when the store answers for this organization, or when waiting longer cannot help. */
  readonly untilStoreAnswers: (org: string | undefined) => Promise<void>
  readonly logger: FastifyBaseLogger
}

const BODY_BYTES = 1_048_576
/** Timeout for receiving a whole request. */
const REQUEST_MS = 30_000
/** Timeout without a byte in either direction; longer than the deletion of the largest organization takes. */
const SILENCE_MS = 120_000
/** Above the 60 s after which load balancers close an idle connection, so that the load balancer closes first. */
const KEEP_ALIVE_MS = 72_000
/** Fits a user id of 128 characters, each of them percent-encoded. */
const PARAM_LENGTH = 3 * 128

/** Which request ids of a caller are used in the log and the response; the same rule as on the data plane. */
const REQUEST_ID = /^[A-Za-z0-9._:-]{1,128}$/

/** Makes the app; the caller starts the listener. */
export function createAdminPlane(options: AdminPlaneOptions): FastifyInstance {
  const validation = createValidation()
  const app = Fastify({
    loggerInstance: options.logger,
    // A log line per request would include its query, and with it the names and addresses that admins search for.
    logController: new LogController({ disableRequestLogging: true }),
    trustProxy: options.trustProxy.length === 0 ? false : [...options.trustProxy],
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    connectionTimeout: SILENCE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    // While the gateway stops, requests on open connections still get responses in the format of the API document.
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
    // A handler is not retried after it has begun, because it may have written. So the wait comes before it.
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

/** The routes that require credentials. */
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

/**
 * Many clients send a content type without a body, for example with DELETE. That counts as no body, not as a malformed
 * one.
 */
function acceptOnlyJson(app: FastifyInstance): void {
  const parse = app.getDefaultJsonParser('error', 'error')
  app.removeAllContentTypeParsers()
  app.addContentTypeParser<string>('application/json', { parseAs: 'string' }, (request, body, done) => {
    if (body === '') done(null, undefined)
    else void parse(request, body, done)
  })
}

/** The admin plane: a listener of its own, so that it can be kept off the public network. */
import Fastify, { LogController, type FastifyBaseLogger, type FastifyInstance } from 'fastify'
import type { RedisClient } from '../ledger/connection.ts'
import { useAuth, type AuthOptions } from './auth.ts'
import { healthRoutes, type HealthOptions } from './health.ts'
import { keyRoutes } from './keys.ts'
import { memberRoutes } from './members.ts'
import { orgRoutes } from './orgs.ts'
import { sendError, useProblems } from './problems.ts'
import { userLimitRoutes } from './user-limits.ts'
import { userRoutes } from './users.ts'
import type { Directory } from '../ledger/directory.ts'

export interface AdminPlaneOptions extends AuthOptions, HealthOptions {
  readonly redis: RedisClient
  readonly directory: Directory
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

/** Makes the app; the caller lets it listen. */
export function createAdminPlane(options: AdminPlaneOptions): FastifyInstance {
  const app = Fastify({
    loggerInstance: options.logger,
    // A line per request would put what is searched for, names and addresses, into the log.
    logController: new LogController({ disableRequestLogging: true }),
    bodyLimit: BODY_BYTES,
    requestTimeout: REQUEST_MS,
    connectionTimeout: SILENCE_MS,
    keepAliveTimeout: KEEP_ALIVE_MS,
    onProtoPoisoning: 'error',
    onConstructorPoisoning: 'error',
    routerOptions: { maxParamLength: PARAM_LENGTH },
    // A wrong value is refused and never bent into a right one. The first one is named: to look for all of them would let
    // one body of a quarter of a million wrong values hold up the traffic that this process carries.
    ajv: { customOptions: { coerceTypes: false, removeAdditional: false, allErrors: false, verbose: true } },
    frameworkErrors: (error, request, reply) => void sendError(error, request, reply),
  })
  useProblems(app)
  acceptOnlyJson(app)
  healthRoutes(app, options)
  void app.register((v1, _options, done) => {
    useAuth(v1, options)
    v1.addHook('onSend', (_request, reply, _payload, next) => {
      reply.header('cache-control', 'no-store').header('x-content-type-options', 'nosniff')
      next()
    })
    orgRoutes(v1, options.directory)
    memberRoutes(v1, options.directory)
    keyRoutes(v1, options.directory)
    userLimitRoutes(v1, options.directory)
    userRoutes(v1, options.directory)
    done()
  })
  return app
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

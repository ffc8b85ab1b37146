/** `/v1/session`: sign in with a key of scope admin, read the session, sign out. */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Directory } from '../directory/directory.ts'
import { ROLES } from '../directory/members.ts'
import { turnAway, userOf, type AuthOptions } from './auth.ts'
import { Component } from './components.ts'
import type { UserPrincipal } from './credentials.ts'
import { documented, empty, json } from './documented.ts'
import { sendProblem } from './problems.ts'
import { Closed, OneOf, OrgId, Timestamp, UserId } from './schemas.ts'
import { csrfTokenOf, isFromElsewhere } from './session-cookie.ts'
import { timestamp } from './timestamps.ts'

/** Text that cannot be a key gets the same response as a wrong key. */
const SignIn = Component(
  'SignIn',
  Closed({ key: Type.String({ minLength: 1, maxLength: 1_000, description: 'A key of scope `admin`.' }) }),
)
const SessionBody = Component(
  'Session',
  Type.Object({
    org: OrgId,
    user: UserId,
    name: Type.Union([Type.String(), Type.Null()]),
    role: OneOf(ROLES),
    csrf: Type.String({ description: 'The value of `x-tollgate-csrf` for every write by this session.' }),
    expiresAt: Timestamp,
  }),
)

/** The route needs no credentials, so a small limit keeps strangers from making the gateway read large bodies. */
const SIGN_IN_BYTES = 8_192

const signIn = documented({
  operationId: 'signIn',
  tag: 'Session',
  summary: 'Sign in with a key',
  description:
    'Opens a new session for the owner of a key of scope `admin`, and closes the one whose cookie the request has. The owner may also be a plain member, whose session opens only `/v1/session` and `/v1/me`. It ends when it was idle for too long, at the end of its absolute lifetime, or at once when the key is revoked or its owner removed.',
  access: 'public',
  body: SignIn,
  answers: { 201: json('Signed in.', SessionBody, ['Set-Cookie']) },
  problems: [
    'invalid_request',
    'invalid_credentials',
    'cross_origin',
    'too_many_failures',
    'internal_error',
    'credit_store_unavailable',
  ],
})
const getSession = documented({
  operationId: 'getSession',
  tag: 'Session',
  summary: 'Read the session',
  access: 'session',
  answers: { 200: json('The session; this request extends it.', SessionBody) },
})
const signOut = documented({
  operationId: 'signOut',
  tag: 'Session',
  summary: 'Sign out',
  access: 'session',
  answers: { 204: empty('The session has ended.', ['Set-Cookie']) },
})

export type SessionDirectory = Pick<Directory, 'openSession' | 'closeSession'>

/**
 * The sign-in route, which needs no credentials. Each sign-in makes a new session, so an attacker cannot fix a session
 * in advance.
 */
export function signInRoute(app: FastifyInstance, directory: SessionDirectory, options: AuthOptions): void {
  const { throttle, cookie, sessionLife, publicUrl } = options
  const route = { ...signIn, bodyLimit: SIGN_IN_BYTES }
  app.post<{ Body: Static<typeof SignIn> }>('/v1/session', route, async (request, reply) => {
    if (isFromElsewhere(request, publicUrl)) return turnAway(reply, { kind: 'foreign' })
    const { key } = request.body
    const attempt = await throttle.attempt(request.ip, key, () => directory.openSession(key, sessionLife))
    if (attempt.status === 'throttled') {
      return turnAway(reply, { kind: 'throttled', retryAfterSeconds: attempt.retryAfterSeconds })
    }
    if (attempt.status === 'failed') return sendWrongKey(reply)
    const { token, session } = attempt.value
    const before = cookie.read(request)
    if (before !== null) await directory.closeSession(before)
    cookie.write(reply, token)
    const { org, member, keyId, expiresAt } = session
    const { user, name, role } = member
    reply.code(201)
    return sessionBody({ kind: role, org, user, name, keyId, session: { token, expiresAt } })
  })
}

export function sessionRoutes(
  app: FastifyInstance,
  directory: SessionDirectory,
  { cookie }: AuthOptions,
): void {
  app.get('/v1/session', getSession, ({ principal }) => sessionBody(userOf(principal)))
  app.delete('/v1/session', signOut, async ({ principal }, reply) => {
    const { session } = userOf(principal)
    if (session !== null) await directory.closeSession(session.token)
    cookie.clear(reply)
    return reply.code(204).send()
  })
}

function sessionBody({ org, user, name, kind, session }: UserPrincipal): Static<typeof SessionBody> {
  if (session === null) throw new Error('a bearer has no session')
  const { token, expiresAt } = session
  return { org, user, name, role: kind, csrf: csrfTokenOf(token), expiresAt: timestamp(expiresAt) }
}

function sendWrongKey(reply: FastifyReply): FastifyReply {
  return sendProblem(
    reply,
    'invalid_credentials',
    'This is not a key to sign in with: it has to be of scope admin, not revoked, and its owner a member of the organization.',
  )
}

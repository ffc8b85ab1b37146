/** `/v1/orgs/{org}/keys`: virtual keys. Only the answer to POST has the key. */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { SOURCES } from '../core/policy.ts'
import type { Directory } from '../ledger/directory.ts'
import { SCOPES, type KeyDraft, type KeyRecord } from '../ledger/directory/virtual-keys.ts'
import { sendNoOrg } from './auth.ts'
import { pageBody, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors, sendProblem, type FieldError } from './problems.ts'
import { Closed, Name, OneOf, OrNull, UserId } from './schemas.ts'
import { timestamp } from './timestamps.ts'

const NewKey = Closed({
  name: Name,
  user: Type.Optional(OrNull(UserId, 'the id of a member, or null')),
  app: Type.Optional(Type.Boolean()),
  sources: Type.Optional(
    Type.Array(OneOf(SOURCES), { minItems: 1, maxItems: SOURCES.length, uniqueItems: true }),
  ),
  scope: Type.Optional(OneOf(SCOPES)),
})
const KeyList = Closed(pageProperties)
type OrgPath = { Params: { org: string } }

const access = { config: { access: 'admin' } } as const

export function keyRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<OrgPath & { Querystring: Static<typeof KeyList> }>(
    '/v1/orgs/:org/keys',
    { schema: { querystring: KeyList }, ...access },
    async ({ params, query }, reply) => {
      const page = await directory.listKeys(params.org, pageRequest(query))
      return page === null ? sendNoOrg(reply) : pageBody(page, keyBody)
    },
  )
  app.post<OrgPath & { Body: Static<typeof NewKey> }>(
    '/v1/orgs/:org/keys',
    { schema: { body: NewKey }, ...access },
    async ({ params, body }, reply) => {
      const errors = contradictions(body)
      if (errors.length > 0) return sendFieldErrors(reply, errors)
      const made = await directory.createKey(params.org, draftOf(body))
      switch (made.status) {
        case 'no_org':
          return sendNoOrg(reply)
        case 'no_member': {
          const message = 'must be a member of the organization'
          return sendProblem(reply, 'not_a_member', `user ${message}.`, [{ field: 'user', message }])
        }
        case 'created':
          return reply.code(201).send({ ...keyBody(made.record), key: made.key })
      }
    },
  )
  app.delete<{ Params: { org: string; id: string } }>(
    '/v1/orgs/:org/keys/:id',
    access,
    async ({ params }, reply) => {
      if (await directory.revokeKey(params.org, params.id)) return reply.code(204).send()
      return sendProblem(reply, 'not_found', 'There is no such key.')
    },
  )
}

/** A key is a user's, an app's, or an admin's; what belongs to another kind is refused, never ignored. */
function contradictions({ user, app, sources, scope }: Static<typeof NewKey>): FieldError[] {
  const errors: FieldError[] = []
  const isApp = app === true
  if (scope === 'admin') {
    if (isApp)
      errors.push({ field: 'app', message: 'must not be true: a key of scope admin belongs to an admin' })
    if (sources !== undefined)
      errors.push({ field: 'sources', message: 'must be absent: a key of scope admin makes no calls' })
  }
  if (!isApp && (user ?? null) === null) {
    errors.push({ field: 'user', message: 'is required, unless the key is an app’s' })
  }
  return errors
}

function draftOf({
  name,
  user = null,
  app = false,
  sources = ['chat'],
  scope = 'traffic',
}: Static<typeof NewKey>): KeyDraft {
  return { name, user, app, sources, scope }
}

function keyBody({ id, name, user, app, sources, scope, hint, createdAt }: KeyRecord): object {
  return { id, name, user, app, sources, scope, hint, createdAt: timestamp(createdAt) }
}

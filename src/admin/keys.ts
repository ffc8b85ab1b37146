/** `/v1/orgs/{org}/keys`: virtual keys. Only the response to POST contains the key itself. */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { SOURCES } from '../core/policy.ts'
import type { Directory } from '../directory/directory.ts'
import { SCOPES, type KeyDraft, type KeyRecord } from '../directory/virtual-keys.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, empty, json } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors, sendProblem, type FieldError } from './problems.ts'
import { Closed, Name, OneOf, OrgPath, OrNull, Timestamp, UserId } from './schemas.ts'
import { timestamp } from './timestamps.ts'
import { changeBy } from './versions.ts'

const NewKey = Component(
  'NewKey',
  Closed({
    name: Name,
    user: Type.Optional(OrNull(UserId, 'the id of a member, or null')),
    app: Type.Optional(
      Type.Boolean({
        description: 'Whether the calls name their user, in `x-tollgate-user`. Default false.',
      }),
    ),
    sources: Type.Optional(
      Type.Array(OneOf(SOURCES), {
        minItems: 1,
        maxItems: SOURCES.length,
        uniqueItems: true,
        description: 'The sources that a call may name; the first is the default. Default `["chat"]`.',
      }),
    ),
    scope: Type.Optional(OneOf(SCOPES)),
  }),
)
const keyProperties = {
  id: Type.String(),
  name: Name,
  user: Type.Union([UserId, Type.Null()], {
    description: 'The owner; null if every call names its user.',
  }),
  app: Type.Boolean({ description: 'Whether the calls name their user.' }),
  sources: Type.Array(OneOf(SOURCES), { description: 'The first is the default of a call.' }),
  scope: OneOf(SCOPES),
  hint: Type.String({ description: 'The key’s first characters, which identify it for people.' }),
  createdAt: Timestamp,
}
const Key = Component('Key', Type.Object(keyProperties))
const CreatedKey = Component(
  'CreatedKey',
  Type.Object({
    ...keyProperties,
    key: Type.String({ description: 'The key itself. It is never shown again.' }),
  }),
)
const KeyList = Closed(pageProperties)
const KeyPath = Type.Object({ ...OrgPath.properties, id: Type.String({ description: 'The id of a key.' }) })

const listKeys = documented({
  operationId: 'listKeys',
  tag: 'Keys',
  summary: 'List the keys',
  access: 'admin',
  params: OrgPath,
  querystring: KeyList,
  answers: { 200: json('A page of keys, in order of their ids.', PageOf(Key)) },
})
const createKey = documented({
  operationId: 'createKey',
  tag: 'Keys',
  summary: 'Create a key',
  description:
    'A traffic key belongs to one user, or with `app` to an app that names the user of each call. A key of scope `admin` belongs to an admin and opens the admin plane. Each plane refuses the keys of the other.',
  access: 'admin',
  params: OrgPath,
  body: NewKey,
  answers: { 201: json('Created. Only this response has the key.', CreatedKey) },
  problems: ['not_a_member'],
})
const revokeKey = documented({
  operationId: 'revokeKey',
  tag: 'Keys',
  summary: 'Revoke a key',
  access: 'admin',
  params: KeyPath,
  answers: { 204: empty('Revoked.') },
})

export function keyRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<{ Params: Static<typeof OrgPath>; Querystring: Static<typeof KeyList> }>(
    '/v1/orgs/:org/keys',
    listKeys,
    async ({ params, query }, reply) => {
      const page = await directory.listKeys(params.org, pageRequest(query))
      return page === null ? sendNoOrg(reply) : pageBody(page, keyBody)
    },
  )
  app.post<{ Params: Static<typeof OrgPath>; Body: Static<typeof NewKey> }>(
    '/v1/orgs/:org/keys',
    createKey,
    async (request, reply) => {
      const { params, body } = request
      const errors = contradictions(body)
      if (errors.length > 0) return sendFieldErrors(reply, errors)
      const made = await directory.createKey(params.org, draftOf(body), (record) =>
        changeBy(request, 'key.create', record.id, null, keyBody(record)),
      )
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
  app.delete<{ Params: Static<typeof KeyPath> }>(
    '/v1/orgs/:org/keys/:id',
    revokeKey,
    async (request, reply) => {
      const { org, id } = request.params
      const isRevoked = await directory.revokeKey(org, id, (record) =>
        changeBy(request, 'key.revoke', id, keyBody(record), null),
      )
      if (isRevoked) return reply.code(204).send()
      return sendProblem(reply, 'not_found', 'There is no such key.')
    },
  )
}

/** A key belongs to a user, to an app or to an admin. Fields of another kind are refused, never ignored. */
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

function keyBody({ id, name, user, app, sources, scope, hint, createdAt }: KeyRecord): Static<typeof Key> {
  return { id, name, user, app, sources: [...sources], scope, hint, createdAt: timestamp(createdAt) }
}

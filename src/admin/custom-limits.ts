/** `/v1/orgs/{org}/user-limits/custom`: limits that replace the default for one user, whether higher or lower (L2). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { toCredits, wholeCredits } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import { NO_TAG } from '../store/changes.ts'
import type { CustomLimit, ListedCustomLimit } from '../directory/user-limits.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, empty, json } from './documented.ts'
import { sendNoMember } from './members.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors, sendProblem } from './problems.ts'
import { Closed, OrgPath, OrNull, UserId, WholeCredits } from './schemas.ts'
import { changeBy, CONFLICT, deleteVersion, saveVersion, sendVersion } from './versions.ts'

const CustomBody = Component(
  'CustomLimitSettings',
  Closed({
    user: Type.Optional(UserId),
    limit: OrNull(WholeCredits, 'a whole number of credits from 0 to 1000000000, or null for unlimited'),
  }),
)
const customProperties = {
  user: UserId,
  limit: Type.Union([Type.Integer(), Type.Null()], { description: 'Credits; null is unlimited.' }),
}
const Custom = Component('CustomLimit', Type.Object(customProperties))
const ListedCustom = Component(
  'ListedCustomLimit',
  Type.Object({
    ...customProperties,
    name: Type.Union([Type.String(), Type.Null()], {
      description: 'The name of the user. Null for a user without a name, or who is no longer a member.',
    }),
  }),
)
const CustomList = Closed(pageProperties)
const CustomPath = Type.Object({ ...OrgPath.properties, user: UserId })
type OrgRoute = { Params: Static<typeof OrgPath> }
type CustomRoute = { Params: Static<typeof CustomPath> }

const path = '/v1/orgs/:org/user-limits/custom/:user'

const shared = { tag: 'Per-user limits', access: 'admin' } as const
const listCustom = documented({
  ...shared,
  operationId: 'listCustomLimits',
  summary: 'List the custom limits',
  params: OrgPath,
  querystring: CustomList,
  answers: { 200: json('A page of custom limits, in order of the users’ ids.', PageOf(ListedCustom)) },
})
const getCustom = documented({
  ...shared,
  operationId: 'getCustomLimit',
  summary: 'Read a custom limit',
  params: CustomPath,
  answers: { 200: json('The custom limit.', Custom, ['ETag']) },
})
const putCustomRoute = documented({
  ...shared,
  operationId: 'putCustomLimit',
  summary: 'Set a custom limit',
  description: 'It replaces the default for this user, and may be higher or lower (L2).',
  params: CustomPath,
  body: CustomBody,
  ifMatch: true,
  answers: { 200: json('Saved.', Custom, ['ETag']) },
})
const deleteCustom = documented({
  ...shared,
  operationId: 'deleteCustomLimit',
  summary: 'Return a user to the default limit',
  params: CustomPath,
  ifMatch: true,
  answers: { 204: empty('Deleted.') },
})

export function customLimitRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<OrgRoute & { Querystring: Static<typeof CustomList> }>(
    '/v1/orgs/:org/user-limits/custom',
    listCustom,
    async ({ params, query }, reply) => {
      const page = await directory.listCustomLimits(params.org, pageRequest(query))
      return page === null ? sendNoOrg(reply) : pageBody(page, listedBody)
    },
  )
  app.get<CustomRoute>(path, getCustom, async ({ params }, reply) => {
    const custom = await directory.getCustomLimit(params.org, params.user)
    return custom === null
      ? sendNoCustomLimit(reply, params.user)
      : sendVersion(reply, custom.tag, customBody(custom))
  })
  app.put<CustomRoute & { Body: Static<typeof CustomBody> }>(path, putCustomRoute, (request, reply) =>
    putCustom(directory, request, reply),
  )
  app.delete<CustomRoute>(path, deleteCustom, async (request, reply) => {
    const { org, user } = request.params
    return deleteVersion<CustomLimit>(request, reply, {
      action: 'custom_limit.delete',
      target: user,
      read: () => directory.getCustomLimit(org, user),
      show: customBody,
      missing: () => sendNoCustomLimit(reply, user),
      remove: (save) => directory.deleteCustomLimit(org, user, save),
    })
  })
}

async function putCustom(
  directory: Directory,
  request: FastifyRequest<CustomRoute & { Body: Static<typeof CustomBody> }>,
  reply: FastifyReply,
): Promise<unknown> {
  const { params, body } = request
  const { org, user } = params
  if (body.user !== undefined && body.user !== user) {
    return sendFieldErrors(reply, [{ field: 'user', message: 'must be the user in the path, or absent' }])
  }
  const custom = { user, limit: body.limit === null ? null : wholeCredits(body.limit) }
  return saveVersion<CustomLimit>(request, reply, {
    read: () => directory.getCustomLimit(org, user),
    show: customBody,
    async save(before) {
      const after = customBody(custom)
      const change = changeBy(request, 'custom_limit.put', user, before && customBody(before), after)
      const saved = await directory.putCustomLimit(org, custom, { expected: before?.tag ?? NO_TAG, change })
      switch (saved.status) {
        case 'conflict':
          return CONFLICT
        case 'no_org':
          return sendNoOrg(reply)
        case 'no_member':
          return sendNoMember(reply, user)
        case 'saved':
          return sendVersion(reply, saved.tag, after)
      }
    },
  })
}

function customBody({ user, limit }: CustomLimit): Static<typeof Custom> {
  return { user, limit: limit === null ? null : toCredits(limit) }
}

function listedBody(custom: ListedCustomLimit): Static<typeof ListedCustom> {
  return { ...customBody(custom), name: custom.name }
}

function sendNoCustomLimit(reply: FastifyReply, user: string): FastifyReply {
  return sendProblem(reply, 'not_found', `${user} has no custom limit.`)
}

/** `/v1/orgs/{org}/users`: each user's usage in this period, highest first, and the users who are at the limit (L7). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { toCredits } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import { parseUseCursor, type UserUse } from '../directory/users-by-use.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, json } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors } from './problems.ts'
import { Closed, Credits, OneOf, OrgPath, Search, UserId } from './schemas.ts'

const UserList = Closed({
  ...pageProperties,
  exceeding: Type.Optional(OneOf(['true', 'false'], 'Whether only users at or past their limit.')),
  q: Type.Optional(Search),
})
const User = Component(
  'UserUse',
  Type.Object({
    user: UserId,
    name: Type.Union([Type.String(), Type.Null()], {
      description: 'Null for a user without a name, or who is no longer a member.',
    }),
    used: Type.Number({ description: 'Credits charged in this period, all sources.' }),
    counted: Type.Number({ description: 'The part of it that counts towards the limit (L5).' }),
    held: Type.Number({ description: 'Credits set aside for calls in flight.' }),
    limit: Type.Union([Credits, Type.Null()], { description: 'Null: no limit.' }),
    exceeding: Type.Boolean({ description: 'Whether the limit is reached.' }),
  }),
)

const listUsers = documented({
  operationId: 'listUsers',
  tag: 'Users',
  summary: 'List users by usage',
  description:
    'Sorted by usage, highest first. With `exceeding=true` only users at or past their limit in this period, read from an index.',
  access: 'admin',
  params: OrgPath,
  querystring: UserList,
  answers: { 200: json('A page of users.', PageOf(User)) },
})

export function userRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<{ Params: Static<typeof OrgPath>; Querystring: Static<typeof UserList> }>(
    '/v1/orgs/:org/users',
    listUsers,
    async ({ params, query }, reply) => {
      const { limit, after: text } = pageRequest(query)
      const after = text === null ? null : parseUseCursor(text)
      if (text !== null && after === null) {
        return sendFieldErrors(reply, [{ field: 'cursor', message: 'must be the `next` of the page before' }])
      }
      const exceeding = query.exceeding === 'true'
      const page = await directory.listUsersByUse(params.org, { exceeding, q: query.q ?? null, limit, after })
      return page === null ? sendNoOrg(reply) : pageBody(page, userBody)
    },
  )
}

function userBody({ user, name, used, counted, held, limit, exceeding }: UserUse): Static<typeof User> {
  return {
    user,
    name,
    used: toCredits(used),
    counted: toCredits(counted),
    held: toCredits(held),
    limit: limit === null ? null : toCredits(limit),
    exceeding,
  }
}

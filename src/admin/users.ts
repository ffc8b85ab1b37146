/** `/v1/orgs/{org}/users`: who used how much in this period, most first, and who is at the limit (L7). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { toCredits } from '../core/units.ts'
import type { Directory } from '../ledger/directory.ts'
import { parseUseCursor, type UserUse } from '../ledger/directory/users-by-use.ts'
import { sendNoOrg } from './auth.ts'
import { pageBody, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors } from './problems.ts'
import { Closed, OneOf, Search } from './schemas.ts'

const UserList = Closed({
  ...pageProperties,
  exceeding: Type.Optional(OneOf(['true', 'false'])),
  q: Type.Optional(Search),
})

export function userRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<{ Params: { org: string }; Querystring: Static<typeof UserList> }>(
    '/v1/orgs/:org/users',
    { schema: { querystring: UserList }, config: { access: 'admin' } },
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

function userBody({ user, name, used, counted, held, limit, exceeding }: UserUse): object {
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

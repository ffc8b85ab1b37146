/** `/v1/orgs/{org}/members`. */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Directory } from '../ledger/directory.ts'
import { ROLES } from '../ledger/directory/members.ts'
import { isOperator, sendNoOrg } from './auth.ts'
import { pageBody, pageProperties, pageRequest } from './paging.ts'
import { sendProblem } from './problems.ts'
import { Closed, Name, OneOf, OrNull, Search, UserId } from './schemas.ts'

const Email = Type.String({ pattern: '^[^\\s@<>",;]+@[^\\s@<>",;]+$', maxLength: 254 })
const MemberBody = Closed({
  email: Type.Optional(OrNull(Email, 'an email address, or null')),
  name: Type.Optional(OrNull(Name, 'a text of one line that is not empty, or null')),
  role: Type.Optional(OneOf(ROLES)),
})
const MemberList = Closed({ ...pageProperties, q: Type.Optional(Search) })
const MemberPath = Type.Object({ org: Type.String(), user: UserId })
type MemberRoute = { Params: Static<typeof MemberPath> }

const access = { config: { access: 'admin' } } as const
const path = '/v1/orgs/:org/members/:user'

export function memberRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<{ Params: { org: string }; Querystring: Static<typeof MemberList> }>(
    '/v1/orgs/:org/members',
    { schema: { querystring: MemberList }, ...access },
    async ({ params, query }, reply) => {
      const page = await directory.listMembers(params.org, { ...pageRequest(query), q: query.q ?? null })
      return page === null ? sendNoOrg(reply) : pageBody(page, (member) => member)
    },
  )
  app.get<MemberRoute>(path, { schema: { params: MemberPath }, ...access }, async ({ params }, reply) => {
    const member = await directory.getMember(params.org, params.user)
    return member ?? sendNoMember(reply, params.user)
  })
  app.put<MemberRoute & { Body: Static<typeof MemberBody> }>(
    path,
    { schema: { params: MemberPath, body: MemberBody }, ...access },
    async (request, reply) => {
      const { org, user } = request.params
      const { email = null, name = null, role = 'member' } = request.body
      const member = { user, email, name, role }
      const result = await directory.putMember(org, member, { mayLeaveNoAdmin: isOperator(request) })
      if (result === 'no_org') return sendNoOrg(reply)
      if (result === 'last_admin') return sendLastAdmin(reply, user)
      return reply.code(result === 'created' ? 201 : 200).send(member)
    },
  )
  app.delete<MemberRoute>(path, { schema: { params: MemberPath }, ...access }, async (request, reply) => {
    const { org, user } = request.params
    const result = await directory.removeMember(org, user, { mayLeaveNoAdmin: isOperator(request) })
    if (result === 'no_member') return sendNoMember(reply, user)
    if (result === 'last_admin') return sendLastAdmin(reply, user)
    return reply.code(204).send()
  })
}

export function sendNoMember(reply: FastifyReply, user: string): FastifyReply {
  return sendProblem(reply, 'not_found', `There is no member ${user}.`)
}

function sendLastAdmin(reply: FastifyReply, user: string): FastifyReply {
  const detail = `${user} is the last admin. Make somebody else an admin first, or ask the operator.`
  return sendProblem(reply, 'last_admin', detail)
}

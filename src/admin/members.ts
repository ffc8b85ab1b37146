/** `/v1/orgs/{org}/members`. */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Directory } from '../ledger/directory.ts'
import { ROLES } from '../ledger/directory/members.ts'
import { isOperator, sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, empty, json } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendProblem } from './problems.ts'
import { Closed, Name, OneOf, OrgPath, OrNull, Search, UserId } from './schemas.ts'

const Email = Type.String({ pattern: '^[^\\s@<>",;]+@[^\\s@<>",;]+$', maxLength: 254 })
const MemberBody = Component(
  'MemberSettings',
  Closed({
    email: Type.Optional(OrNull(Email, 'an email address, or null')),
    name: Type.Optional(OrNull(Name, 'a text of one line that is not empty, or null')),
    role: Type.Optional(OneOf(ROLES)),
  }),
)
const MemberAnswer = Component(
  'Member',
  Type.Object({
    user: UserId,
    email: Type.Union([Type.String(), Type.Null()], { description: 'Where mail goes; null: nowhere.' }),
    name: Type.Union([Type.String(), Type.Null()]),
    role: OneOf(ROLES),
  }),
)
const MemberList = Closed({ ...pageProperties, q: Type.Optional(Search) })
const MemberPath = Type.Object({ ...OrgPath.properties, user: UserId })
type MemberRoute = { Params: Static<typeof MemberPath> }

const path = '/v1/orgs/:org/members/:user'

const listMembers = documented({
  operationId: 'listMembers',
  tag: 'Members',
  summary: 'List or search the members',
  access: 'admin',
  params: OrgPath,
  querystring: MemberList,
  answers: { 200: json('A page of members, in order of their ids.', PageOf(MemberAnswer)) },
})
const getMember = documented({
  operationId: 'getMember',
  tag: 'Members',
  summary: 'Read a member',
  access: 'admin',
  params: MemberPath,
  answers: { 200: json('The member.', MemberAnswer) },
})
const putMember = documented({
  operationId: 'putMember',
  tag: 'Members',
  summary: 'Add a member, or replace one',
  description: 'What is absent gets its default: no email, no name, role `member`.',
  access: 'admin',
  params: MemberPath,
  body: MemberBody,
  answers: { 200: json('Replaced.', MemberAnswer), 201: json('Added.', MemberAnswer) },
  problems: ['last_admin'],
})
const removeMember = documented({
  operationId: 'removeMember',
  tag: 'Members',
  summary: 'Remove a member',
  description:
    'Fails at the very next call. What the user used stays, and who is added again goes on with the same counters.',
  access: 'admin',
  params: MemberPath,
  answers: { 204: empty('Removed.') },
  problems: ['last_admin'],
})

export function memberRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<{ Params: Static<typeof OrgPath>; Querystring: Static<typeof MemberList> }>(
    '/v1/orgs/:org/members',
    listMembers,
    async ({ params, query }, reply) => {
      const page = await directory.listMembers(params.org, { ...pageRequest(query), q: query.q ?? null })
      return page === null ? sendNoOrg(reply) : pageBody(page, (member) => member)
    },
  )
  app.get<MemberRoute>(path, getMember, async ({ params }, reply) => {
    const member = await directory.getMember(params.org, params.user)
    return member ?? sendNoMember(reply, params.user)
  })
  app.put<MemberRoute & { Body: Static<typeof MemberBody> }>(path, putMember, async (request, reply) => {
    const { org, user } = request.params
    const { email = null, name = null, role = 'member' } = request.body
    const member = { user, email, name, role }
    const result = await directory.putMember(org, member, { mayLeaveNoAdmin: isOperator(request) })
    if (result === 'no_org') return sendNoOrg(reply)
    if (result === 'last_admin') return sendLastAdmin(reply, user)
    return reply.code(result === 'created' ? 201 : 200).send(member)
  })
  app.delete<MemberRoute>(path, removeMember, async (request, reply) => {
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

/** `/v1/orgs/{org}/members`. */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Directory } from '../directory/directory.ts'
import { NO_TAG } from '../store/changes.ts'
import { ROLES, type Member } from '../directory/members.ts'
import { isOperator, sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, empty, json } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors, sendProblem } from './problems.ts'
import { Closed, Name, OneOf, OrgPath, OrNull, Search, UserId } from './schemas.ts'
import type { TellUnheard } from './unheard.ts'
import { changeBy, changeVersion, CONFLICT, OPERATOR_ACTOR, saveVersion, sendVersion } from './versions.ts'

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
    email: Type.Union([Type.String(), Type.Null()], { description: 'Address for mail; null: none.' }),
    name: Type.Union([Type.String(), Type.Null()]),
    role: OneOf(ROLES),
  }),
)
const MemberList = Closed({
  ...pageProperties,
  q: Type.Optional(Search),
  role: Type.Optional(OneOf(ROLES, 'Only those of this role.')),
})
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
  answers: { 200: json('The member.', MemberAnswer, ['ETag']) },
})
const putMemberRoute = documented({
  operationId: 'putMember',
  tag: 'Members',
  summary: 'Add a member, or replace one',
  description: 'Absent fields get their default: no email, no name, role `member`.',
  access: 'admin',
  params: MemberPath,
  body: MemberBody,
  ifMatch: true,
  answers: { 200: json('Replaced.', MemberAnswer, ['ETag']), 201: json('Added.', MemberAnswer, ['ETag']) },
  problems: ['last_admin'],
})
const removeMember = documented({
  operationId: 'removeMember',
  tag: 'Members',
  summary: 'Remove a member',
  description:
    'The user’s next call fails. The usage stays: a user who is added again continues with the same counters.',
  access: 'admin',
  params: MemberPath,
  ifMatch: true,
  answers: { 204: empty('Removed.') },
  problems: ['last_admin'],
})

export function memberRoutes(app: FastifyInstance, directory: Directory, tellUnheard: TellUnheard): void {
  app.get<{ Params: Static<typeof OrgPath>; Querystring: Static<typeof MemberList> }>(
    '/v1/orgs/:org/members',
    listMembers,
    async ({ params, query }, reply) => {
      const { q = null, role = null } = query
      const page = await directory.listMembers(params.org, { ...pageRequest(query), q, role })
      return page === null ? sendNoOrg(reply) : pageBody(page, memberBody)
    },
  )
  app.get<MemberRoute>(path, getMember, async ({ params }, reply) => {
    const member = await directory.getMember(params.org, params.user)
    return member === null
      ? sendNoMember(reply, params.user)
      : sendVersion(reply, member.tag, memberBody(member))
  })
  app.put<MemberRoute & { Body: Static<typeof MemberBody> }>(path, putMemberRoute, (request, reply) =>
    putMember(directory, tellUnheard, request, reply),
  )
  app.delete<MemberRoute>(path, removeMember, async (request, reply) => {
    const { org, user } = request.params
    return changeVersion<Member>(request, reply, {
      read: () => directory.getMember(org, user),
      show: memberBody,
      missing: () => sendNoMember(reply, user),
      async save(before) {
        const change = changeBy(request, 'member.remove', user, memberBody(before), null)
        const save = { expected: before.tag, change, mayLeaveNoAdmin: isOperator(request) }
        switch (await directory.removeMember(org, user, save)) {
          case 'conflict':
            return CONFLICT
          case 'last_admin':
            return sendLastAdmin(reply, user)
          case 'removed':
            return reply.code(204).send()
        }
      },
    })
  })
}

async function putMember(
  directory: Directory,
  tellUnheard: TellUnheard,
  request: FastifyRequest<MemberRoute & { Body: Static<typeof MemberBody> }>,
  reply: FastifyReply,
): Promise<unknown> {
  const { org, user } = request.params
  const { email = null, name = null, role = 'member' } = request.body
  if (user === OPERATOR_ACTOR && role === 'admin') {
    const message = `must not be admin for a user called ${OPERATOR_ACTOR}: the audit log could not tell them apart`
    return sendFieldErrors(reply, [{ field: 'role', message }])
  }
  const member = { user, email, name, role }
  return saveVersion<Member>(request, reply, {
    read: () => directory.getMember(org, user),
    show: memberBody,
    async save(before) {
      const change = changeBy(request, 'member.put', user, before && memberBody(before), member)
      const expected = before?.tag ?? NO_TAG
      const mayLeaveNoAdmin = isOperator(request)
      const result = await directory.putMember(org, member, { expected, change, mayLeaveNoAdmin })
      switch (result.status) {
        case 'conflict':
          return CONFLICT
        case 'no_org':
          return sendNoOrg(reply)
        case 'last_admin':
          return sendLastAdmin(reply, user)
        case 'saved':
          if (email !== null && (before?.email !== email || before.role !== role))
            await tellUnheard(request, org)
          return sendVersion(reply.code(before === null ? 201 : 200), result.tag, member)
      }
    },
  })
}

function memberBody({ user, email, name, role }: Member): Static<typeof MemberAnswer> {
  return { user, email, name, role }
}

export function sendNoMember(reply: FastifyReply, user: string): FastifyReply {
  return sendProblem(reply, 'not_found', `There is no member ${user}.`)
}

function sendLastAdmin(reply: FastifyReply, user: string): FastifyReply {
  const detail = `${user} is the last admin. Make somebody else an admin first, or ask the operator.`
  return sendProblem(reply, 'last_admin', detail)
}

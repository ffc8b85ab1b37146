/** `/v1/orgs/{org}/user-limits`: the hard cap per user (L1–L5), and custom limits that replace its default (L2). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { UserLimits } from '../core/policy.ts'
import { toCredits, wholeCredits } from '../core/units.ts'
import type { Directory } from '../ledger/directory.ts'
import type { CustomLimit } from '../ledger/directory/user-limits.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, empty, json } from './documented.ts'
import { sendNoMember } from './members.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendProblem, type FieldError } from './problems.ts'
import { Closed, Name, OrgPath, OrNull, UserId, WholeCredits } from './schemas.ts'

const MAX_RECIPIENTS = 100
export const RecipientsBody = Component(
  'Recipients',
  Type.Union(
    [Type.Literal('all'), Type.Array(UserId, { minItems: 1, maxItems: MAX_RECIPIENTS, uniqueItems: true })],
    { description: `"all", or the ids of 1 to ${MAX_RECIPIENTS} admins, each once` },
  ),
)
const Text = OrNull(
  Type.String({ minLength: 1, maxLength: 2_000 }),
  'a text of at most 2000 characters, or null',
)
const Contact = OrNull(Name, 'a text of one line that is not empty, or null')
const LimitsBody = Component(
  'UserLimitsSettings',
  Closed({
    enabled: Type.Boolean(),
    default: WholeCredits,
    recipients: Type.Optional(RecipientsBody),
    exclude: Type.Optional(
      Closed({ agent_deployment: Type.Optional(Type.Boolean()), workflow: Type.Optional(Type.Boolean()) }),
    ),
    explanation: Type.Optional(
      Closed({
        text: Type.Optional(Text),
        contact: Type.Optional(Contact),
        hideAmounts: Type.Optional(Type.Boolean()),
      }),
    ),
  }),
)
const Limits = Component(
  'UserLimits',
  Type.Object({
    enabled: Type.Boolean({ description: 'Switched off, everything else is kept, dormant (L9).' }),
    default: Type.Integer({
      description: 'Credits for every user without a custom limit. 0 blocks every paid call.',
    }),
    recipients: RecipientsBody,
    exclude: Type.Object(
      { agent_deployment: Type.Boolean(), workflow: Type.Boolean() },
      { description: 'Sources whose calls neither count towards the limit nor are refused by it (L5).' },
    ),
    explanation: Type.Object(
      {
        text: Type.Union([Type.String(), Type.Null()], { description: 'Replaces the text of a refusal.' }),
        contact: Type.Union([Type.String(), Type.Null()], { description: 'Whom a refused user should ask.' }),
        hideAmounts: Type.Boolean({ description: 'No refusal and no header has amounts.' }),
      },
      { description: 'What a refused user reads (E3).' },
    ),
  }),
)
const CustomBody = Component(
  'CustomLimitSettings',
  Closed({
    user: Type.Optional(UserId),
    limit: OrNull(WholeCredits, 'a whole number of credits from 0 to 1000000000, or null for unlimited'),
  }),
)
const Custom = Component(
  'CustomLimit',
  Type.Object({
    user: UserId,
    limit: Type.Union([Type.Integer(), Type.Null()], { description: 'Credits; null is unlimited.' }),
  }),
)
const CustomList = Closed(pageProperties)
const CustomPath = Type.Object({ ...OrgPath.properties, user: UserId })
type OrgRoute = { Params: Static<typeof OrgPath> }
type CustomRoute = { Params: Static<typeof CustomPath> }

const customPath = '/v1/orgs/:org/user-limits/custom/:user'

const shared = { tag: 'Per-user limits', access: 'admin' } as const
const getLimits = documented({
  ...shared,
  operationId: 'getUserLimits',
  summary: 'Read the limits',
  params: OrgPath,
  answers: { 200: json('The limits.', Limits) },
})
const putLimits = documented({
  ...shared,
  operationId: 'putUserLimits',
  summary: 'Save the limits',
  description:
    'The whole setting: what is absent gets its default, not what was there before. It holds for the very next call, on every gateway (L8).',
  params: OrgPath,
  body: LimitsBody,
  answers: { 200: json('Saved.', Limits) },
  problems: ['not_an_admin'],
})
const listCustom = documented({
  ...shared,
  operationId: 'listCustomLimits',
  summary: 'List the custom limits',
  params: OrgPath,
  querystring: CustomList,
  answers: { 200: json('A page of custom limits, in order of the users’ ids.', PageOf(Custom)) },
})
const getCustom = documented({
  ...shared,
  operationId: 'getCustomLimit',
  summary: 'Read a custom limit',
  params: CustomPath,
  answers: { 200: json('The custom limit.', Custom) },
})
const putCustom = documented({
  ...shared,
  operationId: 'putCustomLimit',
  summary: 'Give a user a limit of their own',
  description: 'It replaces the default for this user, whether higher or lower (L2).',
  params: CustomPath,
  body: CustomBody,
  answers: { 200: json('Saved.', Custom) },
})
const deleteCustom = documented({
  ...shared,
  operationId: 'deleteCustomLimit',
  summary: 'Return a user to the default limit',
  params: CustomPath,
  answers: { 204: empty('Deleted.') },
})

export function userLimitRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<OrgRoute>('/v1/orgs/:org/user-limits', getLimits, async ({ params }, reply) => {
    const found = await directory.getUserLimits(params.org)
    return found === null ? sendNoOrg(reply) : limitsBody(found.limits)
  })
  app.put<OrgRoute & { Body: Static<typeof LimitsBody> }>(
    '/v1/orgs/:org/user-limits',
    putLimits,
    async ({ params, body }, reply) => {
      const limits = limitsOf(body)
      if ((await directory.getUserLimits(params.org)) === null) return sendNoOrg(reply)
      const errors = await recipientErrors(directory, params.org, limits)
      if (errors.length > 0) return sendProblem(reply, 'not_an_admin', 'Recipients must be admins.', errors)
      const saved = await directory.setUserLimits(params.org, limits, null)
      return saved.status === 'saved' ? limitsBody(limits) : sendNoOrg(reply)
    },
  )
  customRoutes(app, directory)
}

function customRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<OrgRoute & { Querystring: Static<typeof CustomList> }>(
    '/v1/orgs/:org/user-limits/custom',
    listCustom,
    async ({ params, query }, reply) => {
      const page = await directory.listCustomLimits(params.org, pageRequest(query))
      return page === null ? sendNoOrg(reply) : pageBody(page, customBody)
    },
  )
  app.get<CustomRoute>(customPath, getCustom, async ({ params }, reply) => {
    const custom = await directory.getCustomLimit(params.org, params.user)
    return custom === null ? sendNoCustomLimit(reply, params.user) : customBody(custom)
  })
  app.put<CustomRoute & { Body: Static<typeof CustomBody> }>(
    customPath,
    putCustom,
    async ({ params: { org, user }, body }, reply) => {
      if (body.user !== undefined && body.user !== user) {
        const message = 'must be the user in the path, or absent'
        return sendProblem(reply, 'invalid_request', `user ${message}.`, [{ field: 'user', message }])
      }
      const custom = { user, limit: body.limit === null ? null : wholeCredits(body.limit) }
      const saved = await directory.putCustomLimit(org, custom)
      if (saved === 'no_org') return sendNoOrg(reply)
      return saved === 'no_member' ? sendNoMember(reply, user) : customBody(custom)
    },
  )
  app.delete<CustomRoute>(customPath, deleteCustom, async ({ params: { org, user } }, reply) =>
    (await directory.deleteCustomLimit(org, user)) ? reply.code(204).send() : sendNoCustomLimit(reply, user),
  )
}

/** O7: each of them must be an admin when it is saved. */
async function recipientErrors(
  directory: Directory,
  org: string,
  { recipients }: UserLimits,
): Promise<FieldError[]> {
  if (recipients === 'all') return []
  const strangers = await directory.notAdmins(org, recipients)
  return strangers.map((user) => ({
    field: `recipients.${recipients.indexOf(user)}`,
    message: `must be an admin of the organization: ${user} is none`,
  }))
}

/** The whole setting: what is absent gets its default, not what was there before. */
function limitsOf(body: Static<typeof LimitsBody>): UserLimits {
  const { exclude = {}, explanation = {} } = body
  return {
    enabled: body.enabled,
    default: wholeCredits(body.default),
    recipients: body.recipients ?? 'all',
    exclude: { agent_deployment: exclude.agent_deployment ?? false, workflow: exclude.workflow ?? false },
    explanation: {
      text: explanation.text ?? null,
      contact: explanation.contact ?? null,
      hideAmounts: explanation.hideAmounts ?? false,
    },
  }
}

function limitsBody({ recipients, ...limits }: UserLimits): Static<typeof Limits> {
  return {
    ...limits,
    default: toCredits(limits.default),
    recipients: recipients === 'all' ? 'all' : [...recipients],
  }
}

function customBody({ user, limit }: CustomLimit): Static<typeof Custom> {
  return { user, limit: limit === null ? null : toCredits(limit) }
}

function sendNoCustomLimit(reply: FastifyReply, user: string): FastifyReply {
  return sendProblem(reply, 'not_found', `${user} has no custom limit.`)
}

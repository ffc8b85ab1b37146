/** `/v1/orgs/{org}/user-limits`: the hard cap per user (L1–L5), and custom limits that replace its default (L2). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { UserLimits } from '../core/policy.ts'
import { toCredits, wholeCredits } from '../core/units.ts'
import type { Directory } from '../ledger/directory.ts'
import type { CustomLimit } from '../ledger/directory/user-limits.ts'
import { sendNoOrg } from './auth.ts'
import { sendNoMember } from './members.ts'
import { pageBody, pageProperties, pageRequest } from './paging.ts'
import { sendProblem, type FieldError } from './problems.ts'
import { Closed, Name, OrNull, UserId, WholeCredits } from './schemas.ts'

const MAX_RECIPIENTS = 100
const RecipientsBody = Type.Union(
  [Type.Literal('all'), Type.Array(UserId, { minItems: 1, maxItems: MAX_RECIPIENTS, uniqueItems: true })],
  { description: `"all", or the ids of 1 to ${MAX_RECIPIENTS} admins, each once` },
)
const LimitsBody = Closed({
  enabled: Type.Boolean(),
  default: WholeCredits,
  recipients: Type.Optional(RecipientsBody),
  exclude: Type.Optional(
    Closed({ agent_deployment: Type.Optional(Type.Boolean()), workflow: Type.Optional(Type.Boolean()) }),
  ),
  explanation: Type.Optional(
    Closed({
      text: Type.Optional(
        OrNull(Type.String({ minLength: 1, maxLength: 2_000 }), 'a text of at most 2000 characters, or null'),
      ),
      contact: Type.Optional(OrNull(Name, 'a text of one line that is not empty, or null')),
      hideAmounts: Type.Optional(Type.Boolean()),
    }),
  ),
})
const CustomBody = Closed({
  user: Type.Optional(UserId),
  limit: OrNull(WholeCredits, 'a whole number of credits from 0 to 1000000000, or null for unlimited'),
})
const CustomList = Closed(pageProperties)
const CustomPath = Type.Object({ org: Type.String(), user: UserId })
type OrgPath = { Params: { org: string } }
type CustomRoute = { Params: Static<typeof CustomPath> }

const access = { config: { access: 'admin' } } as const
const customPath = '/v1/orgs/:org/user-limits/custom/:user'

export function userLimitRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<OrgPath>('/v1/orgs/:org/user-limits', access, async ({ params }, reply) => {
    const found = await directory.getUserLimits(params.org)
    return found === null ? sendNoOrg(reply) : limitsBody(found.limits)
  })
  app.put<OrgPath & { Body: Static<typeof LimitsBody> }>(
    '/v1/orgs/:org/user-limits',
    { schema: { body: LimitsBody }, ...access },
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
  const schema = { params: CustomPath }
  app.get<OrgPath & { Querystring: Static<typeof CustomList> }>(
    '/v1/orgs/:org/user-limits/custom',
    { schema: { querystring: CustomList }, ...access },
    async ({ params, query }, reply) => {
      const page = await directory.listCustomLimits(params.org, pageRequest(query))
      return page === null ? sendNoOrg(reply) : pageBody(page, customBody)
    },
  )
  app.get<CustomRoute>(customPath, { schema, ...access }, async ({ params }, reply) => {
    const custom = await directory.getCustomLimit(params.org, params.user)
    return custom === null ? sendNoCustomLimit(reply, params.user) : customBody(custom)
  })
  app.put<CustomRoute & { Body: Static<typeof CustomBody> }>(
    customPath,
    { schema: { ...schema, body: CustomBody }, ...access },
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
  app.delete<CustomRoute>(customPath, { schema, ...access }, async ({ params: { org, user } }, reply) =>
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

function limitsBody(limits: UserLimits): object {
  return { ...limits, default: toCredits(limits.default) }
}

function customBody({ user, limit }: CustomLimit): object {
  return { user, limit: limit === null ? null : toCredits(limit) }
}

function sendNoCustomLimit(reply: FastifyReply, user: string): FastifyReply {
  return sendProblem(reply, 'not_found', `${user} has no custom limit.`)
}

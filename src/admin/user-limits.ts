/** `/v1/orgs/{org}/user-limits`: the hard cap per user (L1–L5). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { PLACEHOLDERS, unknownPlaceholders } from '../core/placeholders.ts'
import type { UserLimits } from '../core/policy.ts'
import { toCredits, wholeCredits } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, json } from './documented.ts'
import { RecipientsBody, recipientsBody, sendNotAdmins } from './recipients.ts'
import { Closed, Name, OrgPath, OrNull, WholeCredits } from './schemas.ts'
import { sendFieldErrors, type FieldError } from './problems.ts'
import { changeBy, changeVersion, CONFLICT, sendVersion } from './versions.ts'

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
    enabled: Type.Boolean({ description: 'If false, the other settings are kept, but have no effect (L9).' }),
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
        text: Type.Union([Type.String(), Type.Null()], {
          description: `Follows the built-in text of a refusal. May hold ${PLACEHOLDERS.map((name) => `{${name}}`).join(' ')}.`,
        }),
        contact: Type.Union([Type.String(), Type.Null()], { description: 'Whom a refused user should ask.' }),
        hideAmounts: Type.Boolean({ description: 'No refusal and no header has amounts.' }),
      },
      { description: 'The text of a refusal (E3).' },
    ),
  }),
)
type OrgRoute = { Params: Static<typeof OrgPath> }

const shared = { tag: 'Per-user limits', access: 'admin' } as const
const getLimits = documented({
  ...shared,
  operationId: 'getUserLimits',
  summary: 'Read the limits',
  params: OrgPath,
  answers: { 200: json('The limits.', Limits, ['ETag']) },
})
const putLimits = documented({
  ...shared,
  operationId: 'putUserLimits',
  summary: 'Save the limits',
  description:
    'Saves the whole setting: absent fields get their default, not their previous value. It applies to the next call on every gateway (L8).',
  params: OrgPath,
  body: LimitsBody,
  ifMatch: true,
  answers: { 200: json('Saved.', Limits, ['ETag']) },
  problems: ['not_an_admin'],
})
export function userLimitRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<OrgRoute>('/v1/orgs/:org/user-limits', getLimits, async ({ params }, reply) => {
    const found = await directory.getUserLimits(params.org)
    return found === null ? sendNoOrg(reply) : sendVersion(reply, found.tag, limitsBody(found))
  })
  app.put<OrgRoute & { Body: Static<typeof LimitsBody> }>(
    '/v1/orgs/:org/user-limits',
    putLimits,
    async (request, reply) => {
      const { org } = request.params
      const limits = limitsOf(request.body)
      const errors = textErrors(limits.explanation.text)
      if (errors.length > 0) return sendFieldErrors(reply, errors)
      return changeVersion<{ limits: UserLimits }>(request, reply, {
        read: () => directory.getUserLimits(org),
        show: limitsBody,
        missing: () => sendNoOrg(reply),
        async save(before) {
          const after = limitsBody({ limits })
          const change = changeBy(request, 'user_limits.update', org, limitsBody(before), after)
          const saved = await directory.setUserLimits(org, limits, { expected: before.tag, change })
          switch (saved.status) {
            case 'conflict':
              return CONFLICT
            case 'no_org':
              return sendNoOrg(reply)
            case 'not_admins':
              return sendNotAdmins(reply, limits.recipients, saved.users)
            case 'saved':
              return sendVersion(reply, saved.tag, after)
          }
        },
      })
    },
  )
}

/** The refused user would read an unknown placeholder as literal text. */
function textErrors(text: string | null): FieldError[] {
  return unknownPlaceholders(text ?? '').map((name) => ({
    field: 'explanation.text',
    message: `holds an unknown placeholder {${name}}; known are ${PLACEHOLDERS.map((known) => `{${known}}`).join(' ')}`,
  }))
}

/** The whole setting: an absent field gets its default, not its previous value. */
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

function limitsBody({ limits }: { readonly limits: UserLimits }): Static<typeof Limits> {
  return { ...limits, default: toCredits(limits.default), recipients: recipientsBody(limits.recipients) }
}

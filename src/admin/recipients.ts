/** Who is notified of a crossing: all admins, or some of them by name (O7). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyReply } from 'fastify'
import type { Recipients } from '../core/policy.ts'
import { Component } from './components.ts'
import { sendProblem } from './problems.ts'
import { UserId } from './schemas.ts'

const MAX_RECIPIENTS = 100

export const RecipientsBody = Component(
  'Recipients',
  Type.Union(
    [Type.Literal('all'), Type.Array(UserId, { minItems: 1, maxItems: MAX_RECIPIENTS, uniqueItems: true })],
    { description: `"all", or the ids of 1 to ${MAX_RECIPIENTS} admins, each once` },
  ),
)

/** Recipients as a response shows them. */
export function recipientsBody(recipients: Recipients): Static<typeof RecipientsBody> {
  return recipients === 'all' ? 'all' : [...recipients]
}

/** Every recipient must be an admin when the settings are saved; these are not. */
export function sendNotAdmins(
  reply: FastifyReply,
  recipients: Recipients,
  users: readonly string[],
): FastifyReply {
  const errors = users.map((user) => ({
    field: `recipients.${recipients.indexOf(user)}`,
    message: `must be an admin of the organization: ${user} is none`,
  }))
  return sendProblem(reply, 'not_an_admin', 'Recipients must be admins.', errors)
}

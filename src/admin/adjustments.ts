/** `POST /v1/orgs/{org}/adjustments`: a refund or a charge that an admin makes to a user's usage in this period (C8). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { SOURCES } from '../core/policy.ts'
import { decimalMicrocredits, formatCredits, MAX_CREDITS, toCredits } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import type { AdjustResult, Adjustment } from '../directory/adjustments.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, json } from './documented.ts'
import { sendFieldErrors, sendProblem } from './problems.ts'
import { Closed, OneOf, OrgPath, UserId } from './schemas.ts'
import { changeBy } from './versions.ts'

const NewAdjustment = Component(
  'NewAdjustment',
  Closed({
    user: UserId,
    credits: Type.Number({
      minimum: -MAX_CREDITS,
      maximum: MAX_CREDITS,
      description: 'Credits to add to the usage, with at most six decimals; a negative number is a refund.',
    }),
    source: Type.Optional(
      Type.Unsafe<(typeof SOURCES)[number]>({ ...OneOf(SOURCES), description: 'Default `chat`.' }),
    ),
    reason: Type.String({
      pattern: '\\S',
      maxLength: 1_000,
      expects: 'a text that is not empty',
      description: 'Written to the audit log.',
    }),
  }),
)
const Adjusted = Component(
  'Adjustment',
  Type.Object({
    id: Type.String(),
    used: Type.Number({ description: 'The user’s usage in this period after the adjustment, in credits.' }),
  }),
)

const createAdjustment = documented({
  operationId: 'createAdjustment',
  tag: 'Usage',
  summary: 'Adjust a user’s usage',
  description:
    'An adjustment is part of every sum, as usage of a model called `adjustment` with no calls. A charge fires the alerts it crosses; a refund fires nothing, arms nothing, and unblocks a user who falls below the limit. Send an `Idempotency-Key` to make a retry safe.',
  access: 'admin',
  params: OrgPath,
  body: NewAdjustment,
  idempotencyKey: true,
  answers: { 201: json('Adjusted.', Adjusted) },
  problems: ['not_a_member', 'usage_below_zero', 'usage_too_large', 'idempotency_key_reused'],
})

export function adjustmentRoutes(app: FastifyInstance, directory: Directory): void {
  app.post<{ Params: Static<typeof OrgPath>; Body: Static<typeof NewAdjustment> }>(
    '/v1/orgs/:org/adjustments',
    createAdjustment,
    async (request, reply) => {
      const { user, credits, source = 'chat', reason } = request.body
      const amount = decimalMicrocredits(credits)
      if (amount === null || amount === 0) {
        const message = amount === 0 ? 'must not be 0' : 'must have at most six decimals'
        return sendFieldErrors(reply, [{ field: 'credits', message }])
      }
      const adjustment = { user, source, amount, reason }
      const key = request.headers['idempotency-key']
      const result = await directory.adjust(
        request.params.org,
        adjustment,
        typeof key === 'string' ? key : null,
        (id) => changeBy(request, 'adjustment.create', user, null, { id, user, credits, source, reason }),
      )
      return sendResult(reply, adjustment, result)
    },
  )
}

function sendResult(reply: FastifyReply, { user, source }: Adjustment, result: AdjustResult): FastifyReply {
  switch (result.status) {
    case 'adjusted':
    case 'repeated':
      return reply.code(201).send({ id: result.id, used: toCredits(result.used) })
    case 'no_org':
      return sendNoOrg(reply)
    case 'unknown_user': {
      const message = 'must be a member, or have used something in this period'
      return sendProblem(reply, 'not_a_member', `user ${message}.`, [{ field: 'user', message }])
    }
    case 'below_zero': {
      const message = `must not take more than the ${formatCredits(result.used)} credits that ${user} used from ${source}`
      return sendProblem(reply, 'usage_below_zero', `credits ${message}.`, [{ field: 'credits', message }])
    }
    case 'too_much':
      return sendProblem(reply, 'usage_too_large', 'The sum would be past what counters can hold.')
    case 'reused': {
      const detail = 'This Idempotency-Key was sent before with another body. Use a new one.'
      return sendProblem(reply, 'idempotency_key_reused', detail)
    }
  }
}

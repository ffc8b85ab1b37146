/**
 * `GET /v1/me`: the caller's own usage and limits, for admins and members; with `?by=day` the usage of each day (E4).
 */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { creditFacts } from '../core/policy.ts'
import { toCredits } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import type { DayUse } from '../directory/own-use.ts'
import { ROLES } from '../directory/members.ts'
import { userOf } from './auth.ts'
import { Component } from './components.ts'
import { documented, json } from './documented.ts'
import { sendNoMember } from './members.ts'
import { Closed, Credits, OneOf, OrgId, Timestamp, UserId } from './schemas.ts'
import { timestamp } from './timestamps.ts'

const MeQuery = Closed({ by: Type.Optional(OneOf(['day'], 'With `day`, the response has `days`.')) })
const Amount = Type.Optional(Credits)
const AmountOrNull = Type.Optional(
  Type.Union([Credits, Type.Null()], { description: 'Null when unlimited.' }),
)
const Day = Type.Object({
  key: Type.String({ description: 'The day in the organization’s zone, such as `2026-12-01`.' }),
  credits: Credits,
  calls: Type.Integer(),
  inputTokens: Type.Integer(),
  outputTokens: Type.Integer(),
})
const Me = Component(
  'Me',
  Type.Object({
    user: UserId,
    org: OrgId,
    name: Type.Union([Type.String(), Type.Null()]),
    role: OneOf(ROLES),
    period: Type.Object({
      start: Timestamp,
      end: Timestamp,
      timezone: Type.String({ description: 'The organization’s zone, in which days and periods begin.' }),
    }),
    amountsHidden: Type.Boolean({
      description:
        'Whether the organization hides amounts from its members. Then the response has none of the amounts below.',
    }),
    used: Amount,
    counted: Amount,
    held: Amount,
    limit: AmountOrNull,
    remaining: AmountOrNull,
    days: Type.Optional(
      Type.Array(Day, {
        description: 'With `by=day`: days of the period with usage, as far as they are kept.',
      }),
    ),
  }),
)

const getMe = documented({
  operationId: 'getMe',
  tag: 'Session',
  summary: 'Read your own usage',
  description:
    'The usage of the owner of the session or key in the current period. `used` is all of it, `counted` the part that counts towards the limit, `held` the part of the limit that is set aside for calls in flight.',
  access: 'member',
  querystring: MeQuery,
  answers: { 200: json('As of now.', Me) },
})

export function meRoute(app: FastifyInstance, directory: Pick<Directory, 'getOwnUse'>): void {
  app.get<{ Querystring: Static<typeof MeQuery> }>(
    '/v1/me',
    getMe,
    async ({ principal, query }, reply): Promise<Static<typeof Me> | FastifyReply> => {
      const { org, user, name, kind } = userOf(principal)
      const own = await directory.getOwnUse(org, user, query.by === 'day')
      if (own === null) return sendNoMember(reply, user)
      const { period, timezone, hideAmounts } = own.standing
      const amountsHidden = hideAmounts && kind === 'member'
      return {
        user,
        org,
        name,
        role: kind,
        period: { start: timestamp(period.start), end: timestamp(period.end), timezone },
        amountsHidden,
        // If the organization hides amounts from its members, all of these fields are left out (E3). Its admins still
        // see them.
        ...(!amountsHidden && creditFacts(own.standing)),
        ...(!amountsHidden && query.by === 'day' && { days: own.days.map(dayBody) }),
      }
    },
  )
}

/** The same shape as an item of the organization's usage by day. */
function dayBody({ day, credits, calls, inputTokens, outputTokens }: DayUse): Static<typeof Day> {
  const key = `${day.slice(0, 4)}-${day.slice(4, 6)}-${day.slice(6)}`
  return { key, credits: toCredits(credits), calls, inputTokens, outputTokens }
}

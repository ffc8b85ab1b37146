/** `/v1/orgs/{org}/usage` and `/v1/orgs/{org}/periods`: usage by user, source, model and day (C9, P5). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { isoDay } from '../core/days.ts'
import { toCredits } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import type { KnownPeriod } from '../directory/usage/periods.ts'
import {
  USAGE_GROUPS,
  type UsageCursor,
  type UsageItem,
  type UsagePageItem,
  type UsageQuery,
} from '../directory/usage/query.ts'
import type { UsageSum } from '../directory/usage/sums.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { csvReply, type CsvCell } from './csv.ts'
import { documented, json } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors } from './problems.ts'
import { Closed, Credits, OneOf, OrgPath, Search, Timestamp, UserId } from './schemas.ts'
import { timestamp } from './timestamps.ts'
import { notKeptByUser, readRange } from './usage-range.ts'

const DayText = Type.String({
  maxLength: 20,
  description: 'A day in the zone of the organization, such as `2026-12-01`.',
})
const UsageList = Closed({
  from: Type.Optional({ ...DayText, description: 'First day. Default: that of the current billing period.' }),
  to: Type.Optional({ ...DayText, description: 'Last day, included. Default: that of the current period.' }),
  by: Type.Optional(OneOf(USAGE_GROUPS, 'The breakdown: one item for each of these. Default: `user`.')),
  user: Type.Optional(UserId),
  q: Type.Optional(Search),
  format: Type.Optional(OneOf(['json', 'csv'], 'With `csv`, the whole result as one file.')),
  ...pageProperties,
})
const sumProperties = {
  credits: Credits,
  calls: Type.Integer({ description: 'Calls that were charged; adjustments do not count.' }),
  inputTokens: Type.Integer(),
  outputTokens: Type.Integer(),
}
const UsageItemBody = Component(
  'UsageItem',
  Type.Object({
    key: Type.String({ description: 'A user, a source, a model, or a day such as `2026-12-01`.' }),
    name: Type.Optional(
      Type.Union([Type.String(), Type.Null()], {
        description:
          'Only with `by=user`: the name of the user. Null for a user without a name, or who is no longer a member.',
      }),
    ),
    ...sumProperties,
  }),
)
const UsageTotal = Component('UsageTotal', Type.Object(sumProperties))
const UsageBody = Type.Object({
  ...PageOf(UsageItemBody).properties,
  from: DayText,
  to: DayText,
  total: UsageTotal,
})
const PeriodItem = Component(
  'BillingPeriod',
  Type.Object({
    no: Type.Integer({ description: 'Counts up by one with each period.' }),
    start: Timestamp,
    end: Timestamp,
    from: Type.String({ description: 'Its first day, a value for `from` of the usage.' }),
    to: Type.String({ description: 'Its last day.' }),
    used: Credits,
  }),
)

const getUsage = documented({
  operationId: 'getUsage',
  tag: 'Usage',
  summary: 'Read usage by user, source, model or day',
  description:
    'Sorted by usage, highest first; days in their order. `total` is that of the whole range, and of the user if `user` is given. `q` searches users by id, name or email, with `by=user`. Usage by source, model and day is kept for 13 months; usage of single users for `retentionDays`, and for whole billing periods of 13 months. `format=csv` returns one file, without `limit` and `cursor`.',
  access: 'admin',
  params: OrgPath,
  querystring: UsageList,
  answers: {
    200: {
      description: 'Usage of the range.',
      content: { 'application/json': UsageBody, 'text/csv': Type.String() },
      headers: ['Content-Disposition?'],
    },
  },
})
const PeriodList = Closed(pageProperties)
const listPeriods = documented({
  operationId: 'listPeriods',
  tag: 'Usage',
  summary: 'List the billing periods whose usage is kept',
  description: 'Newest first. The first is the current one.',
  access: 'admin',
  params: OrgPath,
  querystring: PeriodList,
  answers: { 200: json('A page of periods.', PageOf(PeriodItem)) },
})

type UsageRoute = { Params: Static<typeof OrgPath>; Querystring: Static<typeof UsageList> }

export function usageRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<UsageRoute>('/v1/orgs/:org/usage', getUsage, async ({ params: { org }, query }, reply) => {
    const frame = await directory.usageFrame(org)
    if (frame === null) return sendNoOrg(reply)
    const range = readRange(query, frame)
    if (!('from' in range)) return sendFieldErrors(reply, range)
    const { by = 'user', user = null, q = null, format } = query
    if (q !== null && (by !== 'user' || user !== null)) {
      return sendFieldErrors(reply, [
        { field: 'q', message: 'looks for users: only with by=user, without user' },
      ])
    }
    const wanted = { by, ...range, user, q }
    return format === 'csv'
      ? sendCsv(directory, org, wanted, query, reply)
      : sendPage(directory, org, wanted, query, reply)
  })
  app.get<{ Params: Static<typeof OrgPath>; Querystring: Static<typeof PeriodList> }>(
    '/v1/orgs/:org/periods',
    listPeriods,
    async ({ params, query }, reply) => {
      const { limit, after } = pageRequest(query)
      if (after !== null && !/^\d{1,9}$/.test(after)) return sendBadCursor(reply)
      const page = await directory.listPeriods(params.org, {
        limit,
        after: after === null ? null : Number(after),
      })
      return page === null ? sendNoOrg(reply) : pageBody(page, periodBody)
    },
  )
}

async function sendPage(
  directory: Directory,
  org: string,
  wanted: UsageQuery,
  query: UsageRoute['Querystring'],
  reply: FastifyReply,
): Promise<unknown> {
  const { limit, after: text } = pageRequest(query)
  const after = text === null ? null : parseCursor(text)
  if (text !== null && after === null) return sendBadCursor(reply)
  const answer = await directory.readUsage(org, { ...wanted, limit, after })
  if (answer.status === 'no_org') return sendNoOrg(reply)
  if (answer.status === 'not_kept') return sendFieldErrors(reply, [notKeptByUser(answer.oldest)])
  const { items, next, total } = answer
  return {
    ...pageBody({ items, next: next === null ? null : `${next.credits} ${next.key}` }, itemBody),
    from: isoDay(wanted.from),
    to: isoDay(wanted.to),
    total: sumBody(total),
  }
}

async function sendCsv(
  directory: Directory,
  org: string,
  wanted: UsageQuery,
  query: UsageRoute['Querystring'],
  reply: FastifyReply,
): Promise<FastifyReply> {
  for (const field of ['limit', 'cursor'] as const) {
    if (query[field] === undefined) continue
    return sendFieldErrors(reply, [{ field, message: 'must be absent: a file has all of it' }])
  }
  const answer = await directory.exportUsage(org, wanted)
  if (answer.status === 'no_org') return sendNoOrg(reply)
  if (answer.status === 'not_kept') return sendFieldErrors(reply, [notKeptByUser(answer.oldest)])
  const { by, from, to } = wanted
  const name = `usage-${org}-by-${by}-${isoDay(from)}-${isoDay(to)}`
  const header = [by, 'credits', 'calls', 'inputTokens', 'outputTokens']
  return csvReply(reply, name, header, rowsOf(answer.items))
}

async function* rowsOf(items: AsyncIterable<UsageItem>): AsyncGenerator<CsvCell[]> {
  for await (const item of items) {
    const { credits, calls, inputTokens, outputTokens } = sumBody(item)
    yield [item.key, credits, calls, inputTokens, outputTokens]
  }
}

/** The credits come first, because a key may contain spaces. */
function parseCursor(text: string): UsageCursor | null {
  const [, credits, key] = /^(-?\d{1,16}) (.{1,250})$/.exec(text) ?? []
  return credits === undefined || key === undefined ? null : { credits: Number(credits), key }
}

function sendBadCursor(reply: FastifyReply): FastifyReply {
  return sendFieldErrors(reply, [{ field: 'cursor', message: 'must be the `next` of the page before' }])
}

function sumBody({ credits, calls, inputTokens, outputTokens }: UsageSum): Static<typeof UsageTotal> {
  return { credits: toCredits(credits), calls, inputTokens, outputTokens }
}

function itemBody({ key, name, ...sum }: UsagePageItem): Static<typeof UsageItemBody> {
  return { key, ...(name !== undefined && { name }), ...sumBody(sum) }
}

function periodBody({ no, start, end, first, last, used }: KnownPeriod): Static<typeof PeriodItem> {
  return {
    no,
    start: timestamp(start),
    end: timestamp(end),
    from: isoDay(first),
    to: isoDay(last),
    used: toCredits(used),
  }
}

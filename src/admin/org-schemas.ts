/** The schemas of requests and responses of `/v1/orgs`. */
import { Type, type Static } from '@sinclair/typebox'
import { ADMISSIONS } from '../core/policy.ts'
import { Component } from './components.ts'
import { documented, empty, json } from './documented.ts'
import { PageOf, pageProperties } from './paging.ts'
import { Closed, Credits, Name, OneOf, OrgId, OrgPath, Timestamp, WholeCredits } from './schemas.ts'

const MAX_PERIOD_DAYS = 366
const MAX_MEMBERS = 1_000_000
export const DEFAULTS = {
  allowance: 0,
  admission: 'straddle',
  autoEnroll: false,
  maxMembers: 10_000,
  billing: { every: 'month', anchor: 1, timezone: 'UTC' },
} as const

const Every = Component(
  'BillingEvery',
  Type.Union(
    [
      Type.Literal('month'),
      Type.Literal('week'),
      Closed({ days: Type.Integer({ minimum: 1, maximum: MAX_PERIOD_DAYS }) }),
    ],
    {
      description: `"month", "week" or {"days": 1 to ${MAX_PERIOD_DAYS}}`,
    },
  ),
)
const Anchor = Type.Integer({
  description:
    'The day on which a period begins: of the month 1 to 31 (the last day of shorter months), of the week 1 (Monday) to 7, else from 1 to the number of days.',
})
export const Billing = Closed({
  every: Type.Optional(Every),
  anchor: Type.Optional(Anchor),
  timezone: Type.Optional(
    Type.String({ maxLength: 64, description: 'An IANA time zone, such as Europe/Berlin.' }),
  ),
})
const settings = {
  name: Type.Optional(Name),
  allowance: Type.Optional(WholeCredits),
  admission: Type.Optional(OneOf(ADMISSIONS)),
  autoEnroll: Type.Optional(Type.Boolean()),
  maxMembers: Type.Optional(Type.Integer({ minimum: 0, maximum: MAX_MEMBERS })),
  billing: Type.Optional(Billing),
}
export const NewOrg = Component('NewOrg', Closed({ id: OrgId, ...settings }))
export const OrgPatch = Component('OrgPatch', Closed(settings))
export const OrgList = Closed(pageProperties)

const Schedule = Component(
  'BillingSchedule',
  Type.Object({ every: Every, anchor: Anchor, timezone: Type.String() }),
)
const Period = Component(
  'Period',
  Type.Object(
    { start: Timestamp, end: Timestamp },
    { description: 'Its first instant, and the first instant after it.' },
  ),
)
export const Org = Component(
  'Org',
  Type.Object({
    id: OrgId,
    name: Type.String(),
    allowance: Type.Integer({ description: 'Credits for a period; percentage alerts are relative to it.' }),
    admission: OneOf(
      ADMISSIONS,
      '`strict` admits a call only if its worst case fits; `straddle` while any credit is neither counted nor held, so that at most one call at a time may pass the limit (C4).',
    ),
    autoEnroll: Type.Boolean({
      description: 'Whether app keys may add users whom the organization does not know (A5).',
    }),
    maxMembers: Type.Integer({ description: 'The number of members up to which app keys may add users.' }),
    billing: Schedule,
    billingNext: Type.Union([Schedule, Type.Null()], {
      description: 'The schedule that takes effect when the current period ends (P4); null: no change.',
    }),
    period: Period,
    used: Credits,
    held: Type.Number({ description: 'Credits set aside for calls in flight.' }),
  }),
)

const shared = { tag: 'Organizations' } as const
export const listOrgs = documented({
  ...shared,
  operationId: 'listOrgs',
  summary: 'List the organizations',
  access: 'operator',
  querystring: OrgList,
  answers: { 200: json('A page of organizations, in order of their ids.', PageOf(Org)) },
})
export const createOrg = documented({
  ...shared,
  operationId: 'createOrg',
  summary: 'Create an organization',
  access: 'operator',
  body: NewOrg,
  answers: { 201: json('Created.', Org, ['Location', 'ETag']) },
  problems: ['already_exists', 'being_deleted'],
})
export const getOrg = documented({
  ...shared,
  operationId: 'getOrg',
  summary: 'Read an organization',
  access: 'admin',
  params: OrgPath,
  answers: { 200: json('The organization, with its current period and usage.', Org, ['ETag']) },
})
export const changeOrg = documented({
  ...shared,
  operationId: 'changeOrg',
  summary: 'Change an organization',
  description:
    'Absent fields stay. Only the operator may change fields other than the name. A change of `billing` takes effect when the current period ends (P4); a changed `every` without an `anchor` starts at 1.',
  access: 'admin',
  params: OrgPath,
  body: OrgPatch,
  ifMatch: true,
  answers: { 200: json('Changed.', Org, ['ETag']) },
})
export const deleteOrg = documented({
  ...shared,
  operationId: 'deleteOrg',
  summary: 'Delete an organization',
  description:
    'Deletes its members, keys, settings and usage, too. Its keys fail at their next call. `/v1/audit` records the deletion.',
  access: 'operator',
  params: OrgPath,
  ifMatch: true,
  answers: { 204: empty('Deleted.') },
})

export type OrgRoute = { Params: Static<typeof OrgPath> }

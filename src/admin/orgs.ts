/** `/v1/orgs`: organizations, which are the operator's; their admins may see their own and name it (A1). */
import type { Static } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { isTimezone } from '../core/period.ts'
import type { BillingSchedule } from '../core/policy.ts'
import { toCredits, wholeCredits } from '../core/units.ts'
import type { Directory } from '../ledger/directory.ts'
import type { OrgSettings } from '../ledger/directory/org-record.ts'
import type { OrgChanges, OrgStanding } from '../ledger/directory/orgs.ts'
import { isOperator, sendNoOrg, sendOperatorOnly } from './auth.ts'
import {
  Billing,
  changeOrg,
  createOrg,
  DEFAULTS,
  deleteOrg,
  getOrg,
  listOrgs,
  NewOrg,
  Org,
  OrgList,
  OrgPatch,
  type OrgRoute,
} from './org-schemas.ts'
import { pageBody, pageRequest } from './paging.ts'
import { sendFieldErrors, sendProblem, type FieldError } from './problems.ts'
import { timestamp } from './timestamps.ts'

export function orgRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<{ Querystring: Static<typeof OrgList> }>('/v1/orgs', listOrgs, async ({ query }) =>
    pageBody(await directory.listOrgs(pageRequest(query)), orgBody),
  )
  createRoute(app, directory)
  app.get<OrgRoute>('/v1/orgs/:org', getOrg, async ({ params }, reply) => {
    const org = await directory.getOrg(params.org)
    return org === null ? sendNoOrg(reply) : orgBody(org)
  })
  patchRoute(app, directory)
  app.delete<OrgRoute>('/v1/orgs/:org', deleteOrg, async ({ params }, reply) =>
    (await directory.deleteOrg(params.org)) ? reply.code(204).send() : sendNoOrg(reply),
  )
}

function createRoute(app: FastifyInstance, directory: Directory): void {
  app.post<{ Body: Static<typeof NewOrg> }>('/v1/orgs', createOrg, async ({ body }, reply) => {
    const billing = mergeBilling(DEFAULTS.billing, body.billing ?? {})
    const errors = billingErrors(billing)
    if (errors.length > 0) return sendFieldErrors(reply, errors)
    const created = await directory.createOrg(body.id, newSettings(body, billing))
    if (created === 'exists')
      return sendProblem(reply, 'already_exists', `There is an organization ${body.id}.`)
    if (created === 'deleting') {
      const detail = `${body.id} is being deleted. If its deletion broke off, delete it again to free the id.`
      return sendProblem(reply, 'being_deleted', detail)
    }
    const org = await directory.getOrg(body.id)
    if (org === null) return sendNoOrg(reply)
    return reply.code(201).header('location', `/v1/orgs/${body.id}`).send(orgBody(org))
  })
}

function patchRoute(app: FastifyInstance, directory: Directory): void {
  app.patch<OrgRoute & { Body: Static<typeof OrgPatch> }>(
    '/v1/orgs/:org',
    changeOrg,
    async (request, reply) => {
      const { body, params } = request
      const theOperators = Object.keys(body).filter((field) => field !== 'name')
      if (theOperators.length > 0 && !isOperator(request)) {
        return sendOperatorOnly(reply, `change ${theOperators.join(', ')}`)
      }
      const org = await directory.getOrg(params.org)
      if (org === null) return sendNoOrg(reply)
      const { billing: change, allowance, ...rest } = body
      const billing = change && mergeBilling(org.billingNext ?? org.billing, change)
      const errors = billing ? billingErrors(billing) : []
      if (errors.length > 0) return sendFieldErrors(reply, errors)
      const changes: OrgChanges = {
        ...rest,
        ...(billing && { billing }),
        ...(allowance !== undefined && { allowance: wholeCredits(allowance) }),
      }
      await directory.changeOrg(params.org, changes, null)
      const changed = await directory.getOrg(params.org)
      return changed === null ? sendNoOrg(reply) : orgBody(changed)
    },
  )
}

function newSettings(body: Static<typeof NewOrg>, billing: BillingSchedule): OrgSettings {
  return {
    name: body.name ?? body.id,
    allowance: wholeCredits(body.allowance ?? DEFAULTS.allowance),
    admission: body.admission ?? DEFAULTS.admission,
    autoEnroll: body.autoEnroll ?? DEFAULTS.autoEnroll,
    maxMembers: body.maxMembers ?? DEFAULTS.maxMembers,
    billing,
  }
}

/** What is not given stays; but an anchor means something else in another kind of period, and starts again at 1. */
function mergeBilling(before: BillingSchedule, change: Static<typeof Billing>): BillingSchedule {
  const every = change.every ?? before.every
  const sameKind = JSON.stringify(every) === JSON.stringify(before.every)
  return {
    every,
    anchor: change.anchor ?? (sameKind ? before.anchor : 1),
    timezone: change.timezone ?? before.timezone,
  }
}

function billingErrors({ every, anchor, timezone }: BillingSchedule): FieldError[] {
  const errors: FieldError[] = []
  const most = every === 'month' ? 31 : every === 'week' ? 7 : every.days
  if (anchor < 1 || anchor > most) {
    errors.push({ field: 'billing.anchor', message: `must be a whole number from 1 to ${most}` })
  }
  if (!isTimezone(timezone)) {
    errors.push({
      field: 'billing.timezone',
      message: 'must be the name of an IANA time zone, such as Europe/Berlin',
    })
  }
  return errors
}

function orgBody(org: OrgStanding): Static<typeof Org> {
  return {
    id: org.id,
    name: org.name,
    allowance: toCredits(org.allowance),
    admission: org.admission,
    autoEnroll: org.autoEnroll,
    maxMembers: org.maxMembers,
    billing: org.billing,
    billingNext: org.billingNext,
    period: { start: timestamp(org.period.start), end: timestamp(org.period.end) },
    used: toCredits(org.used),
    held: toCredits(org.held),
  }
}

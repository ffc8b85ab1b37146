/** `/v1/orgs`: the operator manages organizations; their admins may read and rename their own (A1). */
import type { Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { isTimezone } from '../core/period.ts'
import type { BillingSchedule } from '../core/policy.ts'
import { toCredits, wholeCredits } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import { NO_TAG, type Tagged } from '../store/changes.ts'
import type { OrgSettings } from '../directory/org-record.ts'
import type { OrgChanges, OrgStanding } from '../directory/orgs.ts'
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
import { changeBy, changeVersion, CONFLICT, saveVersion, sendVersion } from './versions.ts'

export function orgRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<{ Querystring: Static<typeof OrgList> }>('/v1/orgs', listOrgs, async ({ query }) =>
    pageBody(await directory.listOrgs(pageRequest(query)), orgBody),
  )
  createRoute(app, directory)
  app.get<OrgRoute>('/v1/orgs/:org', getOrg, async ({ params }, reply) => {
    const org = await directory.getOrg(params.org)
    return org === null ? sendNoOrg(reply) : sendOrg(reply, org)
  })
  patchRoute(app, directory)
  app.delete<OrgRoute>('/v1/orgs/:org', deleteOrg, async (request, reply) => {
    const { org } = request.params
    return saveVersion<OrgStanding>(request, reply, {
      read: () => readOrg(directory, org),
      show: orgBody,
      async save(before) {
        const change = changeBy(request, 'org.delete', org, before && orgBody(before), null)
        // Even if there are no settings to compare, an interrupted deletion may have to be finished.
        switch (await directory.deleteOrg(org, { expected: before?.tag ?? NO_TAG, change })) {
          case 'conflict':
            return CONFLICT
          case 'no_org':
            return sendNoOrg(reply)
          case 'deleted':
            return reply.code(204).send()
        }
      },
    })
  })
}

function createRoute(app: FastifyInstance, directory: Directory): void {
  app.post<{ Body: Static<typeof NewOrg> }>('/v1/orgs', createOrg, async (request, reply) => {
    const { body } = request
    const billing = mergeBilling(DEFAULTS.billing, body.billing ?? {})
    const errors = billingErrors(billing)
    if (errors.length > 0) return sendFieldErrors(reply, errors)
    const settings = newSettings(body, billing)
    const change = changeBy(request, 'org.create', body.id, null, settingsBody(body.id, settings))
    const created = await directory.createOrg(body.id, settings, change)
    if (created === 'exists')
      return sendProblem(reply, 'already_exists', `There is an organization ${body.id}.`)
    if (created === 'deleting') {
      const detail = `${body.id} is being deleted. If its deletion broke off, delete it again to free the id.`
      return sendProblem(reply, 'being_deleted', detail)
    }
    const org = await directory.getOrg(body.id)
    if (org === null) return sendNoOrg(reply)
    return sendOrg(reply.code(201).header('location', `/v1/orgs/${body.id}`), org)
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
      return changeVersion<OrgStanding>(request, reply, {
        read: () => readOrg(directory, params.org),
        show: orgBody,
        missing: () => sendNoOrg(reply),
        async save(before) {
          const changes = changesOf(body, before)
          const errors = changes.billing === undefined ? [] : billingErrors(changes.billing)
          if (errors.length > 0) return sendFieldErrors(reply, errors)
          const { id, tag } = before
          const after = settingsBody(id, afterChanges(before, changes))
          const change = changeBy(request, 'org.update', id, settingsBody(id, before), after)
          const saved = await directory.changeOrg(id, changes, { expected: tag, change })
          if (saved.status === 'conflict') return CONFLICT
          const org = saved.status === 'saved' ? await directory.getOrg(id) : null
          return org === null ? sendNoOrg(reply) : sendOrg(reply, org)
        },
      })
    },
  )
}

async function readOrg(directory: Directory, id: string): Promise<Tagged<OrgStanding> | null> {
  const org = await directory.getOrg(id)
  return org === null ? null : { ...org, tag: org.tags.settings }
}

function changesOf(body: Static<typeof OrgPatch>, before: OrgStanding): OrgChanges {
  const { billing, allowance, ...rest } = body
  return {
    ...rest,
    ...(billing && { billing: mergeBilling(before.billingNext ?? before.billing, billing) }),
    ...(allowance !== undefined && { allowance: wholeCredits(allowance) }),
  }
}

/** A changed schedule takes effect at the end of the period; changing it back cancels that (P4). */
function afterChanges(before: OrgStanding, { billing, ...rest }: OrgChanges): SettingsShown {
  if (billing === undefined) return { ...before, ...rest }
  const isBack = JSON.stringify(billing) === JSON.stringify(before.billing)
  return { ...before, ...rest, billingNext: isBack ? null : billing }
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

/**
 * Fields that are not given keep their values. But an anchor has another meaning in another kind of period, so it is
 * reset to 1.
 */
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

type SettingsShown = OrgSettings & { readonly billingNext?: BillingSchedule | null }

/** The saved settings of an organization, without the fields that only usage changes. */
function settingsBody(
  id: string,
  settings: SettingsShown,
): Omit<Static<typeof Org>, 'period' | 'used' | 'held'> {
  const { name, allowance, admission, autoEnroll, maxMembers, billing, billingNext = null } = settings
  return {
    id,
    name,
    allowance: toCredits(allowance),
    admission,
    autoEnroll,
    maxMembers,
    billing,
    billingNext,
  }
}

function orgBody(org: OrgStanding): Static<typeof Org> {
  return {
    ...settingsBody(org.id, org),
    period: { start: timestamp(org.period.start), end: timestamp(org.period.end) },
    used: toCredits(org.used),
    held: toCredits(org.held),
  }
}

function sendOrg(reply: FastifyReply, org: OrgStanding): FastifyReply {
  return sendVersion(reply, org.tags.settings, orgBody(org))
}

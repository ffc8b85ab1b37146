/**
 * `/v1/orgs/{org}/alerts`: thresholds on the organization's usage. Alerts notify admins and never refuse calls
 * (O1–O10).
 */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { THRESHOLD_TYPES, type OrgAlert } from '../core/policy.ts'
import { MAX_CREDITS, toCredits } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import { MOST_ALERTS, type AlertRecord, type AlertStanding } from '../directory/alerts.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, empty, json } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors, sendProblem } from './problems.ts'
import { RecipientsBody, recipientsBody, sendNotAdmins } from './recipients.ts'
import { Closed, OneOf, OrgPath, Timestamp } from './schemas.ts'
import { timestamp } from './timestamps.ts'
import { changeBy, changeVersion, CONFLICT, deleteVersion, sendVersion } from './versions.ts'

const Threshold = Type.Integer({
  minimum: 1,
  maximum: MAX_CREDITS,
  description: 'A percentage from 1 to 100 of the allowance, or credits, which may exceed it (O2).',
})
const NewAlert = Component(
  'NewAlert',
  Closed({
    type: OneOf(THRESHOLD_TYPES),
    threshold: Threshold,
    recipients: Type.Optional(RecipientsBody),
  }),
)
const AlertPatch = Component(
  'AlertPatch',
  Closed({
    type: Type.Optional(OneOf(THRESHOLD_TYPES)),
    threshold: Type.Optional(Threshold),
    recipients: Type.Optional(RecipientsBody),
  }),
)
const Alert = Component(
  'Alert',
  Type.Object({
    id: Type.String(),
    type: OneOf(THRESHOLD_TYPES),
    threshold: Threshold,
    recipients: RecipientsBody,
    mark: Type.Union([Type.Number(), Type.Null()], {
      description:
        'The credits at which it fires in this period; null for a percentage of an allowance of 0.',
    }),
    firedAt: Type.Union([Timestamp, Type.Null()], {
      description: 'When it fired in this period, or null. It fires once per period (O5).',
    }),
  }),
)
const AlertList = Closed(pageProperties)
const AlertPath = Type.Object({
  ...OrgPath.properties,
  id: Type.String({ maxLength: 100, description: 'The id of an alert.' }),
})
type OrgRoute = { Params: Static<typeof OrgPath> }
type AlertRoute = { Params: Static<typeof AlertPath> }

const shared = { tag: 'Organization alerts', access: 'admin' } as const
const listAlerts = documented({
  ...shared,
  operationId: 'listAlerts',
  summary: 'List the alerts',
  params: OrgPath,
  querystring: AlertList,
  answers: { 200: json('A page of alerts, in order of creation.', PageOf(Alert)) },
})
const createAlertRoute = documented({
  ...shared,
  operationId: 'createAlert',
  summary: 'Create an alert',
  description: `It fires at once if usage has reached it (O9). An organization has up to ${MOST_ALERTS} alerts (O1).`,
  params: OrgPath,
  body: NewAlert,
  answers: { 201: json('Created.', Alert, ['Location', 'ETag']) },
  problems: ['not_an_admin', 'too_many'],
})
const getAlert = documented({
  ...shared,
  operationId: 'getAlert',
  summary: 'Read an alert',
  params: AlertPath,
  answers: { 200: json('The alert.', Alert, ['ETag']) },
})
const changeAlertRoute = documented({
  ...shared,
  operationId: 'changeAlert',
  summary: 'Change an alert',
  description:
    'Absent fields stay. A changed threshold or type arms the alert again in this period, and fires it at once if usage is past it; changed recipients do not (O8).',
  params: AlertPath,
  body: AlertPatch,
  ifMatch: true,
  answers: { 200: json('Changed.', Alert, ['ETag']) },
  problems: ['not_an_admin'],
})
const deleteAlert = documented({
  ...shared,
  operationId: 'deleteAlert',
  summary: 'Delete an alert',
  description: 'It never fires again.',
  params: AlertPath,
  ifMatch: true,
  answers: { 204: empty('Deleted.') },
})

export function alertRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<OrgRoute & { Querystring: Static<typeof AlertList> }>(
    '/v1/orgs/:org/alerts',
    listAlerts,
    async ({ params, query }, reply) => {
      const page = await directory.listAlerts(params.org, pageRequest(query))
      return page === null ? sendNoOrg(reply) : pageBody(page, alertBody)
    },
  )
  app.post<OrgRoute & { Body: Static<typeof NewAlert> }>(
    '/v1/orgs/:org/alerts',
    createAlertRoute,
    (request, reply) => createAlert(directory, request, reply),
  )
  const path = '/v1/orgs/:org/alerts/:id'
  app.get<AlertRoute>(path, getAlert, async ({ params }, reply) => {
    const alert = await directory.getAlert(params.org, params.id)
    return alert === null ? sendNoAlert(reply) : sendVersion(reply, alert.tag, alertBody(alert))
  })
  app.patch<AlertRoute & { Body: Static<typeof AlertPatch> }>(path, changeAlertRoute, (request, reply) =>
    changeAlert(directory, request, reply),
  )
  app.delete<AlertRoute>(path, deleteAlert, async (request, reply) => {
    const { org, id } = request.params
    return deleteVersion<AlertStanding>(request, reply, {
      action: 'alert.delete',
      target: id,
      read: () => directory.getAlert(org, id),
      show: alertBody,
      settings: settingsBody,
      missing: () => sendNoAlert(reply),
      remove: (save) => directory.deleteAlert(org, id, save),
    })
  })
}

async function createAlert(
  directory: Directory,
  request: FastifyRequest<OrgRoute & { Body: Static<typeof NewAlert> }>,
  reply: FastifyReply,
): Promise<unknown> {
  const { org } = request.params
  const { type, threshold, recipients = 'all' } = request.body
  const alert: OrgAlert = { type, threshold, recipients }
  if (isNoPercentage(alert)) return sendNoPercentage(reply)
  const made = await directory.createAlert(org, alert, (id) =>
    changeBy(request, 'alert.create', id, null, settingsBody({ id, ...alert })),
  )
  switch (made.status) {
    case 'no_org':
      return sendNoOrg(reply)
    case 'not_admins':
      return sendNotAdmins(reply, recipients, made.users)
    case 'full':
      return sendProblem(reply, 'too_many', `An organization has up to ${MOST_ALERTS} alerts.`)
    case 'conflict':
      throw new Error('the id of an alert was made twice')
    case 'saved':
      reply.code(201).header('location', `/v1/orgs/${org}/alerts/${made.id}`)
      return sendAlert(directory, reply, org, made.id)
  }
}

async function changeAlert(
  directory: Directory,
  request: FastifyRequest<AlertRoute & { Body: Static<typeof AlertPatch> }>,
  reply: FastifyReply,
): Promise<unknown> {
  const { org, id } = request.params
  return changeVersion<AlertStanding>(request, reply, {
    read: () => directory.getAlert(org, id),
    show: alertBody,
    missing: () => sendNoAlert(reply),
    async save(before) {
      const { type, threshold, recipients } = { ...before, ...request.body }
      const after: OrgAlert = { type, threshold, recipients }
      if (isNoPercentage(after)) return sendNoPercentage(reply)
      const change = changeBy(
        request,
        'alert.update',
        id,
        settingsBody(before),
        settingsBody({ id, ...after }),
      )
      const saved = await directory.changeAlert(org, before, after, change)
      switch (saved.status) {
        case 'conflict':
          return CONFLICT
        case 'no_org':
          return sendNoOrg(reply)
        case 'not_admins':
          return sendNotAdmins(reply, recipients, saved.users)
        case 'full':
          throw new Error('a change counts no alert')
        case 'saved':
          return sendAlert(directory, reply, org, id)
      }
    },
  })
}

async function sendAlert(
  directory: Directory,
  reply: FastifyReply,
  org: string,
  id: string,
): Promise<FastifyReply> {
  const alert = await directory.getAlert(org, id)
  return alert === null ? sendNoAlert(reply) : sendVersion(reply, alert.tag, alertBody(alert))
}

/** O2: the schema allows every threshold that is valid for at least one of the types. */
function isNoPercentage({ type, threshold }: OrgAlert): boolean {
  return type === 'percentage' && threshold > 100
}

function sendNoPercentage(reply: FastifyReply): FastifyReply {
  return sendFieldErrors(reply, [
    { field: 'threshold', message: 'must be a whole number from 1 to 100, being a percentage' },
  ])
}

/** The saved settings of an alert, without the fields that only usage changes. */
function settingsBody({ id, type, threshold, recipients }: Omit<AlertRecord, 'version'>) {
  return { id, type, threshold, recipients: recipientsBody(recipients) }
}

function alertBody(alert: AlertStanding): Static<typeof Alert> {
  return {
    ...settingsBody(alert),
    mark: alert.mark === null ? null : toCredits(alert.mark),
    firedAt: alert.firedAt === null ? null : timestamp(alert.firedAt),
  }
}

function sendNoAlert(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 'not_found', 'There is no such alert.')
}

/** `/v1/orgs/{org}/notifications`: what was crossed, and what became of telling people (N4). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { CROSSING_TYPES } from '../core/crossing.ts'
import type { Directory } from '../ledger/directory.ts'
import type { Change } from '../ledger/directory/changes.ts'
import { DELIVERY_STATES, type Delivery, type LoggedNotice, type Redelivery } from '../ledger/notice-log.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, json } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendProblem } from './problems.ts'
import { Closed, OneOf, OrgPath, UserId } from './schemas.ts'
import { timestamp } from './timestamps.ts'
import { changeBy } from './versions.ts'

/** Sends again what reached nobody: the admin plane knows no queue itself. */
export type Redeliver = (org: string, id: string, change: Change) => Promise<Redelivery>

const NoticeId = Type.String({ pattern: '^[A-Za-z0-9_-]{1,100}$', description: 'the id of a notification' })
const credits = (description: string) => Type.Number({ description })
const DeliveryBody = Type.Object({
  channel: OneOf(['email', 'webhook', 'slack']),
  recipient: Type.Union([Type.String(), Type.Null()], {
    description: 'A user for email, else the id of a channel; null where there is nobody.',
  }),
  state: OneOf(DELIVERY_STATES),
  attempts: Type.Integer({ minimum: 0, description: 'Since it was last put in line.' }),
  error: Type.Union([Type.String(), Type.Null()], {
    description: 'Why the last attempt failed, or nobody gets it.',
  }),
  at: Type.String({ format: 'date-time', description: 'When it came to this state.' }),
})
const NotificationBody = Component(
  'Notification',
  Type.Object({
    id: NoticeId,
    type: OneOf(CROSSING_TYPES),
    user: Type.Union([UserId, Type.Null()], {
      description: 'Who crossed it; null for the whole organization.',
    }),
    alert: Type.Union([Type.String(), Type.Null()], {
      description: 'The alert of the organization that fired.',
    }),
    thresholdType: Type.Union([OneOf(['percentage', 'absolute']), Type.Null()]),
    threshold: Type.Number({ description: 'A percentage, or credits.' }),
    mark: credits('The threshold in credits.'),
    used: credits('Used when it was crossed.'),
    period: Type.Object({
      start: Type.String({ format: 'date-time' }),
      end: Type.String({ format: 'date-time' }),
    }),
    occurredAt: Type.String({ format: 'date-time' }),
    deliveries: Type.Array(DeliveryBody, { description: 'None before it was decided who is told.' }),
  }),
)
const NotificationList = Closed({
  ...pageProperties,
  state: Type.Optional(OneOf(DELIVERY_STATES, 'Only those with a delivery in this state.')),
  type: Type.Optional(OneOf(CROSSING_TYPES, 'Only those of this type.')),
})
const NotificationPath = Type.Object({ ...OrgPath.properties, id: NoticeId })
type NotificationRoute = { Params: Static<typeof NotificationPath> }

const shared = { tag: 'Notifications', access: 'admin' } as const
const listNotifications = documented({
  ...shared,
  operationId: 'listNotifications',
  summary: 'List the notifications',
  description:
    'Kept for 62 days. With `type`, a page may have fewer items than asked for and still have a next one.',
  params: OrgPath,
  querystring: NotificationList,
  answers: { 200: json('A page of notifications, newest first.', PageOf(NotificationBody)) },
})
const getNotification = documented({
  ...shared,
  operationId: 'getNotification',
  summary: 'Read a notification',
  params: NotificationPath,
  answers: { 200: json('The notification.', NotificationBody) },
})
const redeliverNotification = documented({
  ...shared,
  operationId: 'redeliverNotification',
  summary: 'Send a notification again',
  description:
    'To whom it did not reach: deliveries that failed or were parked are tried at once, and recipients are looked for again where there were none. What was sent is not repeated.',
  params: NotificationPath,
  answers: { 202: json('In line again.', NotificationBody) },
  problems: ['nothing_to_redeliver', 'delivery_off'],
})

const path = '/v1/orgs/:org/notifications'

export function notificationRoutes(app: FastifyInstance, directory: Directory, redeliver: Redeliver): void {
  app.get<{ Params: Static<typeof OrgPath>; Querystring: Static<typeof NotificationList> }>(
    path,
    listNotifications,
    async ({ params, query }, reply) => {
      const { state = null, type = null } = query
      const page = await directory.listNotices(params.org, { ...pageRequest(query), state, type })
      return page === null ? sendNoOrg(reply) : pageBody(page, notificationBody)
    },
  )
  app.get<NotificationRoute>(`${path}/:id`, getNotification, async ({ params: { org, id } }, reply) => {
    const notice = await directory.getNotice(org, id)
    return notice === null ? sendNone(reply) : notificationBody(notice)
  })
  app.post<NotificationRoute>(`${path}/:id/redeliver`, redeliverNotification, async (request, reply) => {
    const { org, id } = request.params
    const before = await directory.getNotice(org, id)
    if (before === null) return sendNone(reply)
    const { deliveries } = notificationBody(before)
    const change = changeBy(request, 'notification.redeliver', id, { deliveries }, null)
    switch (await redeliver(org, id, change)) {
      case 'gone':
        return sendNone(reply)
      case 'nothing':
        return sendProblem(reply, 'nothing_to_redeliver', 'All of it was sent, or is still in line.')
      case 'off':
        return sendProblem(
          reply,
          'delivery_off',
          'This gateway hands notifications to a queue and delivers none.',
        )
      case 'again': {
        const after = await directory.getNotice(org, id)
        return after === null ? sendNone(reply) : reply.code(202).send(notificationBody(after))
      }
    }
  })
}

function notificationBody({ crossing, deliveries }: LoggedNotice): Static<typeof NotificationBody> {
  const { id, type, user, alert, thresholdType, threshold, mark, used, period, occurredAt } = crossing
  return {
    id,
    type,
    user: user ?? null,
    alert: alert ?? null,
    thresholdType: thresholdType ?? null,
    threshold,
    mark,
    used,
    period,
    occurredAt,
    deliveries: deliveries.map(deliveryBody),
  }
}

function deliveryBody({
  channel,
  target,
  state,
  attempts,
  error,
  at,
}: Delivery): Static<typeof DeliveryBody> {
  return { channel, recipient: target, state, attempts, error, at: timestamp(at) }
}

function sendNone(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 'not_found', 'There is no such notification.')
}

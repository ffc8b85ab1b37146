/** `/v1/orgs/{org}/notifications`: the crossings, and the state of their deliveries (N4). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import { CROSSING_TYPES } from '../core/crossing.ts'
import type { Directory } from '../directory/directory.ts'
import type { Change } from '../store/changes.ts'
import type { ShownNotice } from '../directory/notices.ts'
import { DELIVERY_STATES, type Destination, type Redelivery } from '../outbox/notice-log.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import {
  DELIVERY_CHANNELS,
  DeliveryBody,
  deliveryBody,
  NoticeId,
  NoticePath,
  sendNoNotice,
} from './deliveries.ts'
import { documented, json } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors, sendProblem } from './problems.ts'
import { Closed, OneOf, OrgPath, UserId } from './schemas.ts'
import { changeBy } from './versions.ts'

/** Redelivers what reached no one, or only the given delivery. The admin plane itself does not use the queue. */
export type Redeliver = (org: string, id: string, change: Change, only?: Destination) => Promise<Redelivery>

/** A crossing may have thousands of deliveries: this many are included with it, and a separate list has all of them. */
const MOST_SHOWN = 100

const credits = (description: string) => Type.Number({ description })
const countOf = (description: string) => Type.Integer({ minimum: 0, description })
const Counts = Type.Object(
  {
    queued: countOf('Queued.'),
    sent: countOf('Sent.'),
    failed: countOf('Failed, and will be retried.'),
    parked: countOf('Failed, and will not be retried.'),
    no_recipients: countOf('No recipient, or a recipient without an address.'),
  } satisfies Record<(typeof DELIVERY_STATES)[number], unknown>,
  {
    description: 'The number of its deliveries in each state; zero before the recipients were determined.',
  },
)
const NotificationBody = Component(
  'Notification',
  Type.Object({
    id: NoticeId,
    type: OneOf(CROSSING_TYPES),
    user: Type.Union([UserId, Type.Null()], {
      description: 'The user who crossed it; null for the organization.',
    }),
    name: Type.Union([Type.String(), Type.Null()], {
      description: 'The name of the user; null for a user without a name, or who is no longer a member.',
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
    counts: Counts,
    deliveries: Type.Array(DeliveryBody, {
      description: `Empty before the recipients were determined. Of more than ${MOST_SHOWN}, any ${MOST_SHOWN}: \`/deliveries\` lists them all.`,
    }),
  }),
)
const NotificationList = Closed({
  ...pageProperties,
  state: Type.Optional(OneOf(DELIVERY_STATES, 'Only those with a delivery in this state.')),
  type: Type.Optional(OneOf(CROSSING_TYPES, 'Only those of this type.')),
  deliveries: Type.Optional(
    Type.String({
      pattern: '^([0-9]|[1-9][0-9]|100)$',
      description: `a whole number from 0 to ${MOST_SHOWN}: the most deliveries to show of each; ${MOST_SHOWN} by default`,
    }),
  ),
})
const Wanted = Closed({
  channel: Type.Optional(
    OneOf(DELIVERY_CHANNELS, 'With `recipient`: only this delivery, if it failed or was parked.'),
  ),
  // The ids of channels have the same form as those of users.
  recipient: Type.Optional({
    ...UserId,
    description: 'the recipient of a delivery: a user for email, else the id of a channel',
  }),
})
type NoticeRoute = { Params: Static<typeof NoticePath> }

const shared = { tag: 'Notifications', access: 'admin' } as const
const listNotifications = documented({
  ...shared,
  operationId: 'listNotifications',
  summary: 'List the notifications',
  description:
    'Notifications are kept for 62 days. With `type`, a page may have fewer items than requested and still have a next one.',
  params: OrgPath,
  querystring: NotificationList,
  answers: { 200: json('A page of notifications, newest first.', PageOf(NotificationBody)) },
})
const getNotification = documented({
  ...shared,
  operationId: 'getNotification',
  summary: 'Read a notification',
  params: NoticePath,
  answers: { 200: json('The notification.', NotificationBody) },
})
const redeliverNotification = documented({
  ...shared,
  operationId: 'redeliverNotification',
  summary: 'Send a notification again',
  description:
    'Tries deliveries that failed or were parked again at once. If there were no recipients, it looks for recipients again. With `channel` and `recipient` it sends only this delivery, if it failed or was parked. Sent deliveries are not repeated.',
  params: NoticePath,
  querystring: Wanted,
  answers: { 202: json('Queued again.', NotificationBody) },
  problems: ['nothing_to_redeliver', 'delivery_off'],
})

const path = '/v1/orgs/:org/notifications'

export function notificationRoutes(app: FastifyInstance, directory: Directory, redeliver: Redeliver): void {
  app.get<{ Params: Static<typeof OrgPath>; Querystring: Static<typeof NotificationList> }>(
    path,
    listNotifications,
    async ({ params, query }, reply) => {
      const { state = null, type = null, deliveries } = query
      const most = deliveries === undefined ? MOST_SHOWN : Number(deliveries)
      const page = await directory.listNotices(params.org, { ...pageRequest(query), state, type, most })
      return page === null ? sendNoOrg(reply) : pageBody(page, notificationBody)
    },
  )
  app.get<NoticeRoute>(`${path}/:id`, getNotification, async ({ params: { org, id } }, reply) => {
    const notice = await directory.getNotice(org, id, MOST_SHOWN)
    return notice === null ? sendNoNotice(reply) : notificationBody(notice)
  })
  app.post<NoticeRoute & { Querystring: Static<typeof Wanted> }>(
    `${path}/:id/redeliver`,
    redeliverNotification,
    async (request, reply) => {
      const { org, id } = request.params
      const only = onlyOf(request.query)
      if (typeof only === 'string') {
        return sendFieldErrors(reply, [{ field: only, message: 'must be there with the other one' }])
      }
      const before = await directory.getNotice(org, id, 0)
      if (before === null) return sendNoNotice(reply)
      const change = changeBy(request, 'notification.redeliver', id, unreached(before, only), null)
      const outcome = await redeliver(org, id, change, only)
      if (outcome === 'again') {
        const after = await directory.getNotice(org, id, MOST_SHOWN)
        return after === null ? sendNoNotice(reply) : reply.code(202).send(notificationBody(after))
      }
      return sendNotAgain(reply, outcome, only)
    },
  )
}

/** Undefined means all deliveries; a string is the name of the missing field if a delivery is given only in part. */
function onlyOf({
  channel,
  recipient,
}: Static<typeof Wanted>): Destination | 'channel' | 'recipient' | undefined {
  if (channel === undefined) return recipient === undefined ? undefined : 'channel'
  return recipient === undefined ? 'recipient' : { channel, target: recipient }
}

/** What the audit log records of a request to send again: counts, because there may be thousands of deliveries. */
function unreached({ counts }: ShownNotice, only: Destination | undefined): object {
  if (only !== undefined) return { channel: only.channel, recipient: only.target }
  const { failed, parked, no_recipients } = counts
  return Object.fromEntries(
    Object.entries({ failed, parked, no_recipients }).filter(([, count]) => count > 0),
  )
}

function sendNotAgain(
  reply: FastifyReply,
  outcome: Exclude<Redelivery, 'again'>,
  only: Destination | undefined,
): FastifyReply {
  switch (outcome) {
    case 'gone':
      return sendNoNotice(reply)
    case 'nothing': {
      const all = 'All of it was sent, or is still in line.'
      const one = 'There is no such delivery that failed or was parked.'
      return sendProblem(reply, 'nothing_to_redeliver', only === undefined ? all : one)
    }
    case 'off': {
      const detail = 'This gateway hands notifications to a queue and delivers none.'
      return sendProblem(reply, 'delivery_off', detail)
    }
  }
}

function notificationBody({
  crossing,
  name,
  counts,
  deliveries,
}: ShownNotice): Static<typeof NotificationBody> {
  const { id, type, user, alert, thresholdType, threshold, mark, used, period, occurredAt } = crossing
  return {
    id,
    type,
    user: user ?? null,
    name,
    alert: alert ?? null,
    thresholdType: thresholdType ?? null,
    threshold,
    mark,
    used,
    period,
    occurredAt,
    counts,
    deliveries: deliveries.map(deliveryBody),
  }
}

/** `/v1/orgs/{org}/notifications/{id}/deliveries`: the recipients and channels of one notification, in pages (N4). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Directory } from '../directory/directory.ts'
import type { ShownDelivery } from '../directory/notices.ts'
import { DELIVERY_STATES, type Delivery } from '../outbox/notice-log.ts'
import { Component } from './components.ts'
import { documented, json } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendProblem } from './problems.ts'
import { Closed, OneOf, OrgPath } from './schemas.ts'
import { timestamp } from './timestamps.ts'

export const NoticeId = Type.String({
  pattern: '^[A-Za-z0-9_-]{1,100}$',
  description: 'the id of a notification',
})
export const NoticePath = Type.Object({ ...OrgPath.properties, id: NoticeId })
export const DELIVERY_CHANNELS = ['email', 'webhook', 'slack'] as const

const deliveryProperties = {
  channel: OneOf(DELIVERY_CHANNELS),
  recipient: Type.Union([Type.String(), Type.Null()], {
    description: 'A user for email, else the id of a channel; null without a recipient.',
  }),
  state: OneOf(DELIVERY_STATES),
  attempts: Type.Integer({ minimum: 0, description: 'Attempts since it was last queued.' }),
  error: Type.Union([Type.String(), Type.Null()], {
    description: 'Why the last attempt failed, or why there is no recipient.',
  }),
  at: Type.String({ format: 'date-time', description: 'When it entered this state.' }),
}
export const DeliveryBody = Type.Object(deliveryProperties)
const ListedDelivery = Component(
  'ListedDelivery',
  Type.Object({
    ...deliveryProperties,
    name: Type.Union([Type.String(), Type.Null()], {
      description:
        'With `email`, the name of the user. Null for a user without a name or who is no longer a member, and for channels.',
    }),
  }),
)
const DeliveryList = Closed({
  ...pageProperties,
  state: Type.Optional(OneOf(DELIVERY_STATES, 'Only those in this state.')),
})

const listDeliveries = documented({
  operationId: 'listDeliveries',
  tag: 'Notifications',
  access: 'admin',
  summary: 'List the deliveries of a notification',
  params: NoticePath,
  querystring: DeliveryList,
  answers: { 200: json('A page of deliveries, in order of channel and recipient.', PageOf(ListedDelivery)) },
})

export function deliveryRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<{ Params: Static<typeof NoticePath>; Querystring: Static<typeof DeliveryList> }>(
    '/v1/orgs/:org/notifications/:id/deliveries',
    listDeliveries,
    async ({ params: { org, id }, query }, reply) => {
      const page = await directory.listDeliveries(org, id, {
        ...pageRequest(query),
        state: query.state ?? null,
      })
      return page === null ? sendNoNotice(reply) : pageBody(page, listedBody)
    },
  )
}

export function deliveryBody(delivery: Delivery): Static<typeof DeliveryBody> {
  const { channel, target, state, attempts, error, at } = delivery
  return { channel, recipient: target, state, attempts, error, at: timestamp(at) }
}

function listedBody(delivery: ShownDelivery): Static<typeof ListedDelivery> {
  return { ...deliveryBody(delivery), name: delivery.name }
}

export function sendNoNotice(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 'not_found', 'There is no such notification.')
}

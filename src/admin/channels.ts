/**
 * `/v1/orgs/{org}/channels`: where notifications go besides email. A webhook's secret is shown once, a Slack URL never.
 */
import type { Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { Directory } from '../directory/directory.ts'
import { MOST_CHANNELS, type Channel, type ChannelKind } from '../directory/channels.ts'
import { sendNoOrg } from './auth.ts'
import {
  ChannelBody,
  channelBody,
  ChannelPatch,
  ChannelPath,
  ChannelWithSecret,
  NewChannel,
  TestResult,
} from './channel-schemas.ts'
import { documented, empty, json } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors, sendProblem } from './problems.ts'
import { Closed, OrgPath } from './schemas.ts'
import { TESTS_PER_MINUTE, type TakeTest } from './test-limit.ts'
import { timestamp } from './timestamps.ts'
import type { TellUnheard } from './unheard.ts'
import { changeBy, changeVersion, CONFLICT, deleteVersion, sendVersion } from './versions.ts'

/** The port, and a check for crossings without recipients, which runs after a save. */
type ChannelRoutesPort = ChannelPort & { readonly tellUnheard: TellUnheard }

/** Checks URLs and sends test messages for the admin plane, which sends nothing itself. */
export interface ChannelPort {
  /** What is wrong with a URL, as the rest of the sentence "url …"; null if it may be saved. */
  readonly urlProblem: (kind: ChannelKind, url: string) => string | null
  readonly sendTest: (channel: Channel, org: TestedOrg) => Promise<SentTest>
}

/** The organization and the period that a test message names. */
export interface TestedOrg {
  readonly id: string
  readonly name: string
  readonly timezone: string
  readonly period: { readonly start: string; readonly end: string }
}

type SentTest = { readonly status: 'sent' } | { readonly status: 'failed'; readonly error: string }

const ChannelList = Closed(pageProperties)
type OrgRoute = { Params: Static<typeof OrgPath> }
type ChannelRoute = { Params: Static<typeof ChannelPath> }

const shared = { tag: 'Channels', access: 'admin' } as const
const listChannels = documented({
  ...shared,
  operationId: 'listChannels',
  summary: 'List the channels',
  params: OrgPath,
  querystring: ChannelList,
  answers: { 200: json('A page of channels, in order of creation.', PageOf(ChannelBody)) },
})
const createChannel = documented({
  ...shared,
  operationId: 'createChannel',
  summary: 'Add a channel',
  description: `Every notification of the organization is posted to it. An organization has up to ${MOST_CHANNELS} channels.`,
  params: OrgPath,
  body: NewChannel,
  answers: {
    201: json('Added. Only this response has the secret of a webhook.', ChannelWithSecret, ['ETag']),
  },
  problems: ['too_many'],
})
const getChannel = documented({
  ...shared,
  operationId: 'getChannel',
  summary: 'Read a channel',
  params: ChannelPath,
  answers: { 200: json('The channel.', ChannelBody, ['ETag']) },
})
const patchChannel = documented({
  ...shared,
  operationId: 'changeChannel',
  summary: 'Change a channel',
  description: 'Absent fields stay. The kind of a channel cannot change; add another channel instead.',
  params: ChannelPath,
  body: ChannelPatch,
  ifMatch: true,
  answers: {
    200: json('Changed. With `rotateSecret`, only this response has the new secret.', ChannelWithSecret, [
      'ETag',
    ]),
  },
})
const deleteChannel = documented({
  ...shared,
  operationId: 'deleteChannel',
  summary: 'Remove a channel',
  params: ChannelPath,
  ifMatch: true,
  answers: { 204: empty('Removed.') },
})
const testChannel = documented({
  ...shared,
  operationId: 'testChannel',
  summary: 'Send a test',
  description:
    'Sends one message that is marked as a test, even if the channel is off, and returns the result. It is not retried. An organization may send ten a minute.',
  params: ChannelPath,
  answers: { 200: json('The result.', TestResult) },
  problems: ['too_many_tests'],
})

const path = '/v1/orgs/:org/channels'

export function channelRoutes(
  app: FastifyInstance,
  directory: Directory,
  port: ChannelRoutesPort,
  takeTest: TakeTest,
): void {
  app.get<OrgRoute & { Querystring: Static<typeof ChannelList> }>(
    path,
    listChannels,
    async ({ params, query }, reply) => {
      const page = await directory.listChannels(params.org, pageRequest(query))
      return page === null ? sendNoOrg(reply) : pageBody(page, channelBody)
    },
  )
  app.post<OrgRoute & { Body: Static<typeof NewChannel> }>(path, createChannel, (request, reply) =>
    create(directory, port, request, reply),
  )
  app.get<ChannelRoute>(`${path}/:id`, getChannel, async ({ params }, reply) => {
    const channel = await directory.getChannel(params.org, params.id)
    return channel === null ? sendNoChannel(reply) : sendVersion(reply, channel.tag, channelBody(channel))
  })
  app.patch<ChannelRoute & { Body: Static<typeof ChannelPatch> }>(
    `${path}/:id`,
    patchChannel,
    (request, reply) => change(directory, port, request, reply),
  )
  app.delete<ChannelRoute>(`${path}/:id`, deleteChannel, (request, reply) => {
    const { org, id } = request.params
    return deleteVersion<Channel>(request, reply, {
      action: 'channel.delete',
      target: id,
      read: () => directory.getChannel(org, id),
      show: channelBody,
      missing: () => sendNoChannel(reply),
      remove: (save) => directory.deleteChannel(org, id, save),
    })
  })
  app.post<ChannelRoute>(`${path}/:id/test`, testChannel, async ({ params }, reply) => {
    const [channel, org] = await Promise.all([
      directory.getChannel(params.org, params.id),
      directory.getOrg(params.org),
    ])
    if (org === null) return sendNoOrg(reply)
    if (channel === null) return sendNoChannel(reply)
    const waitSeconds = await takeTest(org.id)
    if (waitSeconds !== null) return sendTooManyTests(reply, waitSeconds)
    const { id, name, billing, period } = org
    const sent = await port.sendTest(channel, {
      id,
      name,
      timezone: billing.timezone,
      period: { start: timestamp(period.start), end: timestamp(period.end) },
    })
    return { status: sent.status, error: sent.status === 'failed' ? sent.error : null }
  })
}

async function create(
  directory: Directory,
  port: ChannelRoutesPort,
  request: FastifyRequest<OrgRoute & { Body: Static<typeof NewChannel> }>,
  reply: FastifyReply,
): Promise<unknown> {
  const { kind, url, name = null, enabled = true } = request.body
  const message = port.urlProblem(kind, url)
  if (message !== null) return sendFieldErrors(reply, [{ field: 'url', message }])
  const draft = { kind, url, name, enabled }
  const made = await directory.createChannel(request.params.org, draft, (channel) =>
    changeBy(request, 'channel.create', channel.id, null, channelBody(channel)),
  )
  switch (made.status) {
    case 'no_org':
      return sendNoOrg(reply)
    case 'full':
      return sendProblem(reply, 'too_many', `An organization has at most ${MOST_CHANNELS} channels.`)
    case 'created':
      if (enabled) await port.tellUnheard(request, request.params.org)
      return sendVersion(reply.code(201), made.channel.tag, withSecret(made.channel))
  }
}

async function change(
  directory: Directory,
  port: ChannelRoutesPort,
  request: FastifyRequest<ChannelRoute & { Body: Static<typeof ChannelPatch> }>,
  reply: FastifyReply,
): Promise<unknown> {
  const { org, id } = request.params
  const { rotateSecret = false, ...changes } = request.body
  return changeVersion<Channel>(request, reply, {
    read: () => directory.getChannel(org, id),
    show: channelBody,
    missing: () => sendNoChannel(reply),
    async save(before) {
      const message = changes.url === undefined ? null : port.urlProblem(before.kind, changes.url)
      if (message !== null) return sendFieldErrors(reply, [{ field: 'url', message }])
      if (rotateSecret && before.secrets === null)
        return sendFieldErrors(reply, [
          { field: 'rotateSecret', message: 'must be absent: only webhooks have a secret' },
        ])
      const changed = { ...before, ...changes }
      const after = rotateSecret ? await directory.rotateSecret(changed) : changed
      const entry = changeBy(request, 'channel.update', id, channelBody(before), channelBody(after))
      const saved = await directory.putChannel(org, after, { expected: before.tag, change: entry })
      switch (saved.status) {
        case 'conflict':
          return CONFLICT
        case 'no_org':
          return sendNoOrg(reply)
        case 'saved':
          if (after.enabled && !before.enabled) await port.tellUnheard(request, org)
          return sendVersion(reply, saved.tag, rotateSecret ? withSecret(after) : channelBody(after))
      }
    },
  })
}

function withSecret(channel: Channel): Static<typeof ChannelWithSecret> {
  const body = channelBody(channel)
  return channel.secrets === null ? body : { ...body, secret: channel.secrets.current }
}

function sendTooManyTests(reply: FastifyReply, seconds: number): FastifyReply {
  reply.header('retry-after', seconds)
  const detail = `An organization may send ${TESTS_PER_MINUTE} tests a minute. Try again in ${seconds} s.`
  return sendProblem(reply, 'too_many_tests', detail)
}

function sendNoChannel(reply: FastifyReply): FastifyReply {
  return sendProblem(reply, 'not_found', 'There is no such channel.')
}

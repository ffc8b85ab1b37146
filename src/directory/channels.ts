/**
 * Channels of an organization: where notifications go besides the email to each recipient. A webhook's secret is stored
 * in plain text, because signing needs it; no read of the admin API shows it.
 */
import { randomBytes } from 'node:crypto'
import type { UnixMs } from '../core/units.ts'
import { storeCall, type RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'
import { NO_TAG, tagOf, type Change, type Save, type Tagged } from '../store/changes.ts'
import { saveEntry } from './entries.ts'
import { timedId } from './ids.ts'
import { orgExists } from '../store/org-record.ts'
import { readStoreTime } from '../store/clock.ts'
import { pageOfHash, type Page, type PageRequest } from './page.ts'

export const CHANNEL_KINDS = ['webhook', 'slack'] as const
export type ChannelKind = (typeof CHANNEL_KINDS)[number]

/** The secret that signs a webhook's messages: `whsec_` and base64, the format of Standard Webhooks. */
export interface ChannelSecrets {
  readonly current: string
  /** Also signs until then, so that a receiver can change the secret without losing a message. */
  readonly previous: { readonly secret: string; readonly until: UnixMs } | null
}

export interface Channel {
  readonly id: string
  readonly kind: ChannelKind
  readonly name: string | null
  /** A Slack channel's URL is a secret in itself. */
  readonly url: string
  readonly enabled: boolean
  /** Null for Slack. */
  readonly secrets: ChannelSecrets | null
  readonly createdAt: UnixMs
}

/** What a channel is made from. */
export type ChannelDraft = Pick<Channel, 'kind' | 'name' | 'url' | 'enabled'>

/** Makes the audit log entry of a new channel. */
export type ChangeOfChannel = (channel: Channel) => Change

export type CreateChannelResult =
  { readonly status: 'created'; readonly channel: Tagged<Channel> } | { readonly status: 'no_org' | 'full' }

export interface ChannelDirectory {
  /** In the order of their creation; null for an unknown organization. */
  listChannels(org: string, page: PageRequest): Promise<Page<Channel> | null>
  getChannel(org: string, id: string): Promise<Tagged<Channel> | null>
  /** The enabled channels; none for an unknown organization. */
  listEnabled(org: string): Promise<readonly Channel[]>
  /** Creates a channel; a webhook gets its own secret. */
  createChannel(org: string, draft: ChannelDraft, by: ChangeOfChannel): Promise<CreateChannelResult>
  /** Replaces all stored fields of the channel. */
  putChannel(
    org: string,
    channel: Channel,
    save: Save,
  ): Promise<{ readonly status: 'saved'; readonly tag: string } | { readonly status: 'conflict' | 'no_org' }>
  deleteChannel(org: string, id: string, save: Save): Promise<'deleted' | 'conflict' | 'no_org'>
  /** Returns the channel with a new secret; the previous one also signs for a day. */
  rotateSecret(channel: Channel): Promise<Channel>
}

export const MOST_CHANNELS = 50
/** How long the previous secret also signs, so that every receiver can be given the new one. */
const OLD_SECRET_MS = 24 * 3_600_000
/** Standard Webhooks asks for 24 to 64. */
const SECRET_BYTES = 32

export function createChannelDirectory(redis: RedisClient): ChannelDirectory {
  return {
    listChannels: (org, page) =>
      storeCall(async () =>
        (await orgExists(redis, org)) ? pageOfHash(redis, keys.channels(org), page, parseChannel) : null,
      ),
    getChannel: (org, id) =>
      storeCall(async () => {
        const text = await redis.hget(keys.channels(org), id)
        return text === null ? null : { ...parseChannel(id, text), tag: tagOf(text) }
      }),
    listEnabled: (org) =>
      storeCall(async () => {
        const found = Object.entries(await redis.hgetall(keys.channels(org)))
        return found
          .map(([id, text]) => parseChannel(id, text))
          .filter(({ enabled }) => enabled)
          .sort((a, b) => (a.id < b.id ? -1 : 1))
      }),
    createChannel: (org, draft, by) => storeCall(() => createChannel(redis, org, draft, by)),
    putChannel: (org, channel, save) =>
      storeCall(async () => {
        const text = textOf(channel)
        const status = await saveEntry(
          redis,
          org,
          { hash: keys.channels(org), field: channel.id, text },
          save,
        )
        return status === 'saved' ? { status, tag: tagOf(text) } : { status }
      }),
    deleteChannel: (org, id, save) =>
      storeCall(async () => {
        const entry = { hash: keys.channels(org), field: id, text: null }
        const status = await saveEntry(redis, org, entry, save)
        return status === 'saved' ? 'deleted' : status
      }),
    rotateSecret: (channel) =>
      storeCall(async () => {
        if (channel.secrets === null) return channel
        const until = ((await readStoreTime(redis)) + OLD_SECRET_MS) as UnixMs
        const previous = { secret: channel.secrets.current, until }
        return { ...channel, secrets: { current: mintSecret(), previous } }
      }),
  }
}

async function createChannel(
  redis: RedisClient,
  org: string,
  draft: ChannelDraft,
  by: ChangeOfChannel,
): Promise<CreateChannelResult> {
  const createdAt = await readStoreTime(redis)
  const secrets = draft.kind === 'webhook' ? { current: mintSecret(), previous: null } : null
  const channel: Channel = { id: timedId('ch', createdAt), ...draft, secrets, createdAt }
  const text = textOf(channel)
  const entry = { hash: keys.channels(org), field: channel.id, text, most: MOST_CHANNELS }
  const status = await saveEntry(redis, org, entry, { expected: NO_TAG, change: by(channel) })
  if (status === 'conflict') throw new Error(`the id ${channel.id} was made twice`)
  if (status === 'saved') return { status: 'created', channel: { ...channel, tag: tagOf(text) } }
  return { status }
}

function mintSecret(): string {
  return `whsec_${randomBytes(SECRET_BYTES).toString('base64')}`
}

/** Writes the fields in a fixed order, so that equal channels have the same text, from which the tag is made. */
function textOf({ kind, name, url, enabled, secrets, createdAt }: Channel): string {
  return JSON.stringify({ kind, name, url, enabled, secrets, createdAt })
}

function parseChannel(id: string, text: string): Channel {
  return { id, ...(JSON.parse(text) as Omit<Channel, 'id'>) }
}

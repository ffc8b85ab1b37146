/**
 * Channels of an organization: where its notices go besides the mail of each recipient. A webhook's secret is stored as
 * it is, because signing needs it; no read of the admin API shows it.
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

/** What signs a webhook's messages: `whsec_` and base64, as Standard Webhooks writes it. */
export interface ChannelSecrets {
  readonly current: string
  /** Signs as well until then, so that a receiver can change over without losing a message. */
  readonly previous: { readonly secret: string; readonly until: UnixMs } | null
}

export interface Channel {
  readonly id: string
  readonly kind: ChannelKind
  readonly name: string | null
  /** Of a Slack channel it is a secret in itself. */
  readonly url: string
  readonly enabled: boolean
  /** Null for Slack. */
  readonly secrets: ChannelSecrets | null
  readonly createdAt: UnixMs
}

/** What a channel is made from. */
export type ChannelDraft = Pick<Channel, 'kind' | 'name' | 'url' | 'enabled'>

/** What the audit log says of a channel that is made. */
export type ChangeOfChannel = (channel: Channel) => Change

export type CreateChannelResult =
  { readonly status: 'created'; readonly channel: Tagged<Channel> } | { readonly status: 'no_org' | 'full' }

export interface ChannelDirectory {
  /** In the order in which they were made; null for an unknown organization. */
  listChannels(org: string, page: PageRequest): Promise<Page<Channel> | null>
  getChannel(org: string, id: string): Promise<Tagged<Channel> | null>
  /** Those that notices go to now; none for an unknown organization. */
  listEnabled(org: string): Promise<readonly Channel[]>
  /** A webhook gets a secret of its own. */
  createChannel(org: string, draft: ChannelDraft, by: ChangeOfChannel): Promise<CreateChannelResult>
  /** Replaces all that is stored of it. */
  putChannel(
    org: string,
    channel: Channel,
    save: Save,
  ): Promise<{ readonly status: 'saved'; readonly tag: string } | { readonly status: 'conflict' | 'no_org' }>
  deleteChannel(org: string, id: string, save: Save): Promise<'deleted' | 'conflict' | 'no_org'>
  /** The channel with a new secret; the one that it had signs as well for a day. */
  rotateSecret(channel: Channel): Promise<Channel>
}

export const MOST_CHANNELS = 50
/** Time to give the new secret to every receiver. */
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

/** Field by field, so that the text, which the tag is of, is the same for the same channel. */
function textOf({ kind, name, url, enabled, secrets, createdAt }: Channel): string {
  return JSON.stringify({ kind, name, url, enabled, secrets, createdAt })
}

function parseChannel(id: string, text: string): Channel {
  return { id, ...(JSON.parse(text) as Omit<Channel, 'id'>) }
}

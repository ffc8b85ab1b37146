/**
 * Channels of an organization: where its notices go besides the mail of each recipient. A webhook's secret is stored as
 * it is, because signing needs it; no read of the admin API shows it.
 */
import type { UnixMs } from '../../core/units.ts'
import { storeCall, type RedisClient } from '../connection.ts'
import * as keys from '../keys.ts'
import { orgExists } from './org-record.ts'
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

export interface ChannelDirectory {
  /** In the order in which they were made; null for an unknown organization. */
  listChannels(org: string, page: PageRequest): Promise<Page<Channel> | null>
  getChannel(org: string, id: string): Promise<Channel | null>
  /** Those that notices go to now; none for an unknown organization. */
  listEnabled(org: string): Promise<readonly Channel[]>
}

export function createChannelDirectory(redis: RedisClient): ChannelDirectory {
  return {
    listChannels: (org, page) =>
      storeCall(async () =>
        (await orgExists(redis, org)) ? pageOfHash(redis, keys.channels(org), page, parseChannel) : null,
      ),
    getChannel: (org, id) =>
      storeCall(async () => {
        const text = await redis.hget(keys.channels(org), id)
        return text === null ? null : parseChannel(id, text)
      }),
    listEnabled: (org) =>
      storeCall(async () => {
        const found = Object.entries(await redis.hgetall(keys.channels(org)))
        return found
          .map(([id, text]) => parseChannel(id, text))
          .filter(({ enabled }) => enabled)
          .sort((a, b) => (a.id < b.id ? -1 : 1))
      }),
  }
}

function parseChannel(id: string, text: string): Channel {
  return { id, ...(JSON.parse(text) as Omit<Channel, 'id'>) }
}

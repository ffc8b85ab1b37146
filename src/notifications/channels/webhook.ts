/**
 * Webhooks, signed according to Standard Webhooks 1.0 (standardwebhooks.com): HMAC-SHA256 over `id.timestamp.body`. The id is
 * the crossing's. All attempts have the same id and body, and each its own timestamp.
 */
import { createHmac } from 'node:crypto'
import type { Dispatcher } from 'undici'
import type { ChannelSecrets } from '../../directory/channels.ts'
import { failed, type Notice, type TargetSender } from './channel.ts'
import { post } from './post.ts'

export interface TargetOptions {
  readonly dispatcher: Dispatcher
  readonly timeoutMs: number
  /** Unix milliseconds. */
  readonly now: () => number
}

const SECRET_PREFIX = 'whsec_'

export function createWebhookSender({ dispatcher, timeoutMs, now }: TargetOptions): TargetSender {
  return {
    send: async (notice, { url, secrets }) => {
      if (secrets === null) return failed('the channel has no secret', { permanent: true })
      const body = webhookBody(notice)
      const { id } = notice.crossing
      const seconds = String(Math.floor(now() / 1_000))
      const headers = {
        'content-type': 'application/json; charset=utf-8',
        'user-agent': 'Tollgate-Webhook/1',
        'webhook-id': id,
        'webhook-timestamp': seconds,
        'webhook-signature': signatures(secrets, now(), `${id}.${seconds}.${body}`),
      }
      return post({ url, headers, body }, { dispatcher, timeoutMs, kind: 'webhook', errorOf })
    },
  }
}

/** A test has its own type, so that no receiver acts on it as on a crossing. */
export function webhookBody({ crossing, test }: Notice): string {
  const event =
    test === true
      ? { type: 'channel.test', timestamp: crossing.occurredAt, data: { ...crossing, test: true } }
      : { type: crossing.type, timestamp: crossing.occurredAt, data: crossing }
  return JSON.stringify(event)
}

/** For a while after a rotation the old secret signs too; a receiver verifies with the one it has. */
function signatures({ current, previous }: ChannelSecrets, now: number, text: string): string {
  const secrets = previous !== null && previous.until > now ? [current, previous.secret] : [current]
  return secrets.map((secret) => `v1,${sign(secret, text)}`).join(' ')
}

function sign(secret: string, text: string): string {
  const key = Buffer.from(secret.slice(SECRET_PREFIX.length), 'base64')
  return createHmac('sha256', key).update(text).digest('base64')
}

function errorOf(status: number): string {
  if (status === 410) return 'it answered 410: the receiver is gone'
  if (status >= 300 && status < 400) return `it answered ${status}: redirects are not followed`
  return `it answered ${status}`
}

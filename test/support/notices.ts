/** Notifications of every kind, with consistent figures. */
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'
import type { UnixMs } from '../../src/core/units.ts'
import type { ChannelTarget, Crossing, Notice, Recipient } from '../../src/notifications/channels/channel.ts'
import {
  openSenders,
  type OpenSenders,
  type SenderOptions,
} from '../../src/notifications/channels/senders.ts'

const BASE: Pick<Crossing, 'org' | 'version' | 'period' | 'occurredAt'> = {
  org: 'acme',
  version: 1,
  period: { start: '2026-10-31T23:00:00Z', end: '2026-11-30T23:00:00Z' },
  occurredAt: '2026-11-12T13:03:07.123Z',
}

export const CROSSINGS: Readonly<Record<string, Crossing>> = {
  share: {
    ...BASE,
    id: 'c-share-1',
    type: 'org.alert.crossed',
    alert: 'al_1',
    thresholdType: 'percentage',
    threshold: 75,
    mark: 7_500,
    used: 7_512.25,
    allowance: 10_000,
  },
  amount: {
    ...BASE,
    id: 'c-amount-1',
    type: 'org.alert.crossed',
    alert: 'al_2',
    thresholdType: 'absolute',
    threshold: 12_000,
    mark: 12_000,
    used: 12_345.678901,
    allowance: 10_000,
  },
  user: {
    ...BASE,
    id: 'c-user-1',
    type: 'user.alert.crossed',
    user: 'ada',
    threshold: 500,
    mark: 500,
    used: 512.5,
  },
  limit: {
    ...BASE,
    id: 'c-limit-1',
    type: 'user.limit.reached',
    user: 'ada',
    threshold: 1_000,
    mark: 1_000,
    limit: 1_000,
    used: 1_240.5,
    counted: 1_000,
  },
  zero: {
    ...BASE,
    id: 'c-zero-1',
    type: 'user.limit.reached',
    user: 'ada',
    threshold: 0,
    mark: 0,
    limit: 0,
    used: 0,
    counted: 0,
  },
}

/** A notification of a kind in CROSSINGS; fields about people and places can be replaced. */
export function noticeOf(kind: string, changes: Partial<Notice> = {}): Notice {
  const crossing = CROSSINGS[kind]
  if (crossing === undefined) throw new Error(`no crossing is called ${kind}`)
  return {
    crossing,
    orgName: 'Acme Research',
    timezone: 'Europe/Berlin',
    userName: crossing.user === undefined ? null : 'Ada Lovelace',
    pageUrl: 'https://tollgate.example.com',
    ...changes,
  }
}

export const BOSS: Recipient = { user: 'boss', name: 'Grace Hopper', email: 'grace@example.com' }
export const ADA: Recipient = { user: 'ada', name: 'Ada Lovelace', email: 'ada@example.com' }

/** Text that a user could type to break a message; each must arrive unchanged, as text. */
export const HOSTILE = [
  '<script>alert(1)</script>',
  '"><img src=x onerror=alert(1)>',
  "' onmouseover='alert(1)",
  '&lt;b&gt;&amp;',
  '</td></tr></table><h1>Pay here',
  'Ada\r\nBcc: everybody@example.com',
  'Ada\u2028\u2029\u0085\u0000\u001b[31m',
  '\u202egnp.exe\u2066',
  '=?utf-8?q?Bcc:_x=40example.com?=',
  '"Ada" <evil@example.com>, other@example.com',
  '<!channel> <@U123> <https://evil.example|click>',
  '*bold* _it_ ~no~ `code`',
  '${7*7} {{7*7}} %s %n',
  '漢字 Ζεύς עברית 👩‍👩‍👧 \ud83d',
  'x'.repeat(200),
] as const

/** A webhook with its own secret, or a Slack channel. */
export function targetOf(url: string, changes: Partial<ChannelTarget> = {}): ChannelTarget {
  return {
    id: 'ch_1',
    kind: 'webhook',
    name: null,
    url,
    enabled: true,
    secrets: { current: SECRET, previous: null },
    createdAt: 0 as UnixMs,
    ...changes,
  }
}

export const SECRET = `whsec_${Buffer.alloc(32, 7).toString('base64')}`

const silent = { info: () => undefined, warn: () => undefined }

/** Senders as in the gateway, except for the given options; they are closed when the test ends. */
export function sendersOf(
  t: Test,
  options: Partial<Omit<SenderOptions, 'notifications'>> & { readonly allowTargets?: readonly string[] } = {},
): OpenSenders {
  const { allowTargets = ['127.0.0.1/32'], ...rest } = options
  const notifications = { mailDir: join(tmpdir(), 'nowhere'), allowTargets }
  const senders = openSenders({ notifications, logger: silent, ...rest })
  t.teardown(() => senders.close())
  return senders
}

/** Whether everybody who was to hear of a crossing did: once in the queue, at least once by mail and webhook, under one id (N1, N2). */
import { createHash } from 'node:crypto'
import type { RedisClient } from '../../src/store/connection.ts'
import * as keys from '../../src/store/keys.ts'
import { readNotice } from '../../src/outbox/notice-log.ts'
import type { Household } from './households.ts'
import type { Mailbox } from './mailbox.ts'

const EVENTS = '{tg}:tollgate-notices:events'

export interface Deliveries {
  /** What is wrong now: something may only be late. `marks` are those that the store says were reached, of each organization. */
  check(marks: ReadonlyMap<string, readonly string[]>): Promise<string[]>
  readonly counts: () => {
    readonly crossings: number
    readonly mails: number
    readonly posts: number
    readonly repeats: number
  }
}

/** What the gateway makes of a crossing, made here again: the same crossing has the same id, whoever computes it. */
function idOf(org: string, createdAt: string, mark: string): string {
  const [type = '', subject = '', version = '', period = ''] = mark.split(' ')
  const parts = [org, createdAt, period, type, version, subject]
  return `cx_${createHash('sha256').update(JSON.stringify(parts)).digest('hex').slice(0, 32)}`
}

export function createDeliveries(
  redis: RedisClient,
  households: readonly Household[],
  mailbox: Mailbox,
): Deliveries {
  /** Crossings that were found delivered, by id. */
  const done = new Set<string>()
  const queued = new Map<string, number>()
  let lastEvent = '-'

  /** The stream is cut to its last ten thousand events, so it is read again and again. */
  async function readQueue(): Promise<void> {
    const events = await redis.xrange(EVENTS, lastEvent === '-' ? '-' : `(${lastEvent}`, '+')
    for (const [id, flat] of events) {
      lastEvent = id
      const fields = new Map(flat.flatMap((name, at) => (at % 2 === 0 ? [[name, flat[at + 1] ?? '']] : [])))
      const job = fields.get('jobId') ?? ''
      if (fields.get('event') === 'added') queued.set(job, (queued.get(job) ?? 0) + 1)
    }
  }

  /** Message-IDs of the mails that an address got about a crossing. */
  function mailsOf(address: string, crossing: string): string[] {
    return [...(mailbox.mails.get(address)?.keys() ?? [])].filter((id) => id.startsWith(`${crossing} `))
  }

  async function wrongWith({ id: org }: Household, crossing: string): Promise<string[]> {
    const notice = await readNotice(redis, org, crossing)
    if (notice === null) return [`${crossing} is in no log`]
    const wrong: string[] = []
    if (notice.relayedAt === null) wrong.push('was not relayed')
    if (queued.get(crossing) !== 1) wrong.push(`was put into the queue ${queued.get(crossing) ?? 0} times`)
    if (notice.deliveries.length === 0) wrong.push('went to nobody')
    for (const { channel, target, state, error } of notice.deliveries) {
      if (state === 'no_recipients') continue
      if (state !== 'sent') wrong.push(`${channel} to ${String(target)} is ${state}: ${String(error)}`)
      else if (channel === 'webhook' && !mailbox.posts.has(crossing)) wrong.push('was never posted')
      else if (channel === 'email') {
        const ids = mailsOf(`${String(target)}@${org}.example`, crossing)
        if (ids.length !== 1) wrong.push(`has ${ids.length} Message-IDs for ${String(target)}`)
      }
    }
    return wrong.map((what) => `${org}: ${crossing} (${JSON.stringify(notice.crossing)}) ${what}`)
  }

  return {
    async check(marks) {
      await readQueue()
      const wrong: string[] = []
      const known = new Set<string>()
      for (const household of households) {
        const org = household.id
        const createdAt = (await redis.hget(keys.org(org), 'created_at')) ?? ''
        const members = await redis.zrange(keys.notices(org, 'all'), 0, -1)
        const ids = new Set(members.map((member) => member.split(' ')[2] ?? ''))
        for (const id of ids) known.add(id)
        for (const mark of marks.get(org) ?? []) {
          if (!ids.has(idOf(org, createdAt, mark))) wrong.push(`${org}: nobody was told of ${mark}`)
        }
        const left = await redis.xlen(keys.outbox(org))
        if (left > 0) wrong.push(`${org}: ${left} crossings are in the outbox`)
        for (const id of [...ids].filter((crossing) => !done.has(crossing))) {
          const found = await wrongWith(household, id)
          if (found.length === 0) done.add(id)
          wrong.push(...found)
        }
      }
      for (const id of mailbox.posts.keys()) if (!known.has(id)) wrong.push(`posted, and no crossing: ${id}`)
      return wrong
    },
    counts() {
      const mails = [...mailbox.mails.values()].flatMap((ids) => [...ids.values()])
      const posts = [...mailbox.posts.values()]
      const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)
      const repeats = sum(mails) - mails.length + sum(posts) - posts.length
      return { crossings: done.size, mails: sum(mails), posts: sum(posts), repeats }
    },
  }
}

import fc from 'fast-check'
import t from 'tap'
import { StoreUnavailable } from '../../src/store/unavailable.ts'
import { wholeCredits, type Microcredits, type UnixMs } from '../../src/core/units.ts'
import { isWellFormedKey } from '../../src/core/virtual-key.ts'
import { connect, type RedisClient } from '../../src/store/connection.ts'
import { createDirectory, type Directory } from '../../src/directory/directory.ts'
import { changeArgs } from '../../src/store/changes.ts'
import type { OrgSettings } from '../../src/directory/org-record.ts'
import { parseUseCursor, type UserUse } from '../../src/directory/users-by-use.ts'
import { hashKey } from '../../src/directory/virtual-keys.ts'
import * as keys from '../../src/store/keys.ts'
import { createOrgViews } from '../../src/ledger/org-views.ts'
import { runScript } from '../../src/store/scripts.ts'
import { CHANGE, changeOrg, deleteOrg, putMember, removeMember, saveOf } from '../support/changes.ts'
import { openClient } from '../support/ledger.ts'
import { startRedis } from '../support/redis.ts'

// Cluster mode: whatever reaches over two slots fails here.
const server = await startRedis({ cluster: true })
const redis = await openClient({ cluster: [`127.0.0.1:${server.port}`] })
const views = createOrgViews(redis)
const directory = createDirectory({ redis, openPeriod: (org, now) => views.current(org, now) })
t.teardown(async () => {
  redis.disconnect()
  await server.stop()
})

const DAY_MS = 86_400_000
const SETTINGS: OrgSettings = {
  name: 'Acme',
  allowance: wholeCredits(10_000),
  admission: 'straddle',
  autoEnroll: false,
  maxMembers: 10_000,
  billing: { every: 'month', anchor: 1, timezone: 'UTC' },
}
const EVERYONE = { limit: 1_000, after: null }

let orgs = 0
async function newOrg(settings: Partial<OrgSettings> = {}): Promise<string> {
  orgs += 1
  const id = `org-${orgs}`
  const status = await directory.createOrg(id, { ...SETTINGS, ...settings }, CHANGE)
  if (status !== 'created') throw new Error(status)
  return id
}

async function addMember(org: string, user: string, role: 'admin' | 'member' = 'member'): Promise<void> {
  await putMember(directory, org, { user, email: `${user}@example.com`, name: null, role })
}

/** Writes what settle writes of a user's use in period 1. */
async function used(
  org: string,
  user: string,
  credits: Partial<Record<string, number>>,
  held = 0,
): Promise<void> {
  let sum = 0
  for (const [source, amount = 0] of Object.entries(credits)) {
    await redis.hset(keys.user(org, 1, user), `used:${source}`, String(amount * 1_000_000))
    sum += amount * 1_000_000
  }
  if (held > 0) await redis.hset(keys.user(org, 1, user), 'held:chat', String(held * 1_000_000))
  await redis.zadd(keys.top(org, 1), sum, user)
}

async function setLimit(org: string, credits: number, exclude: 'workflow' | null = null): Promise<void> {
  await directory.setUserLimits(
    org,
    {
      enabled: true,
      default: wholeCredits(credits),
      recipients: 'all',
      exclude: { agent_deployment: false, workflow: exclude === 'workflow' },
      explanation: { text: null, contact: null, hideAmounts: false },
    },
    saveOf((await directory.getUserLimits(org))?.tag),
  )
}

/** All pages of a list, a few at a time. */
async function allUsers(
  org: string,
  exceeding: boolean,
  limit: number,
  q: string | null = null,
): Promise<UserUse[]> {
  const items: UserUse[] = []
  for (let next: string | null = ''; next !== null;) {
    const after = next === '' ? null : parseUseCursor(next)
    const page = await directory.listUsersByUse(org, { exceeding, q, limit, after })
    items.push(...(page?.items ?? []))
    next = page?.next ?? null
  }
  return items
}

/** Moves the stored period into the past, as when nobody called since it ended. */
async function endPeriod(org: string, daysAgo: number): Promise<UnixMs> {
  const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS
  const end = (midnight - daysAgo * DAY_MS) as UnixMs
  await redis.hset(keys.org(org), 'period_start', String(end - 30 * DAY_MS), 'period_end', String(end))
  // A period that is open never changes; this test's clock trick is what this gateway must not remember.
  views.forget(org)
  return end
}

void t.test(
  'an organization starts in period 1, which contains now, with nothing used and its panels off',
  async (t) => {
    const org = await newOrg()
    const found = await directory.getOrg(org)
    t.match(found, { ...SETTINGS, id: org, billingNext: null, used: 0, held: 0 })
    t.equal(found?.period.no, 1)
    t.ok((found?.period.start ?? Infinity) <= Date.now() && Date.now() < (found?.period.end ?? 0))
    t.match(found?.limits, {
      enabled: false,
      recipients: 'all',
      exclude: { agent_deployment: false, workflow: false },
    })
    t.equal(await redis.sismember(keys.ORGS, org), 1)

    const total = await redis.hgetall(keys.total(org, 1))
    const { start = 0, end = 0 } = found?.period ?? {}
    const expireAt = end + 396 * DAY_MS
    t.same(total, {
      used: '0',
      held: '0',
      start: `${start}`,
      end: `${end}`,
      next_mark: '',
      billing: JSON.stringify(found?.billing),
    })
    t.equal(await redis.pexpiretime(keys.total(org, 1)), expireAt, 'P5: kept for 13 months past its end')
  },
)

void t.test('an id that is taken creates nothing and changes nothing', async (t) => {
  const org = await newOrg()
  t.equal(await directory.createOrg(org, { ...SETTINGS, name: 'Other' }, CHANGE), 'exists')
  t.equal((await directory.getOrg(org))?.name, 'Acme')
  const results = await Promise.all(
    Array.from({ length: 20 }, (_, index) =>
      directory.createOrg('org-race', { ...SETTINGS, name: `${index}` }, CHANGE),
    ),
  )
  t.equal(results.filter((result) => result === 'created').length, 1)
})

void t.test(
  'P4: create-org refuses a first period that does not contain the time of the store',
  async (t) => {
    const create = (start: number, end: number): Promise<unknown> =>
      runScript(redis, 'create-org', {
        keys: {
          org: keys.org('org-wrong'),
          total: keys.total('org-wrong', 1),
          audit: keys.audit('org-wrong'),
        },
        args: { start_ms: start, end_ms: end, life_end_ms: end, ...changeArgs(CHANGE) },
        lists: { fields: ['name', 'x'] },
      })
    t.equal(await create(Date.now() - 2_000, Date.now() - 1_000), 'wrong_period')
    t.equal(await create(Date.now() + 60_000, Date.now() + 120_000), 'wrong_period')
    t.equal(await redis.exists(keys.org('org-wrong')), 0)
  },
)

void t.test(
  'A2: a change is saved whole, raises the revision, and is refused on a version that is not the last',
  async (t) => {
    const org = await newOrg()
    const changes = {
      name: 'New',
      allowance: wholeCredits(5),
      autoEnroll: true,
      maxMembers: 7,
      admission: 'strict',
    } as const
    const first = await directory.getOrg(org)
    const save = saveOf(first?.tags.settings)
    t.same(await directory.changeOrg(org, changes, save), { status: 'saved' })
    t.match(await directory.getOrg(org), { ...changes, revision: (first?.revision ?? 0) + 1 })
    t.same(await directory.changeOrg(org, { name: 'Stale' }, save), { status: 'conflict' })
    t.equal((await directory.getOrg(org))?.name, 'New')
    t.same(await directory.changeOrg('org-none', { name: 'x' }, save), { status: 'no_org' })
    t.equal(await redis.exists(keys.org('org-none')), 0)
    t.equal(await redis.exists(keys.audit('org-none')), 0)
  },
)

void t.test('C1: the largest allowance is kept to the microcredit', async (t) => {
  const org = await newOrg({ allowance: wholeCredits(1_000_000_000) })
  t.equal((await directory.getOrg(org))?.allowance, 1e15)
  await redis.hset(keys.total(org, 1), 'used', '999999999999999', 'held', '1')
  t.match(await directory.getOrg(org), { used: 999_999_999_999_999, held: 1 })
})

void t.test(
  'P2: when nobody called since a period ended, the current one is shown, with nothing used, and nothing is written',
  async (t) => {
    const org = await newOrg({ billing: { every: { days: 1 }, anchor: 1, timezone: 'UTC' } })
    await addMember(org, 'ada')
    await setLimit(org, 1)
    await redis.hset(keys.total(org, 1), 'used', '5000000')
    await used(org, 'ada', { chat: 5 })
    t.match(await directory.getOrg(org), { used: 5_000_000 })
    await endPeriod(org, 3)
    const before = await redis.hgetall(keys.org(org))
    const midnight = Math.floor(Date.now() / DAY_MS) * DAY_MS
    t.match(await directory.getOrg(org), {
      used: 0,
      held: 0,
      period: { start: midnight, end: midnight + DAY_MS, no: 2 },
    })
    t.same(await allUsers(org, true, 10), [])
    t.match(await allUsers(org, false, 10), [{ user: 'ada', used: 0, exceeding: false }])
    t.same(await redis.hgetall(keys.org(org)), before)
  },
)

void t.test(
  'P4: a changed schedule shows as the next one and takes over when the current period ends',
  async (t) => {
    const org = await newOrg()
    const weekly = { every: 'week', anchor: 1, timezone: 'UTC' } as const
    const { period } = (await directory.getOrg(org)) ?? {}
    await changeOrg(directory, org, { billing: weekly })
    t.match(await directory.getOrg(org), {
      billing: SETTINGS.billing,
      billingNext: weekly,
      period: period ?? {},
    })

    const end = await endPeriod(org, 0)
    const after = await directory.getOrg(org)
    t.match(after, { billing: weekly, billingNext: null })
    t.equal(after?.period.start, end, 'it begins where the last one ended')
    t.equal(new Date(after?.period.end ?? 0).getUTCDay(), 1, 'and ends on a Monday')

    await changeOrg(directory, org, { billing: { every: { days: 10 }, anchor: 1, timezone: 'UTC' } })
    const reopened = await directory.getOrg(org)
    t.match(
      reopened,
      { billing: weekly, billingNext: { every: { days: 10 } } },
      'a later change waits for the end of the period that is current',
    )
    t.same(reopened?.period, after?.period)
    await changeOrg(directory, org, { billing: weekly })
    t.equal(
      (await directory.getOrg(org))?.billingNext,
      null,
      'and changing it back leaves nothing to wait for',
    )
  },
)

void t.test('organizations are listed by id, a page at a time', async (t) => {
  for (const name of ['c', 'a', 'b']) await directory.createOrg(`page-${name}`, SETTINGS, CHANGE)
  await redis.sadd(keys.ORGS, 'page-ghost')
  const first = await directory.listOrgs({ limit: 2, after: 'page' })
  t.same(
    first.items.map(({ id }) => id),
    ['page-a', 'page-b'],
  )
  const second = await directory.listOrgs({ limit: 2, after: first.next })
  t.same(
    second.items.map(({ id }) => id),
    ['page-c'],
    'a registry entry without an organization is left out',
  )
  t.equal(second.next, null)
})

void t.test('a deleted organization leaves no key, works no key, and its id can be used anew', async (t) => {
  const org = await newOrg()
  const neighbour = await newOrg()
  await addMember(org, 'ada', 'admin')
  const made = await directory.createKey(
    org,
    {
      name: 'k',
      user: 'ada',
      app: false,
      sources: ['chat'],
      scope: 'traffic',
    },
    () => CHANGE,
  )
  await used(org, 'ada', { chat: 5 })
  await redis.zadd(keys.leases(org), 1, 'x')
  t.equal(await deleteOrg(directory, org), 'deleted')
  t.same(await redis.keys(`tg:{${org}}*`), [])
  t.equal(await redis.exists(keys.virtualKey(hashKey(made.status === 'created' ? made.key : ''))), 0)
  t.equal(await redis.sismember(keys.ORGS, org), 0)
  t.equal(await directory.getOrg(org), null)
  t.equal(await deleteOrg(directory, org), 'no_org')
  t.ok(await directory.getOrg(neighbour))

  t.equal(await directory.createOrg(org, SETTINGS, CHANGE), 'created')
  t.same(await allUsers(org, false, 10), [])
})

void t.test('a deletion that broke off keeps the id until it was asked again', async (t) => {
  const org = await newOrg()
  await redis.hdel(keys.org(org), 'period_no', 'revision')
  t.equal(await directory.getOrg(org), null)
  t.equal(await directory.createOrg(org, SETTINGS, CHANGE), 'deleting')
  t.equal(await deleteOrg(directory, org), 'deleted')
  t.equal(await directory.createOrg(org, SETTINGS, CHANGE), 'created')
})

void t.test('members are added, replaced, found and removed', async (t) => {
  const org = await newOrg()
  const ada = { user: 'ada', email: 'ada@example.com', name: 'Ada Lovelace', role: 'admin' } as const
  t.equal(await putMember(directory, org, ada, false), 'created')
  t.match(await directory.getMember(org, 'ada'), ada)
  t.equal(await putMember(directory, org, { ...ada, name: null }, false), 'replaced')
  t.equal((await directory.getMember(org, 'ada'))?.name, null)
  t.equal(await putMember(directory, 'org-none', ada, false), 'no_org')
  t.equal(await redis.exists(keys.members('org-none')), 0)
  await addMember(org, 'bob')
  t.same(await directory.notAdmins(org, ['ada', 'bob', 'eve']), ['bob', 'eve'])
  t.match(await directory.listAdmins(org), [{ user: 'ada', role: 'admin' }])
  t.equal(await removeMember(directory, org, 'bob', false), 'removed')
  t.equal(await removeMember(directory, org, 'bob', false), 'no_member')
  t.equal(await directory.getMember(org, 'bob'), null)
  t.equal(await directory.listMembers('org-none', { ...EVERYONE, q: null }), null)
})

void t.test(
  'members are listed by id, a page at a time, and searched by id, name and email in any case',
  async (t) => {
    const org = await newOrg()
    const users = Array.from({ length: 700 }, (_, index) => `u${String(index).padStart(3, '0')}`)
    await Promise.all(users.map((user) => addMember(org, user)))
    await putMember(directory, org, { user: 'zoe', email: 'z@firm.test', name: 'ZOË Äpfel', role: 'member' })
    const seen: string[] = []
    for (let after: string | null = null, more = true; more; more = after !== null) {
      const page = await directory.listMembers(org, { limit: 99, after, q: null })
      seen.push(...(page?.items ?? []).map(({ user }) => user))
      after = page?.next ?? null
    }
    t.same(seen, [...users, 'zoe'])
    for (const [q, wanted] of [
      ['U69', 10],
      ['äPFEL', 1],
      ['@FIRM', 1],
      ['u123@', 1],
      ['nobody', 0],
    ] as const) {
      t.equal((await directory.listMembers(org, { ...EVERYONE, q }))?.items.length, wanted, q)
    }
  },
)

void t.test('a page of very many members costs a page, and pages have each of them once', async (t) => {
  const org = await newOrg()
  const users = Array.from({ length: 12_000 }, (_, index) => `u${String(index).padStart(5, '0')}`)
  const json = JSON.stringify({ email: null, name: 'One of many', role: 'member' })
  await redis.hset(keys.members(org), ...users.flatMap((user) => [user, json]))
  const scans = async (): Promise<number> =>
    Number(/cmdstat_hscan:calls=(\d+)/.exec(await redis.info('commandstats'))?.[1] ?? 0)
  const everyone = async (q: string | null): Promise<string[]> => {
    const seen: string[] = []
    for (let after: string | null = null, more = true; more; more = after !== null) {
      const before = await scans()
      const page = await directory.listMembers(org, { limit: 200, after, q })
      if (q === null) t.ok((await scans()) - before <= 2, 'parts of a page')
      t.ok((page?.items.length ?? 0) <= 200)
      seen.push(...(page?.items ?? []).map(({ user }) => user))
      after = page?.next ?? null
    }
    return seen.sort()
  }
  t.same(await everyone(null), users)
  t.same(await everyone('u00'), users.slice(0, 1_000), 'also where only some of each part are wanted')
  t.same(await everyone('U11999'), ['u11999'])
  t.same(await everyone('nobody'), [])
  for (const after of ['0 ', '7 u00001', '999999999999999 x', '5', ' ']) {
    t.ok(await directory.listMembers(org, { limit: 5, after, q: null }), `any cursor: ${after}`)
  }
})

void t.test('A1: the last admin is neither removed nor demoted, except by the operator', async (t) => {
  const org = await newOrg()
  await addMember(org, 'ada', 'admin')
  await addMember(org, 'bob')
  const demoted = { user: 'ada', email: null, name: null, role: 'member' } as const
  t.equal(await putMember(directory, org, demoted, false), 'last_admin')
  t.equal(await removeMember(directory, org, 'ada', false), 'last_admin')
  t.equal((await directory.getMember(org, 'ada'))?.role, 'admin')
  await addMember(org, 'eve', 'admin')
  t.equal(await putMember(directory, org, demoted, false), 'replaced')
  t.equal(await removeMember(directory, org, 'eve', true), 'removed')
})

void t.test('A1: admins who demote each other at the same time leave one admin', async (t) => {
  for (let round = 0; round < 20; round += 1) {
    const org = await newOrg()
    const admins = ['ada', 'bob', 'eve']
    for (const user of admins) await addMember(org, user, 'admin')
    await Promise.all(
      admins.map((user) =>
        round % 2 === 0
          ? removeMember(directory, org, user, false)
          : putMember(directory, org, { user, email: null, name: null, role: 'member' }, false),
      ),
    )
    const left = (await directory.notAdmins(org, admins)).length
    t.ok(left < admins.length, `${admins.length - left} left`)
  }
})

void t.test(
  'a virtual key is shown once; the store has its hash, its listing and what it may do',
  async (t) => {
    const org = await newOrg()
    await addMember(org, 'ada')
    const made = await directory.createKey(
      org,
      {
        name: 'Nightly',
        user: null,
        app: true,
        sources: ['workflow', 'chat'],
        scope: 'traffic',
      },
      () => CHANGE,
    )
    if (made.status !== 'created') throw new Error(made.status)
    t.ok(isWellFormedKey(made.key))
    t.same(await redis.hgetall(keys.virtualKey(hashKey(made.key))), {
      id: made.record.id,
      org,
      user: '',
      app: '1',
      sources: 'workflow,chat',
      scope: 'traffic',
    })
    const listed = await directory.listKeys(org, EVERYONE)
    t.same(listed?.items, [made.record])
    t.same(
      made.record.sources,
      ['workflow', 'chat'],
      'the first source stays the first: it is the default of a call',
    )
    t.equal(made.record.hint, `${made.key.slice(0, 7)}…`)
    const stored = JSON.stringify(await redis.hgetall(keys.orgKeys(org)))
    t.notOk(stored.includes(made.key.slice(0, 12)))

    t.ok(await directory.revokeKey(org, made.record.id, () => CHANGE))
    t.equal(await redis.exists(keys.virtualKey(hashKey(made.key))), 0)
    t.same((await directory.listKeys(org, EVERYONE))?.items, [])
    t.notOk(await directory.revokeKey(org, made.record.id, () => CHANGE))
  },
)

void t.test(
  'a key is made only for an organization and a member that exist, and is listed in the order it was made',
  async (t) => {
    const org = await newOrg()
    await addMember(org, 'ada')
    const draft = { user: 'ada', app: false, sources: ['chat'], scope: 'traffic' } as const
    t.same(await directory.createKey('org-none', { ...draft, name: 'x' }, () => CHANGE), { status: 'no_org' })
    t.same(await directory.createKey(org, { ...draft, name: 'x', user: 'bob' }, () => CHANGE), {
      status: 'no_member',
    })
    t.equal(await directory.listKeys('org-none', EVERYONE), null)
    for (const name of ['first', 'second', 'third']) {
      await directory.createKey(org, { ...draft, name }, () => CHANGE)
      const made = Date.now()
      while (Date.now() === made) await redis.ping()
    }
    const page = await directory.listKeys(org, { limit: 2, after: null })
    t.same(
      page?.items.map(({ name }) => name),
      ['first', 'second'],
    )
    const rest = await directory.listKeys(org, { limit: 2, after: page?.next ?? null })
    t.same(
      rest?.items.map(({ name }) => name),
      ['third'],
    )
  },
)

void t.test(
  'L2: a custom limit is a number or unlimited, is listed, and gives way to the default when deleted',
  async (t) => {
    const org = await newOrg()
    for (const user of ['ada', 'bob']) await addMember(org, user)
    const custom = { user: 'ada', limit: wholeCredits(2_500) }
    const none = saveOf(null)
    t.match(await directory.putCustomLimit(org, custom, none), { status: 'saved' })
    t.match(await directory.putCustomLimit(org, { user: 'bob', limit: null }, none), { status: 'saved' })
    t.match(await directory.putCustomLimit(org, custom, none), { status: 'conflict' }, 'A2')
    t.same(await redis.hgetall(keys.customLimits(org)), { ada: '2500000000', bob: 'unlimited' })
    t.match(await directory.getCustomLimit(org, 'ada'), custom)
    t.same((await directory.listCustomLimits(org, EVERYONE))?.items, [
      { ...custom, name: null },
      { user: 'bob', limit: null, name: null },
    ])
    t.match(await directory.putCustomLimit(org, { user: 'eve', limit: null }, none), { status: 'no_member' })
    t.match(await directory.putCustomLimit('org-none', custom, none), { status: 'no_org' })
    const save = saveOf((await directory.getCustomLimit(org, 'bob'))?.tag)
    t.equal(await directory.deleteCustomLimit(org, 'bob', save), 'deleted')
    t.equal(await directory.deleteCustomLimit(org, 'bob', save), 'conflict')
    t.equal(await directory.getCustomLimit(org, 'bob'), null)
  },
)

void t.test('L9: per-user limits are kept whole, also while they are switched off', async (t) => {
  const org = await newOrg()
  const limits = {
    enabled: false,
    default: wholeCredits(7),
    recipients: ['ada'],
    exclude: { agent_deployment: true, workflow: false },
    explanation: { text: 'Ask "Bob" {limit}', contact: 'bob@example.com', hideAmounts: true },
  }
  await addMember(org, 'ada', 'admin')
  const first = saveOf((await directory.getUserLimits(org))?.tag)
  const saved = await directory.setUserLimits(org, limits, first)
  t.match(saved, { status: 'saved' })
  t.same(await directory.getUserLimits(org), { limits, tag: saved.status === 'saved' && saved.tag })
  t.equal((await directory.setUserLimits(org, limits, first)).status, 'conflict')
  t.equal(await directory.getUserLimits('org-none'), null)
})

void t.test('users come most used first, members without use after them, in pages of any size', async (t) => {
  const org = await newOrg()
  const names = Array.from({ length: 450 }, (_, index) => `u${String(index).padStart(3, '0')}`)
  for (const user of names) await addMember(org, user)
  // Ties, more of them than a batch has, must neither hide nor repeat anybody.
  for (const [index, user] of names.slice(0, 420).entries())
    await used(org, user, { chat: index < 300 ? 5 : index })
  await used(org, 'gone', { chat: 1_000 })
  for (const limit of [7, 200, 1_000]) {
    const users = await allUsers(org, false, limit)
    t.equal(new Set(users.map(({ user }) => user)).size, 451)
    t.equal(users.length, 451)
    t.same(
      users.map((item) => item.used),
      users.map((item) => item.used).sort((a, b) => b - a),
    )
  }
  t.match(
    (await allUsers(org, false, 1_000))[0],
    { user: 'gone', name: null },
    'who was removed is still in the sums',
  )
  t.same(
    (await allUsers(org, false, 3, 'U44')).map(({ user }) => user),
    names.slice(440),
  )
})

void t.test('L5, L6: counted and held are those of the sources that count', async (t) => {
  const org = await newOrg()
  await addMember(org, 'ada')
  await used(org, 'ada', { chat: 3, workflow: 20, agent_deployment: 100 }, 2)
  await redis.hset(keys.user(org, 1, 'ada'), 'held:workflow', '5000000')
  await setLimit(org, 103, 'workflow')
  const credits = (amount: number): Microcredits => wholeCredits(amount)
  t.same(await allUsers(org, false, 10), [
    {
      user: 'ada',
      name: null,
      used: credits(123),
      counted: credits(103),
      held: credits(2),
      limit: credits(103),
      exceeding: true,
    },
  ])
})

void t.test(
  'L7: exceeding is each member whose counted use has reached the own limit, whatever limits it',
  async (t) => {
    const org = await newOrg()
    const cases: [string, Partial<Record<string, number>>, number | null | undefined, boolean][] = [
      ['at', { chat: 10 }, undefined, true],
      ['past', { chat: 30 }, undefined, true],
      ['below', { chat: 9.999999 }, undefined, false],
      ['excluded', { workflow: 90 }, undefined, false],
      ['custom-higher', { chat: 50 }, 100, false],
      ['custom-higher-reached', { chat: 100 }, 100, true],
      ['custom-lower', { chat: 2 }, 3, false],
      ['custom-lower-reached', { chat: 4 }, 3, true],
      ['custom-lower-excluded', { chat: 2, workflow: 4 }, 3, false],
      ['custom-zero', {}, 0, true],
      ['unlimited', { chat: 1_000 }, null, false],
      ['idle', {}, undefined, false],
    ]
    for (const [user, use, limit] of cases) {
      await addMember(org, user)
      if (Object.keys(use).length > 0) await used(org, user, use)
      if (limit !== undefined) {
        await directory.putCustomLimit(
          org,
          { user, limit: limit === null ? null : wholeCredits(limit) },
          saveOf(null),
        )
      }
    }
    await used(org, 'removed', { chat: 500 })
    await setLimit(org, 10, 'workflow')
    const wanted = cases.filter(([, , , exceeding]) => exceeding).map(([user]) => user)
    for (const limit of [1, 2, 100]) {
      t.same((await allUsers(org, true, limit)).map(({ user }) => user).sort(), [...wanted].sort())
    }
    for (const item of await allUsers(org, false, 100)) {
      if (item.user !== 'removed') t.equal(item.exceeding, wanted.includes(item.user), item.user)
    }
    t.same(
      (await allUsers(org, true, 100, 'lower')).map(({ user }) => user),
      ['custom-lower-reached'],
    )
  },
)

void t.test('L1, L7: under a limit of 0 every member exceeds, also who used nothing', async (t) => {
  const org = await newOrg()
  for (const user of ['ada', 'bob', 'eve', 'fay']) await addMember(org, user)
  await used(org, 'ada', { chat: 1 })
  await directory.putCustomLimit(org, { user: 'bob', limit: null }, saveOf(null))
  await directory.putCustomLimit(org, { user: 'fay', limit: wholeCredits(0) }, saveOf(null))
  await setLimit(org, 0)
  for (const limit of [1, 10]) {
    t.same((await allUsers(org, true, limit)).map(({ user }) => user).sort(), ['ada', 'eve', 'fay'])
  }
})

void t.test('L9: nobody exceeds, and nobody has a limit, while limits are switched off', async (t) => {
  const org = await newOrg()
  await addMember(org, 'ada')
  await used(org, 'ada', { chat: 5_000 })
  t.same(await allUsers(org, true, 10), [])
  t.match(await allUsers(org, false, 10), [{ user: 'ada', limit: null, exceeding: false }])
})

void t.test(
  'L7: exceeding does not walk all users: what it reads does not grow with those below the limit',
  async (t) => {
    const commandsFor = async (count: number): Promise<number> => {
      const org = await newOrg()
      for (let index = 0; index < count; index += 1) {
        await addMember(org, `u${index}`)
        await used(org, `u${index}`, { chat: index < 3 ? 100 : 1 })
      }
      await setLimit(org, 50)
      const processed = async (): Promise<number> =>
        Number(/total_commands_processed:(\d+)/.exec(await redis.info('stats'))?.[1])
      const before = await processed()
      t.equal((await allUsers(org, true, 100)).length, 3)
      return (await processed()) - before
    }
    const [few, many] = [await commandsFor(30), await commandsFor(600)]
    // The connection's own look at the cluster may come in between.
    t.ok(Math.abs(many - few) <= 3, `${few} commands, then ${many}`)
  },
)

void t.test(
  'L7: exceeding agrees with a plain reading of the rules, for any use, limits and page size',
  async () => {
    const user = fc.record({
      chat: fc.integer({ min: 0, max: 4 }),
      workflow: fc.integer({ min: 0, max: 4 }),
      custom: fc.option(fc.option(fc.integer({ min: 0, max: 5 }), { nil: null }), { nil: undefined }),
    })
    await fc.assert(
      fc.asyncProperty(
        fc.array(user, { maxLength: 12 }),
        fc.integer({ min: 0, max: 5 }),
        fc.boolean(),
        fc.integer({ min: 1, max: 5 }),
        async (users, limit, excludesWorkflow, pageSize) => {
          const org = await newOrg()
          const wanted: string[] = []
          for (const [index, { chat, workflow, custom }] of users.entries()) {
            const name = `u${index}`
            await addMember(org, name)
            if (chat + workflow > 0) await used(org, name, { chat, workflow })
            if (custom !== undefined) {
              await directory.putCustomLimit(
                org,
                {
                  user: name,
                  limit: custom === null ? null : wholeCredits(custom),
                },
                saveOf(null),
              )
            }
            const cap = custom === undefined ? limit : custom
            if (cap !== null && chat + (excludesWorkflow ? 0 : workflow) >= cap) wanted.push(name)
          }
          await setLimit(org, limit, excludesWorkflow ? 'workflow' : null)
          const found = (await allUsers(org, true, pageSize)).map((item) => item.user)
          if (JSON.stringify(found.sort()) !== JSON.stringify(wanted.sort())) {
            throw new Error(`found ${found.join()}, wanted ${wanted.join()}`)
          }
          if ((await allUsers(org, false, pageSize)).length !== users.length) throw new Error('not everybody')
        },
      ),
      { numRuns: 60 },
    )
  },
)

void t.test('a cursor that is none is seen as such', (t) => {
  for (const text of ['', 'use', 'use 1', 'use x u', 'other 1 u', 'use 1 u v', 'use -1 u'])
    t.equal(parseUseCursor(text), null)
  t.same(parseUseCursor('use 12 a|b@c'), { phase: 'use', score: 12, user: 'a|b@c' })
  t.end()
})

void t.test('D1: a store that cannot be reached is StoreUnavailable, for every operation', async (t) => {
  const down: RedisClient = connect({ socketPath: `${server.socketPath}.none` }, 'decide')
  down.on('error', () => undefined)
  t.teardown(() => down.disconnect())
  const broken: Directory = createDirectory({
    redis: down,
    openPeriod: (org, now) => createOrgViews(down).current(org, now),
  })
  const draft = { name: 'k', user: null, app: true, sources: ['chat'], scope: 'traffic' } as const
  const operations: Record<string, () => Promise<unknown>> = {
    createOrg: () => broken.createOrg('org-down', SETTINGS, CHANGE),
    getOrg: () => broken.getOrg('org-down'),
    listOrgs: () => broken.listOrgs(EVERYONE),
    changeOrg: () => broken.changeOrg('org-down', { billing: SETTINGS.billing }, saveOf(null)),
    deleteOrg: () => broken.deleteOrg('org-down', saveOf(null)),
    getMember: () => broken.getMember('org-down', 'ada'),
    listMembers: () => broken.listMembers('org-down', { ...EVERYONE, q: null }),
    removeMember: () => broken.removeMember('org-down', 'ada', { ...saveOf(null), mayLeaveNoAdmin: true }),
    createKey: () => broken.createKey('org-down', draft, () => CHANGE),
    listKeys: () => broken.listKeys('org-down', EVERYONE),
    revokeKey: () => broken.revokeKey('org-down', 'x', () => CHANGE),
    getUserLimits: () => broken.getUserLimits('org-down'),
    putCustomLimit: () => broken.putCustomLimit('org-down', { user: 'ada', limit: null }, saveOf(null)),
    listAdmins: () => broken.listAdmins('org-down'),
    listAudit: () =>
      broken.listAudit('org-down', { actor: null, action: null, target: null, limit: 1, after: null }),
    listUsersByUse: () =>
      broken.listUsersByUse('org-down', { exceeding: true, q: null, limit: 1, after: null }),
  }
  for (const [name, operation] of Object.entries(operations))
    await t.rejects(operation(), StoreUnavailable, name)
})

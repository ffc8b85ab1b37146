/**
 * A script may only touch keys that its call declared, or it breaks in a cluster, on the day on which slots move. Redis does
 * not tell: the `#!lua` shebang refuses undeclared keys of other slots only, and all keys of an organization share one. So the
 * real ledger and directory are driven through every script, MONITOR says what each call touched, and that is compared.
 */
import { createHash } from 'node:crypto'
import { Redis } from 'ioredis'
import t from 'tap'
import type { Hold } from '../../src/core/hold.ts'
import type { UnixMs } from '../../src/core/units.ts'
import { createDirectory } from '../../src/directory/directory.ts'
import { Journal } from '../../src/journal/journal.ts'
import * as keys from '../../src/store/keys.ts'
import type { Reservation } from '../../src/ledger/ledger.ts'
import { createNoticeLog } from '../../src/outbox/notice-log.ts'
import { readOutbox } from '../../src/outbox/outbox.ts'
import { SCRIPT_NAMES, scriptSource, type ScriptName } from '../../src/store/scripts.ts'
import { SIGNATURES } from '../../src/store/signatures.ts'
import { CHANGE, changeOrg, deleteOrg, putMember, removeMember, saveOf } from '../support/changes.ts'
import { crossingOf } from '../../src/notifications/crossing.ts'
import {
  books,
  charge,
  createOrg,
  endLease,
  holdOf,
  openClient,
  openLedger,
  reservation,
  silent,
} from '../support/ledger.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const server = await startRedis({ cluster: true })
const redis = await openClient({ cluster: [`127.0.0.1:${server.port}`] })
const plain = new Redis(server.url)
const monitor = await plain.monitor()

/** One call of a script, as it went over the wire, and what it did. */
interface Run {
  readonly script: ScriptName | 'rogue'
  readonly declared: readonly string[]
  /** The commands that the script ran. */
  readonly commands: string[][]
}

const ROGUE = "#!lua\nredis.call('GET', KEYS[1]) return redis.call('SET', '{rogue}:undeclared', '1')"
const names = new Map<string, Run['script']>([[ROGUE, 'rogue']])
for (const name of SCRIPT_NAMES) {
  const source = scriptSource(name)
  names.set(source, name)
  names.set(createHash('sha1').update(source).digest('hex'), name)
}

const runs: Run[] = []
const seen = new Set<string>()
let running: Run | null = null
monitor.on('monitor', (_time: string, args: string[], source: string) => {
  if (source === 'lua') {
    running?.commands.push(args)
    return
  }
  running = null
  const [command = '', script = '', count = '0', ...rest] = args
  if (command.toLowerCase() === 'echo') seen.add(script)
  if (!/^eval(?:sha)?$/i.test(command)) return
  const name = names.get(unescaped(script))
  if (name === undefined) throw new Error(`an unknown script ran: ${script.slice(0, 80)}`)
  running = { script: name, declared: rest.slice(0, Number(count)), commands: [] }
  runs.push(running)
})

/** MONITOR shows line breaks, quotes and bytes beyond ASCII as escapes; the client takes back those of quotes. */
function unescaped(text: string): string {
  const bytes = text.replace(
    /\\(?:x([0-9a-f]{2})|([nrtab\\"]))/g,
    (_all, hex: string | undefined, short: string | undefined) =>
      hex === undefined
        ? ({ n: '\n', r: '\r', t: '\t', a: '\u0007', b: '\b' }[short ?? ''] ?? short ?? '')
        : String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1').toString('utf8')
}

/** Resolves when MONITOR has shown everything that was sent so far. */
async function watched(): Promise<void> {
  const mark = `mark-${seen.size}`
  await plain.echo(mark)
  await until(() => seen.has(mark), { what: 'MONITOR has caught up' })
}

const ledger = await openLedger(redis)
const directory = createDirectory({ redis, openPeriod: (org, now) => ledger.openPeriod(org, now) })
t.teardown(async () => {
  ledger.close()
  redis.disconnect()
  plain.disconnect()
  monitor.disconnect()
  await server.stop()
})

async function settled(): Promise<void> {
  if (!(await ledger.drained(5_000))) throw new Error('settles are stuck')
}

async function reserved(org: string, credits: number, rest: Partial<Reservation> = {}): Promise<Hold> {
  return holdOf(await ledger.reserve(reservation(org, credits, rest)))
}

/** Arms two alerts of the organization, as a roll does. */
async function arm(org: string): Promise<void> {
  await redis.zadd(keys.armed(org, 1), 1e6, 'a1 1 absolute 1', 5e6, 'a2 1 absolute 5')
  await redis.hset(keys.total(org, 1), 'next_mark', '1000000')
}

/** Makes a lease overdue, as that of a gateway that died. */
async function abandon(org: string, hold: Hold): Promise<void> {
  await endLease(redis, hold)
  await redis.hset(keys.user(org, hold.periodNo, hold.user), 'sweep_at', '1')
}

// What follows drives every script through its branches; the tests at the end look at what MONITOR saw.

void t.test('organizations are made, configured, and asked for twice', async (t) => {
  const settings = {
    name: 'Acme',
    allowance: 10_000_000_000 as Hold['amount'],
    admission: 'straddle',
    autoEnroll: true,
    maxMembers: 5,
    billing: { every: 'month', anchor: 1, timezone: 'UTC' },
  } as const
  t.equal(await directory.createOrg('made', settings, CHANGE), 'created')
  t.equal(await directory.createOrg('made', settings, CHANGE), 'exists')
  const save = saveOf((await directory.getOrg('made'))?.tags.settings)
  t.match(await directory.changeOrg('made', { name: 'Other' }, save), { status: 'saved' })
  t.match(await directory.changeOrg('made', { name: 'Again' }, save), { status: 'conflict' })
  t.match(await directory.changeOrg('nobody', { name: 'Nobody' }, save), { status: 'no_org' })
  t.equal(
    (await ledger.reserve(reservation('made', 1, { user: 'enrolled', mayEnroll: true }))).status,
    'reserved',
  )
  await removeMember(directory, 'made', 'enrolled')
  t.equal(
    (await ledger.reserve(reservation('made', 1, { user: 'enrolled', mayEnroll: true }))).status,
    'unknown_user',
  )
  t.equal(await deleteOrg(directory, 'made'), 'deleted')
})

void t.test('calls of several users are held, charged with every crossing, freed, refused', async (t) => {
  const members = ['ada', 'bob', 'eve']
  await createOrg(redis, 'busy', {
    members,
    limit: 10,
    fields: { alert_on: '1', alert_mark: '2000000', alert_version: '1' },
  })
  await redis.hset(keys.customLimits('busy'), 'eve', 'unlimited')
  await arm('busy')
  const holds = await Promise.all(
    members.map((user) => reserved('busy', 3, { user, source: user === 'eve' ? 'workflow' : 'chat' })),
  )
  for (const hold of holds) ledger.settle(hold, charge(3, `model-${hold.user}`))
  const [first, second] = [await reserved('busy', 1), await reserved('busy', 1, { user: 'bob' })]
  ledger.free(first)
  ledger.free({ ...second, id: `${second.id}x` })
  ledger.settle(second, charge(7))
  await settled()
  ledger.settle(second, charge(7))
  ledger.free(first)
  await settled()
  t.equal((await ledger.reserve(reservation('busy', 1, { user: 'bob' }))).status, 'denied')
  await redis.hset(keys.org('busy'), 'limit_default', '2000000')
  t.equal(
    (await ledger.reserve(reservation('busy', 1))).status,
    'denied',
    'the first refusal at a limit is recorded (L4)',
  )
  t.equal((await ledger.reserve(reservation('busy', 1, { user: 'mallory' }))).status, 'unknown_user')
  t.match(await books(redis, 'busy', members), { used: 16e6, usersUsed: 16e6, days: 16e6, held: 0 })
})

void t.test(
  'holds of dead gateways are expired, by a sweep and by a call in their way, and corrected after',
  async (t) => {
    const odd = 'x:y|z@w+1'
    await createOrg(redis, 'dead', { members: ['ada', odd], admission: 'strict', limit: 10 })
    await arm('dead')
    const [mine, other] = [await reserved('dead', 10), await reserved('dead', 5, { user: odd })]
    await abandon('dead', mine)
    t.equal((await ledger.reserve(reservation('dead', 9))).status, 'reserved')
    await abandon('dead', other)
    const unserved = await reserved('dead', 1, { user: odd })
    await abandon('dead', unserved)
    await ledger.sweep()
    ledger.settle(mine, charge(4))
    ledger.free(unserved)
    await settled()
    t.match(await books(redis, 'dead', ['ada', odd]), { used: 4_500_000 })
    await redis.zadd(keys.leases('dead'), 1, keys.lease(1, other.day, other.id, odd))
    await ledger.sweep()
    t.equal(
      await redis.zscore(keys.leases('dead'), keys.lease(1, other.day, other.id, odd)),
      null,
      'what is left of one is removed',
    )
  },
)

void t.test(
  'what is charged late, to a period that is over, looks whether its alerts are still there',
  async (t) => {
    await createOrg(redis, 'over', { limit: null })
    await arm('over')
    await redis.hset(
      keys.alerts('over'),
      'a2',
      '{"type":"absolute","threshold":5,"recipients":"all","version":1}',
    )
    const [settledLate, expiredLate] = [await reserved('over', 2), await reserved('over', 60)]
    await redis.hset(keys.org('over'), 'period_end', String(Date.now() - 1_000))
    ledger.free(await reserved('over', 1))
    ledger.settle(settledLate, charge(2))
    await settled()
    await abandon('over', expiredLate)
    await ledger.sweep()
    const fired = (await redis.xrange(keys.outbox('over'), '-', '+')).map(([, fields]) => fields.join(' '))
    t.equal(fired.length, 1, 'O9: the one that was deleted fires in no period')
    t.match(fired[0], /^type org\.alert\.crossed period_no 1 .* alert a2 /)
  },
)

void t.test(
  'holds that the store lost are charged late, and those of a deleted organization not at all',
  async (t) => {
    await createOrg(redis, 'lost')
    const [lost, last] = [await reserved('lost', 1), await reserved('lost', 1)]
    await redis.hdel(keys.user('lost', 1, 'ada'), `o:${lost.id}`)
    ledger.settle(lost, charge(2))
    await settled()
    t.match(await books(redis, 'lost', ['ada']), { used: 2e6 })
    await deleteOrg(directory, 'lost')
    ledger.settle(last, charge(2))
    await settled()
    t.match(await books(redis, 'lost', ['ada']), { used: 0, usersUsed: 0 })
  },
)

void t.test('leases of calls that run are renewed', async (t) => {
  await createOrg(redis, 'long')
  const renewing = await openLedger(redis, { leaseMs: 3_000 })
  const hold = holdOf(await renewing.reserve(reservation('long', 1)))
  const lease = keys.lease(1, hold.day, hold.id, 'ada')
  const before = Number(await redis.zscore(keys.leases('long'), lease))
  await until(async () => Number(await redis.zscore(keys.leases('long'), lease)) > before, {
    what: 'the lease is renewed',
  })
  renewing.free(hold)
  t.ok(await renewing.drained(5_000))
  renewing.close()
})

void t.test(
  'a journal is brought to the store: a hold that is open, one that is not, a call without one',
  async (t) => {
    const org = 'replays'
    await createOrg(redis, org, {
      limit: 5,
      fields: { alert_on: '1', alert_mark: '1000000', alert_version: '1' },
    })
    await arm(org)
    const journal = new Journal({ dir: t.testdir({}), maxBytes: 1_000_000, logger: silent })
    const replayer = await openLedger(redis, { journal })
    const [open, done, unserved] = [await reserved(org, 1), await reserved(org, 1), await reserved(org, 1)]
    ledger.settle(done, charge(1))
    await settled()
    await journal.free(unserved)
    await journal.settle(open, charge(2), false)
    await journal.settle(done, charge(1), true)
    replayer.settle(await replayer.letThrough(reservation(org, 4)), charge(4))
    await until(async () => (await books(redis, org, ['ada'])).used === 7e6)
    await until(() => journal.entries === 0)
    // A hold of a period that is over by then, with alerts that wait in it.
    const late = await reserved(org, 0)
    await arm(org)
    await redis.hset(keys.org(org), 'period_end', String(Date.now() - 1))
    await ledger.openPeriod(org, Date.now() as UnixMs)
    await journal.settle(late, charge(0.5), false)
    await until(() => journal.entries === 0)
    replayer.close()
    await journal.close()
    t.match(await books(redis, org, ['ada']), {
      used: 7.5e6,
      usersUsed: 7.5e6,
      days: 7.5e6,
      held: 0,
      leases: 0,
    })
  },
)

void t.test('a period ends with alerts to arm, and a late settle of the last one', async (t) => {
  await createOrg(redis, 'rolls')
  await redis.hset(keys.alerts('rolls'), 'a1', '{"type":"percentage","threshold":75,"version":1}')
  await redis.hset(keys.org('rolls'), 'billing_next', '{"every":"week","anchor":1,"timezone":"UTC"}')
  const hold = await reserved('rolls', 1)
  await redis.hset(keys.org('rolls'), 'period_end', String(Date.now() - 1))
  await ledger.openPeriod('rolls', Date.now() as UnixMs)
  const next = await reserved('rolls', 1)
  ledger.settle(hold, charge(1))
  ledger.free(next)
  await settled()
  t.equal(next.periodNo, 2)
})

void t.test('members, recipients, custom limits and keys are saved and removed', async (t) => {
  await createOrg(redis, 'saves')
  const ada = { user: 'ada', email: null, name: null, role: 'admin' } as const
  t.equal(await putMember(directory, 'saves', ada), 'replaced')
  t.equal(await putMember(directory, 'saves', { ...ada, role: 'member' }, false), 'last_admin')
  t.equal(await removeMember(directory, 'saves', 'ada', false), 'last_admin')
  const found = await directory.getUserLimits('saves')
  if (found === null) throw new Error('no limits')
  const limits = { ...found.limits, recipients: ['ada', 'eve'] }
  t.match(await directory.setUserLimits('saves', limits, saveOf(found.tag)), {
    status: 'not_admins',
    users: ['eve'],
  })
  const named = { ...limits, recipients: ['ada'] }
  t.match(await directory.setUserLimits('saves', named, saveOf(found.tag)), { status: 'saved' })
  const custom = { user: 'ada', limit: null }
  t.match(await directory.putCustomLimit('saves', { ...custom, user: 'eve' }, saveOf(null)), {
    status: 'no_member',
  })
  const put = await directory.putCustomLimit('saves', custom, saveOf(null))
  t.match(put, { status: 'saved' })
  const { tag } = (await directory.getCustomLimit('saves', 'ada')) ?? {}
  t.equal(await directory.deleteCustomLimit('saves', 'ada', saveOf(tag)), 'deleted')
  const draft = { name: 'k', user: 'ada', app: false, sources: ['chat'], scope: 'traffic' } as const
  const made = await directory.createKey('saves', draft, () => CHANGE)
  t.equal(
    await directory.revokeKey('saves', made.status === 'created' ? made.record.id : '', () => CHANGE),
    true,
  )
  t.match(await changeOrg(directory, 'saves', { name: 'Saved' }), { status: 'saved' })
})

void t.test('a crossing is relayed, planned, tried, parked and sent again', async (t) => {
  await createOrg(redis, 'told', { limit: 1 })
  ledger.settle(await reserved('told', 1), charge(1))
  await settled()
  const page = await readOutbox(redis, 'told', null, 10)
  const [entry] = page?.entries ?? []
  if (page === null || entry === undefined) throw new Error('nothing was crossed')
  const log = createNoticeLog(redis)
  const crossing = crossingOf('told', page.orgCreatedAt, entry)
  const mail = { channel: 'email', target: 'ada' } as const
  const nobody = { channel: 'email', target: 'bob', nobody: 'no e-mail address' } as const
  t.strictSame(await log.open(page.orgCreatedAt, [crossing]), ['new'])
  t.strictSame(await log.open(page.orgCreatedAt, [crossing]), ['known'])
  t.equal(await log.open('1', [crossing]), 'other_org')
  await log.relayed('told', [{ entryId: entry.entryId, id: crossing.id }])
  t.strictSame(await log.open(page.orgCreatedAt, [crossing]), ['relayed'])
  t.match(await log.plan(crossing, [{ ...mail, nobody: null }, nobody], false), { length: 2 })
  t.match(await log.plan(crossing, [nobody], true), [{ state: 'no_recipients' }])
  t.equal(await log.plan(crossing, [], true), 'planned', 'once')
  const attempt = { round: 0, attempts: 1, error: 'refused' } as const
  for (const state of ['failed', 'parked'] as const)
    t.equal(await log.attempted(crossing, mail, { ...attempt, state }), 'logged')
  t.equal(await log.redeliver(crossing, CHANGE, { channel: 'email', target: 'bob' }), 'nothing')
  t.equal(await log.redeliver(crossing, CHANGE, mail), 1)
  t.equal(await log.attempted(crossing, mail, { ...attempt, round: 1, state: 'parked' }), 'logged')
  t.equal(await log.redeliver(crossing, CHANGE), 2)
  t.match(await log.plan(crossing, [{ ...mail, nobody: null }], true), [{ state: 'queued', round: 2 }])
  t.equal(await log.attempted(crossing, mail, { ...attempt, state: 'parked' }), 'stale')
  const sent = { ...attempt, round: 2, state: 'sent', error: null } as const
  t.equal(await log.attempted(crossing, mail, sent), 'logged')
  t.equal(await log.attempted(crossing, mail, { ...sent, state: 'failed' }), 'stale')
  t.equal(await log.redeliver(crossing, CHANGE), 'nothing')
  t.equal(await log.redeliver({ ...crossing, id: 'cx_other' }, CHANGE), 'gone')
})

void t.test('alerts are saved, armed, fired and deleted, allowances changed, usage adjusted', async (t) => {
  await createOrg(redis, 'alerts', { fields: { alert_on: '1', alert_mark: '2000000', alert_version: '1' } })
  await putMember(directory, 'alerts', { user: 'ada', email: null, name: null, role: 'admin' })
  const of = async (id: string) => {
    const found = await directory.getAlert('alerts', id)
    if (found === null) throw new Error('no alert')
    return found
  }
  const made = async (threshold: number, type: 'percentage' | 'absolute'): Promise<string> => {
    const result = await directory.createAlert(
      'alerts',
      { type, threshold, recipients: ['ada'] },
      () => CHANGE,
    )
    return result.status === 'saved' ? result.id : result.status
  }
  ledger.settle(await reserved('alerts', 5), charge(5))
  await settled()
  const [past, waits] = [await made(1, 'absolute'), await made(50, 'percentage')]
  t.ok((await of(past)).firedAt)
  t.match(
    await directory.changeAlert('alerts', await of(past), { ...(await of(past)), threshold: 9 }, CHANGE),
    {
      status: 'saved',
    },
  )
  const stranger = { ...(await of(past)), recipients: ['eve'] }
  t.match(await directory.changeAlert('alerts', stranger, stranger, CHANGE), { status: 'not_admins' })
  t.match(await changeOrg(directory, 'alerts', { allowance: 8_000_000 as Hold['amount'] }), {
    status: 'saved',
  })
  t.ok((await of(waits)).firedAt, 'the lower allowance fired it')
  await redis.hset(keys.org('alerts'), 'period_end', String(Date.now() - 1))
  t.equal(await directory.deleteAlert('alerts', past, saveOf((await of(past)).tag)), 'deleted')
  const refund = { user: 'ada', source: 'chat', amount: 3_000_000, reason: 'r' } as const
  t.match(await directory.adjust('alerts', refund, 'key', () => CHANGE), {
    status: 'adjusted',
    used: 3_000_000,
  })
  t.match(await directory.adjust('alerts', refund, 'key', () => CHANGE), {
    status: 'repeated',
    used: 3_000_000,
  })
  const more = { ...refund, amount: 2_000_000 }
  t.match(await directory.adjust('alerts', more, null, () => CHANGE), { status: 'adjusted', used: 5_000_000 })
  t.ok((await of(waits)).firedAt, 'a charge fires what it crosses')
  ledger.settle(await reserved('alerts', 3), charge(3))
  await settled()
  t.equal(await directory.deleteAlert('alerts', waits, saveOf((await of(waits)).tag)), 'deleted')
  t.match(await books(redis, 'alerts', ['ada'], 2), { used: 8e6, usersUsed: 8e6, models: 8e6 })
})

void t.test('counters are compared with usage and holds, and repaired', async (t) => {
  await createOrg(redis, 'drift', { members: ['ada', 'bob'] })
  ledger.settle(await reserved('drift', 3), charge(3))
  await settled()
  await reserved('drift', 2)
  await redis.hset(keys.user('drift', 1, 'ada'), 'used:chat', '1', 'held:chat', '1')
  await redis.zadd(keys.top('drift', 1), 1, 'ada')
  await redis.hset(keys.total('drift', 1), 'used', '1', 'held', '1')
  t.match(await directory.checkDrift('drift', null), { repaired: 0, isComplete: true })
  t.match(await directory.checkDrift('drift', () => CHANGE), { checkedUsers: 2, repaired: 5 })
  t.match(await directory.checkDrift('drift', null), { differences: [] })
})

// --- what MONITOR saw -----------------------------------------------------------------------------------------------

/** Commands that touch no key. */
const KEYLESS = new Set(['time'])

/** The keys of a command, as Redis itself finds them. */
async function keysOf(command: readonly string[]): Promise<string[]> {
  if (KEYLESS.has((command[0] ?? '').toLowerCase())) return []
  return (await plain.call('COMMAND', 'GETKEYS', ...command)) as string[]
}

async function undeclared(run: Run): Promise<string[]> {
  const touched = (await Promise.all(run.commands.map(keysOf))).flat()
  return touched.filter((key) => !run.declared.includes(key))
}

void t.test(
  'this comparison would see nothing: a script that touches an undeclared key of its slot runs, and is found',
  async (t) => {
    t.equal(await redis.eval(ROGUE, 1, '{rogue}:declared'), 'OK', 'Redis lets it pass')
    await watched()
    const run = runs.find(({ script }) => script === 'rogue')
    t.same(run?.declared, ['{rogue}:declared'])
    t.same(run === undefined ? [] : await undeclared(run), ['{rogue}:undeclared'])
  },
)

/** Commands after which a key may be empty, so that it is gone. */
const REMOVES = /^(?:del|hdel|srem|zrem.*)$/i

/**
 * Keys that a call touched after it had removed something from them. While a slot moves, a key that is not there is looked
 * for at the other node: a script that empties one and touches it again is broken off between two of its writes.
 */
async function touchedAfterRemoval(run: Run): Promise<string[]> {
  const removed = new Set<string>()
  const again: string[] = []
  for (const command of run.commands) {
    for (const key of await keysOf(command)) {
      if (removed.has(key)) again.push(command.join(' '))
      if (REMOVES.test(command[0] ?? '')) removed.add(key)
    }
  }
  return again
}

/** It begins only where the organization does not exist, and no script begins that lacks a key while its slot moves. */
const BEGINS_WITHOUT_A_KEY: readonly ScriptName[] = ['create-org']

/**
 * Of the books (lua/include/books.lua): adjustments are made in the open period only, and without a hold; what is freed or
 * given back crosses nothing.
 */
const UNUSED: Partial<Record<ScriptName, readonly string[]>> = {
  adjust: ['leases', 'alerts'],
  free: ['armed', 'fired', 'outbox', 'alerts'],
}

for (const script of SCRIPT_NAMES) {
  void t.test(
    `${script} would touch a key that it does not declare, and fail when a cluster moves its slot`,
    async (t) => {
      await watched()
      const calls = runs.filter((run) => run.script === script)
      t.ok(calls.length > 0, `${calls.length} calls were seen`)
      t.ok(calls.some(({ commands }) => commands.length > 0))
      const names: readonly string[] = SIGNATURES[script].keys
      const touched = new Set(UNUSED[script] ?? [])
      for (const run of calls) {
        const extra = await undeclared(run)
        if (extra.length > 0) t.fail(`undeclared: ${extra.join(', ')} of ${run.declared.join(', ')}`)
        for (const key of (await Promise.all(run.commands.map(keysOf))).flat())
          touched.add(names[run.declared.indexOf(key)] ?? 'a key of a list')
        const tags = new Set(run.declared.map((key) => /\{(.*?)\}/.exec(key)?.[1]))
        t.equal(tags.size, 1, `one slot: ${run.declared.join(', ')}`)
      }
      // Each single key was touched by one of the calls: so the branches that touch it were driven.
      t.same(
        names.filter((name) => !touched.has(name)),
        [],
        'every declared key has its use, and was seen in it',
      )
    },
  )
  void t.test(`${script} would be broken off halfway while its slot moves`, async (t) => {
    await watched()
    const calls = BEGINS_WITHOUT_A_KEY.includes(script) ? [] : runs.filter((run) => run.script === script)
    for (const run of calls) {
      const again = await touchedAfterRemoval(run)
      t.same(again, [], 'what it removes from, it does not touch again')
    }
  })
}

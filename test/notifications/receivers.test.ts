import t from 'tap'
import { failed, type SendResult } from '../../src/notifications/channels/channel.ts'
import { createReceivers, type Deferred, type Endpoint } from '../../src/notifications/receivers.ts'
import { until } from '../support/until.ts'

const SENT: SendResult = { status: 'sent' }
const MUTE = failed('no answer', { isUnavailable: true })
const REFUSED = failed('it answered 500')

const TO = { receiver: 'a', org: 'acme' }

/** Longer than any test runs: a delivery that waits gets a slot in the end, or is deferred for another reason. */
const PATIENT = 3_600_000

function setUp(perDestination = 2, patienceMs = 100) {
  const clock = { ms: 0 }
  const receivers = createReceivers({
    perDestination,
    retry: { attempts: 15, backoffMs: 100, maxBackoffMs: 400 },
    patienceMs,
    now: () => clock.ms,
  })
  let sends = 0
  return {
    clock,
    receivers,
    sends: () => sends,
    /** After many deliveries that took no time, a slot is expected at once. */
    makeQuick: async (to: Endpoint): Promise<void> => {
      for (let i = 0; i < 60; i += 1) await receivers.deliver(to, false, () => Promise.resolve(SENT))
    },
    deliver: (
      result: SendResult | Promise<SendResult>,
      isLast = false,
      to = TO,
    ): Promise<SendResult | Deferred> =>
      receivers.deliver(to, isLast, () => {
        sends += 1
        return Promise.resolve(result)
      }),
  }
}

/** A delivery that ends when the test says how. */
function pending(): { readonly result: Promise<SendResult>; readonly end: (result: SendResult) => void } {
  let end: (result: SendResult) => void = () => undefined
  const result = new Promise<SendResult>((resolve) => (end = resolve))
  return { result, end: (how) => end(how) }
}

void t.test(
  'a receiver has as many deliveries in flight as it may; if they take long, others are deferred, each to its own time',
  async (t) => {
    const { deliver, clock, sends } = setUp()
    const hanging = [pending(), pending()]
    const under = hanging.map(({ result }) => deliver(result))
    const waits: number[] = []
    for (let i = 0; i < 50; i += 1) {
      const turn = await deliver(SENT)
      if (turn.status !== 'deferred') return t.fail(turn.status)
      waits.push(turn.delayMs)
    }
    t.equal(sends(), 2)
    t.ok(waits.every((ms) => ms >= 50 && ms <= 400))
    t.ok(new Set(waits).size > 10, 'not all at the same moment')
    t.match(
      await deliver(SENT, false, { ...TO, receiver: 'b' }),
      { status: 'deferred' },
      'the organization has no slot either',
    )
    t.same(await deliver(SENT, false, { receiver: 'b', org: 'other' }), SENT, 'other organizations have')
    clock.ms = 80
    for (const { end } of hanging) end(SENT)
    await Promise.all(under)
    t.same(await deliver(SENT), SENT)
  },
)

void t.test(
  'three attempts without an answer open the circuit: a probe when it is over, longer each time, closed by an answer',
  async (t) => {
    const { deliver, clock, sends } = setUp()
    for (let i = 0; i < 3; i += 1) t.same(await deliver(MUTE), MUTE)
    for (const [pauseMs, answer] of [
      [100, MUTE],
      [200, MUTE],
      [400, MUTE],
      [400, SENT],
    ] as const) {
      const before = sends()
      clock.ms += pauseMs - 1
      t.match(await deliver(SENT), {
        status: 'failed',
        error: /^no answer; not tried/,
        retryAfterMs: 1,
        isUnavailable: true,
      })
      t.equal(sends(), before, 'nothing was sent')
      clock.ms += 1
      const probe = pending()
      const probing = deliver(probe.result)
      t.match(await deliver(SENT), { status: 'failed', isUnavailable: true }, 'one probe for all')
      probe.end(answer)
      t.same(await probing, answer)
    }
    t.same(await deliver(SENT), SENT)
  },
)

void t.test(
  'the last attempt of a delivery is sent although the circuit is open, within the concurrency limit',
  async (t) => {
    const { deliver } = setUp(1)
    for (let i = 0; i < 3; i += 1) await deliver(MUTE)
    const last = pending()
    const trying = deliver(last.result, true)
    t.match(await deliver(SENT, true), { status: 'deferred' })
    last.end(SENT)
    t.same(await trying, SENT)
  },
)

void t.test('a refusal is an answer: it keeps the circuit closed', async (t) => {
  const { deliver, sends } = setUp()
  for (let i = 0; i < 20; i += 1) {
    t.same(await deliver(i % 3 === 2 ? REFUSED : MUTE), i % 3 === 2 ? REFUSED : MUTE)
  }
  t.equal(sends(), 20)
})

void t.test('attempts in flight when the circuit opens do not lengthen the pause', async (t) => {
  const { deliver, clock } = setUp(10)
  const hanging = Array.from({ length: 10 }, pending)
  const under = hanging.map(({ result }) => deliver(result))
  for (const { end } of hanging) end(MUTE)
  await Promise.all(under)
  t.match(await deliver(SENT), { retryAfterMs: 100 })
  clock.ms += 100
  t.same(await deliver(SENT), SENT)
})

void t.test('a waiting delivery gets the next free slot, in order, and before a new one', async (t) => {
  const { receivers } = setUp(2, PATIENT)
  const started: string[] = []
  const start = (name: string, to: Endpoint = TO) => {
    const held = pending()
    const turn = receivers.deliver(to, false, () => {
      started.push(name)
      return held.result
    })
    return { turn, end: held.end }
  }
  const [one, two, three, four] = [start('1'), start('2'), start('3'), start('4')]
  await until(() => started.length === 2)
  one.end(SENT)
  t.same(await one.turn, SENT)
  const five = start('5')
  start('elsewhere', { receiver: 'b', org: 'other' })
  await until(() => started.length === 4)
  two.end(REFUSED)
  t.same(await two.turn, REFUSED)
  await until(() => started.length === 5)
  three.end(SENT)
  await until(() => started.length === 6)
  t.same(
    started.filter((name) => name !== 'elsewhere'),
    ['1', '2', '3', '4', '5'],
  )
  t.ok(
    started.indexOf('elsewhere') < started.indexOf('4'),
    'deliveries to another receiver do not wait for it',
  )
  for (const { turn, end } of [four, five]) {
    end(SENT)
    t.same(await turn, SENT)
  }
})

void t.test(
  'a delivery that waits for a slot of its organization holds none of the receiver’s',
  async (t) => {
    const { receivers, deliver } = setUp(1, PATIENT)
    const held = pending()
    const first = deliver(held.result)
    let isSent = false
    const second = receivers.deliver({ receiver: 'b', org: 'acme' }, false, () => {
      isSent = true
      return Promise.resolve(SENT)
    })
    t.same(await deliver(SENT, false, { receiver: 'b', org: 'other' }), SENT)
    t.notOk(isSent)
    held.end(SENT)
    t.same(await Promise.all([first, second]), [SENT, SENT])
  },
)

void t.test('a delivery that waited in vain goes back to the queue, and takes no slot later', async (t) => {
  const { deliver, makeQuick, sends } = setUp(2, 1)
  await makeQuick(TO)
  const before = sends()
  const hanging = [pending(), pending()]
  const under = hanging.map(({ result }) => deliver(result))
  for (const turn of await Promise.all([deliver(SENT), deliver(SENT), deliver(SENT)]))
    t.match(turn, { status: 'deferred' })
  for (const { end } of hanging) end(SENT)
  await Promise.all(under)
  t.equal(sends(), before + 2)
  t.same(await Promise.all([deliver(SENT), deliver(SENT)]), [SENT, SENT], 'both slots are free')
})

void t.test('close() defers the deliveries that wait, at once, and lets no other one wait', async (t) => {
  const { deliver, receivers } = setUp(2, PATIENT)
  const hanging = [pending(), pending()]
  const under = hanging.map(({ result }) => deliver(result))
  const waiting = [deliver(SENT), deliver(SENT)]
  receivers.close()
  for (const turn of await Promise.all([...waiting, deliver(SENT)])) t.match(turn, { status: 'deferred' })
  for (const { end } of hanging) end(SENT)
  t.same(await Promise.all(under), [SENT, SENT], 'deliveries in flight end as they would')
})

void t.test(
  'deliveries that waited while the circuit opened fail without being sent, except for last attempts',
  async (t) => {
    const { deliver, sends } = setUp(1, PATIENT)
    for (let i = 0; i < 2; i += 1) t.same(await deliver(MUTE), MUTE)
    const before = sends()
    const held = pending()
    const third = deliver(held.result)
    const waiting = [deliver(SENT), deliver(SENT), deliver(REFUSED, true), deliver(SENT)]
    held.end(MUTE)
    t.same(await third, MUTE)
    t.match(await Promise.all(waiting), [
      { status: 'failed', error: /not tried again so soon/ },
      { status: 'failed', error: /not tried again so soon/ },
      REFUSED,
      SENT,
    ])
    t.equal(sends(), before + 3, 'the third, the last attempt, and the one after its answer')
  },
)

void t.test('slots are never leaked nor taken twice, however deliveries end', async (t) => {
  const most = 3
  const { receivers, makeQuick } = setUp(most, 1)
  const hosts = ['a', 'b', 'c']
  const orgs = ['acme', 'other', null]
  const claims = hosts.flatMap((receiver) => orgs.map((org) => ({ receiver, org })))
  for (const claim of claims) await makeQuick(claim)
  const inFlight = new Map<string, number>()
  const count = ({ receiver, org }: Endpoint, by: number) => {
    for (const name of [receiver, ...(org === null ? [] : [`org ${org}`])]) {
      const now = (inFlight.get(name) ?? 0) + by
      inFlight.set(name, now)
      if (now > most) t.fail(`${now} at ${name}`)
    }
  }
  const ends = new Map<string, number>()
  let seed = 1
  const random = (below: number) => (seed = (seed * 48_271) % 2_147_483_647) % below
  async function worker(): Promise<void> {
    for (let i = 0; i < 200; i += 1) {
      const claim = claims[random(claims.length)] ?? TO
      const turns = random(6)
      const isBroken = random(10) === 0
      const end = await receivers
        .deliver(claim, false, async () => {
          count(claim, 1)
          for (let turn = 0; turn < turns; turn += 1) await new Promise(setImmediate)
          count(claim, -1)
          if (isBroken) throw new Error('broken')
          return SENT
        })
        .then(
          ({ status }) => status,
          (error: unknown) => String(error),
        )
      ends.set(end, (ends.get(end) ?? 0) + 1)
    }
  }
  await Promise.all(Array.from({ length: 20 }, worker))
  t.ok((ends.get('sent') ?? 0) > 0 && (ends.get('Error: broken') ?? 0) > 0)
  for (const receiver of hosts) {
    let started = 0
    const held = pending()
    const turns = Array.from({ length: most }, () =>
      receivers.deliver({ receiver, org: null }, false, () => {
        started += 1
        return held.result
      }),
    )
    await until(() => started === most, { what: `every slot of ${receiver} is free` })
    held.end(SENT)
    await Promise.all(turns)
  }
})

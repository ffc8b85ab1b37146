import t from 'tap'
import { failed, type SendResult } from '../../src/notices/channels/channel.ts'
import { createPlaces, type Turn } from '../../src/notices/places.ts'

const SENT: SendResult = { status: 'sent' }
const MUTE = failed('no answer', { isAway: true })
const REFUSED = failed('it answered 500')

const TO = { receiver: 'a', org: 'acme' }

function setUp(most = 2) {
  const clock = { ms: 0 }
  const places = createPlaces({ most, pauseMs: 100, longestMs: 400, now: () => clock.ms })
  let sends = 0
  return {
    clock,
    sends: () => sends,
    deliver: (result: SendResult | Promise<SendResult>, isLast = false, to = TO): Promise<Turn> =>
      places.deliver(to, isLast, () => {
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

void t.test('as many as may at the same time; who finds no place is told to come back in turn', async (t) => {
  const { deliver, clock, sends } = setUp()
  const hanging = [pending(), pending()]
  const under = hanging.map(({ result }) => deliver(result))
  const waits: number[] = []
  for (let i = 0; i < 50; i += 1) {
    const turn = await deliver(SENT)
    if (turn.status !== 'full') return t.fail(turn.status)
    waits.push(turn.waitMs)
  }
  t.equal(sends(), 2)
  t.ok(waits.every((ms) => ms >= 50 && ms <= 400))
  t.ok(new Set(waits).size > 10, 'not all at the same moment')
  t.match(
    await deliver(SENT, false, { ...TO, receiver: 'b' }),
    { status: 'full' },
    'nor does the organization',
  )
  t.same(await deliver(SENT, false, { receiver: 'b', org: 'other' }), SENT, 'others are not concerned')
  clock.ms = 80
  for (const { end } of hanging) end(SENT)
  await Promise.all(under)
  t.same(await deliver(SENT), SENT)
})

void t.test(
  'three without an answer: away, left alone, tried by one, longer each time, and back at once',
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
        isAway: true,
      })
      t.equal(sends(), before, 'nothing was sent')
      clock.ms += 1
      const probe = pending()
      const probing = deliver(probe.result)
      t.match(await deliver(SENT), { status: 'failed', isAway: true }, 'one tries for all')
      probe.end(answer)
      t.same(await probing, answer)
    }
    t.same(await deliver(SENT), SENT)
  },
)

void t.test('the last attempt of a delivery is made in any case, within the bound', async (t) => {
  const { deliver } = setUp(1)
  for (let i = 0; i < 3; i += 1) await deliver(MUTE)
  const last = pending()
  const trying = deliver(last.result, true)
  t.match(await deliver(SENT, true), { status: 'full' })
  last.end(SENT)
  t.same(await trying, SENT)
})

void t.test('an answer is an answer: what a receiver refuses says nothing about others', async (t) => {
  const { deliver, sends } = setUp()
  for (let i = 0; i < 20; i += 1) {
    t.same(await deliver(i % 3 === 2 ? REFUSED : MUTE), i % 3 === 2 ? REFUSED : MUTE)
  }
  t.equal(sends(), 20)
})

void t.test('those that were under way when it was found to be away do not lengthen the pause', async (t) => {
  const { deliver, clock } = setUp(10)
  const hanging = Array.from({ length: 10 }, pending)
  const under = hanging.map(({ result }) => deliver(result))
  for (const { end } of hanging) end(MUTE)
  await Promise.all(under)
  t.match(await deliver(SENT), { retryAfterMs: 100 })
  clock.ms += 100
  t.same(await deliver(SENT), SENT)
})

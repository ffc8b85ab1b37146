/** The retry policy on plain values: what each answer means, what follows from it, how long a wait is, when a circuit opens. */
import t from 'tap'
import type { UnixMs } from '../../src/core/units.ts'
import { failed, type SendResult } from '../../src/notifications/channels/channel.ts'
import {
  afterAttempt,
  circuitAfter,
  CLOSED,
  failFast,
  isFinal,
  isOpen,
  isPermanentStatus,
  notBefore,
  retryAfterMs,
  retryDelayMs,
  smtpFailure,
  type AfterAttempt,
  type Circuit,
  type Outcome,
  type RetrySettings,
} from '../../src/notifications/retry.ts'
import { DELIVERY_STATES } from '../../src/outbox/notice-log.ts'

/** The defaults. */
const SETTINGS: RetrySettings = { attempts: 15, backoffMs: 5_000, maxBackoffMs: 3_600_000 }
const SENT: SendResult = { status: 'sent' }
const UNAVAILABLE = failed('no answer', { isUnavailable: true })

void t.test('N2: each outcome of an attempt decides the state, and whether the delivery is retried', (t) => {
  const cases: readonly [string, Outcome, boolean, AfterAttempt][] = [
    ['sent', SENT, false, { state: 'sent', error: null }],
    ['sent by the last attempt', SENT, true, { state: 'sent', error: null }],
    [
      'nobody to send it to',
      { status: 'no_recipient', reason: 'the channel was deleted' },
      false,
      { state: 'no_recipients', error: 'the channel was deleted' },
    ],
    [
      'nobody to send the last attempt to',
      { status: 'no_recipient', reason: 'no longer a recipient' },
      true,
      { state: 'no_recipients', error: 'no longer a recipient' },
    ],
    [
      'a temporary failure',
      failed('it answered 500'),
      false,
      { state: 'failed', error: 'it answered 500', retryAfterMs: null },
    ],
    [
      'a temporary failure with Retry-After',
      failed('it answered 429', { retryAfterMs: 17_000 }),
      false,
      { state: 'failed', error: 'it answered 429', retryAfterMs: 17_000 },
    ],
    ['no answer', UNAVAILABLE, false, { state: 'failed', error: 'no answer', retryAfterMs: null }],
    ['a temporary failure of the last attempt', UNAVAILABLE, true, { state: 'parked', error: 'no answer' }],
    [
      'a permanent failure',
      failed('it answered 410', { permanent: true }),
      false,
      { state: 'parked', error: 'it answered 410' },
    ],
    [
      'a permanent failure that asks for a retry all the same',
      failed('it answered 410', { permanent: true, retryAfterMs: 1_000 }),
      false,
      { state: 'parked', error: 'it answered 410' },
    ],
  ]
  for (const [what, outcome, isLast, after] of cases) t.strictSame(afterAttempt(outcome, isLast), after, what)
  t.same(
    DELIVERY_STATES.filter(isFinal),
    ['sent', 'parked', 'no_recipients'],
    'the others have an attempt left',
  )
  t.end()
})

void t.test('N2: HTTP statuses that no retry changes are those of the kind of channel', (t) => {
  const permanent = (kind: 'webhook' | 'slack') =>
    Array.from({ length: 300 }, (_, i) => 300 + i).filter((status) => isPermanentStatus(kind, status))
  t.same(permanent('webhook'), [410])
  t.same(permanent('slack'), [400, 403, 404, 410])
  t.end()
})

void t.test('N2: Retry-After of a 429 or 503 is read as seconds and as a date, up to a day', (t) => {
  const now = Date.parse('2026-11-12T13:00:00Z')
  const cases: readonly [number, string | string[] | undefined, number | null][] = [
    [503, 'Thu, 12 Nov 2026 13:00:30 GMT', 30_000],
    [503, 'Thu, 12 Nov 2026 12:00:00 GMT', 0],
    [503, 'Thu, 12 Nov 2027 12:00:00 GMT', 86_400_000],
    [429, 'Thu, 99 Nov 2026 12:00:00 GMT', null],
    [429, '0', 0],
    [429, '17', 17_000],
    [429, '999999999', 86_400_000],
    [429, '9999999999', null],
    ...[undefined, '', '-1', '1.5', 'x', ['1', '2']].map(
      (none) => [429, none, null] as [number, string | string[] | undefined, null],
    ),
    ...[400, 410, 500, 502, 504].map((status) => [status, '17', null] as [number, string, null]),
  ]
  for (const [status, header, ms] of cases)
    t.equal(retryAfterMs(status, header, now), ms, `${status} ${String(header)}`)
  t.end()
})

void t.test(
  'N2: a 5xx about the mail is permanent; one about the login or the connection makes the server unavailable',
  (t) => {
    const cases: readonly [string, number, boolean, boolean][] = [
      ['RCPT TO', 550, true, false],
      ['MAIL FROM', 552, true, false],
      ['DATA', 554, true, false],
      ['RCPT TO', 450, false, false],
      ['DATA', 452, false, false],
      ['RCPT TO', 421, false, true],
      ['MAIL FROM', 530, false, true],
      ['AUTH PLAIN', 535, false, true],
      ['CONN', 554, false, true],
      ['EHLO', 421, false, true],
    ]
    for (const [command, code, permanent, isUnavailable] of cases)
      t.strictSame(smtpFailure(command, code), { permanent, isUnavailable }, `${command} ${code}`)
    t.end()
  },
)

void t.test(
  'N2: a wait is twice as long each time up to the bound, less a random part of up to half',
  (t) => {
    for (let made = 1; made <= 40; made += 1) {
      const whole = Math.min(5_000 * 2 ** (made - 1), 3_600_000)
      const waits = Array.from({ length: 200 }, () => retryDelayMs(SETTINGS, made, null))
      t.ok(waits.every((ms) => ms >= whole / 2 && ms <= whole))
      t.ok(new Set(waits).size > 100, 'deliveries that failed together are not retried together')
      t.equal(retryDelayMs(SETTINGS, made, null, 0), whole / 2)
      t.equal(retryDelayMs(SETTINGS, made, null, 1), whole)
    }
    t.equal(retryDelayMs(SETTINGS, 5_000, null, 1), 3_600_000, 'however many attempts are configured')
    t.end()
  },
)

void t.test('N2: all waits of a delivery together last 2.7 to 5.4 hours, as the documentation says', (t) => {
  const hours = (random: number): number => {
    let ms = 0
    for (let made = 1; made < SETTINGS.attempts; made += 1) ms += retryDelayMs(SETTINGS, made, null, random)
    return Math.round(ms / 360_000) / 10
  }
  t.same([hours(0), hours(1)], [2.7, 5.4])
  t.end()
})

void t.test('N2: a wait is as long as the receiver asked for, if that is longer', (t) => {
  t.equal(retryDelayMs(SETTINGS, 1, 60_000), 60_000)
  t.ok(retryDelayMs(SETTINGS, 1, 1) >= 2_500)
  t.ok(retryDelayMs(SETTINGS, 15, 60_000) >= 1_800_000)
  t.end()
})

void t.test('N2: no delivery is attempted before the shortest wait is over by the store’s clock', (t) => {
  const at = 1_000_000 as UnixMs
  t.equal(notBefore(SETTINGS, { state: 'failed', attempts: 1, at }), 1_002_500)
  t.equal(notBefore(SETTINGS, { state: 'failed', attempts: 3, at }), 1_010_000)
  t.equal(notBefore(SETTINGS, { state: 'failed', attempts: 14, at }), 2_800_000)
  t.equal(notBefore(SETTINGS, { state: 'queued', attempts: 0, at }), null)
  t.equal(notBefore(SETTINGS, { state: 'queued', attempts: 3, at }), null, 'redelivered: at once')
  for (let made = 1; made < 15; made += 1)
    t.ok(
      (notBefore(SETTINGS, { state: 'failed', attempts: made, at }) ?? 0) <=
        at + retryDelayMs(SETTINGS, made, null, 0),
      'the queue’s own wait is never shorter, so that it is not sent back by this rule',
    )
  t.end()
})

/** The circuit after these results, one after the other, each sent at `nowMs`. */
function after(results: readonly SendResult[], nowMs = 0, from: Circuit = CLOSED): Circuit {
  return results.reduce(
    (circuit, result) => circuitAfter(SETTINGS, circuit, result, { wasOpen: isOpen(circuit), nowMs }),
    from,
  )
}

void t.test(
  'N2: three consecutive attempts without an answer open the circuit, any answer closes it',
  (t) => {
    t.notOk(isOpen(after([UNAVAILABLE, UNAVAILABLE])))
    t.ok(isOpen(after([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE])))
    const answers = [
      SENT,
      failed('it answered 500'),
      failed('it answered 410', { permanent: true }),
      failed('it answered 429', { retryAfterMs: 1_000 }),
    ]
    for (const answer of answers) {
      t.equal(after([UNAVAILABLE, UNAVAILABLE, answer]), CLOSED, 'before it opens')
      t.equal(after([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, UNAVAILABLE, answer]), CLOSED, 'after a probe')
    }
    t.end()
  },
)

void t.test('N2: a circuit stays open twice as long after each probe that fails, up to a minute', (t) => {
  const open = [UNAVAILABLE, UNAVAILABLE]
  const pauses = Array.from({ length: 6 }, () => {
    open.push(UNAVAILABLE)
    return after(open, 1_000).openUntilMs - 1_000
  })
  t.same(pauses, [5_000, 10_000, 20_000, 40_000, 60_000, 60_000])
  const short = { ...SETTINGS, maxBackoffMs: 7_000 }
  const circuit = circuitAfter(short, after(open, 0), UNAVAILABLE, { wasOpen: true, nowMs: 0 })
  t.equal(circuit.openUntilMs, 7_000, 'and never longer than a delivery waits')
  t.end()
})

void t.test(
  'N2: attempts in flight when the circuit opened neither lengthen the pause nor replace its error',
  (t) => {
    const open = after([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE], 1_000)
    const late = failed('another error', { isUnavailable: true })
    t.equal(circuitAfter(SETTINGS, open, late, { wasOpen: false, nowMs: 3_000 }), open)
    t.equal(
      circuitAfter(SETTINGS, open, SENT, { wasOpen: false, nowMs: 3_000 }),
      CLOSED,
      'an answer closes it',
    )
    t.end()
  },
)

void t.test(
  'N2: an open circuit fails deliveries without sending them, until one of them is the probe',
  (t) => {
    t.equal(failFast(CLOSED, 0, 0), null)
    t.equal(failFast(after([UNAVAILABLE, UNAVAILABLE], 1_000), 3, 1_000), null)
    const open = after([UNAVAILABLE, UNAVAILABLE, UNAVAILABLE], 1_000)
    const refused = (ms: number) =>
      failed('no answer; not tried again so soon', { retryAfterMs: ms, isUnavailable: true })
    t.strictSame(failFast(open, 0, 1_000), refused(5_000))
    t.strictSame(failFast(open, 0, 5_999.5), refused(1))
    t.equal(failFast(open, 0, 6_000), null, 'the probe')
    t.strictSame(failFast(open, 1, 6_000), refused(0), 'while the probe is in flight')
    t.strictSame(
      afterAttempt(failFast(open, 0, 1_000) ?? SENT, false),
      { state: 'failed', error: 'no answer; not tried again so soon', retryAfterMs: 5_000 },
      'it counts as an attempt, and waits until a probe may be sent',
    )
    t.end()
  },
)

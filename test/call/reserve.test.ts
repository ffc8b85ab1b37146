/** What the ledger decides becomes an admission, or a refusal that says what to do (C3, E1). */
import t from 'tap'
import type { Caller, PricedCall } from '../../src/call/call.ts'
import { reserve, type Waiting } from '../../src/call/reserve.ts'
import type { Hold } from '../../src/core/hold.ts'
import { NOTHING, wholeCredits, type UnixMs } from '../../src/core/units.ts'
import { isRefusal } from '../../src/errors.ts'
import type { Decision, Ledger, Reservation, ReserveResult } from '../../src/ledger/ledger.ts'
import { createPriceBook } from '../../src/prices/price-book.ts'
import { price } from '../../src/call/price.ts'
import { StoreUnavailable } from '../../src/store/unavailable.ts'
import { shapeOfBody } from '../support/calls.ts'

const CALLER: Caller = { org: 'acme', user: 'ada', source: 'workflow', mayEnroll: true }
const HOLD = { id: 'h1', amount: wholeCredits(1) } as Hold
const WAITING: Waiting = { mayPass: false, waitedMs: 0, isGone: () => false }

function priced(bound = true): PricedCall {
  const shape = shapeOfBody(Buffer.alloc(300, ' '), {
    maxOutput: 1_000,
    maxOutputField: 'max_tokens',
    ...(bound ? {} : { promptTokensBound: null }),
  })
  const book = createPriceBook({
    creditsPerUsd: 100,
    models: { m: { input: 10, output: 50 } },
    unknownModel: 'reject',
  })
  const call = price(book, null, shape)
  if (isRefusal(call)) throw new Error(call.message)
  return call
}

const decision = (left: number, hideAmounts = false): Decision => ({
  now: Date.UTC(2026, 0, 10) as UnixMs,
  period: { no: 1, start: Date.UTC(2026, 0, 1) as UnixMs, end: Date.UTC(2026, 1, 1) as UnixMs },
  standing: { used: wholeCredits(9), counted: wholeCredits(9), held: NOTHING, limit: wholeCredits(9 + left) },
  required: wholeCredits(5),
  timezone: 'UTC',
  explanation: { text: null, contact: null, hideAmounts },
  orgName: 'Acme',
  admins: [],
})

/** A ledger that answers so, and remembers what it was asked. */
function ledgerOf(result: ReserveResult | Error) {
  const asked: Reservation[] = []
  const ledger: Pick<Ledger, 'reserve' | 'letThrough'> = {
    reserve: (reservation) => {
      asked.push(reservation)
      return result instanceof Error ? Promise.reject(result) : Promise.resolve(result)
    },
    letThrough: () => Promise.resolve({ ...HOLD, id: '', ticket: 7 } as unknown as Hold),
  }
  return { ledger, asked }
}

void t.test('C3: an admitted call has its hold, and what was asked is the whole of the price', async (t) => {
  const call = priced()
  const { ledger, asked } = ledgerOf({ status: 'reserved', hold: HOLD, decision: decision(1) })
  t.match(await reserve(ledger, CALLER, call, WAITING), { hold: HOLD, decision: { orgName: 'Acme' } })
  t.match(asked, [
    {
      ...{ org: 'acme', user: 'ada', source: 'workflow', model: 'm', mayEnroll: true, mayPass: false },
      ...{ worstCase: call.worstCase, strictWorstCase: call.strictWorstCase, promptPrice: call.promptPrice },
    },
  ])
})

const resetsAt = Date.UTC(2026, 1, 1)
for (const [what, result, call, expected] of [
  [
    'E1b: a limit that is reached',
    { status: 'denied', decision: decision(0) },
    priced(),
    { code: 'user_credit_limit_reached', resetsAt, facts: { required: wholeCredits(5) } },
  ],
  [
    'E3: amounts that are hidden',
    { status: 'denied', decision: decision(0, true) },
    priced(),
    { code: 'user_credit_limit_reached', facts: null },
  ],
  [
    'E1c: a call too large names the largest output that fits',
    { status: 'too_large', decision: decision(1) },
    priced(),
    { code: 'request_exceeds_credit_limit', message: /max_tokens.*\b140\b/ },
  ],
  [
    'E1d: calls in flight',
    { status: 'busy', decision: decision(1) },
    priced(),
    { code: 'credits_in_flight', retryAfterSeconds: 1 },
  ],
  [
    'E1: an output without a bound',
    { status: 'unbounded', decision: decision(1) },
    priced(),
    { code: 'unbounded_request', param: 'max_tokens' },
  ],
  [
    'E1: a prompt without a bound',
    { status: 'unbounded', decision: decision(1) },
    priced(false),
    { code: 'unbounded_request', param: null },
  ],
  ['A4: no member', { status: 'unknown_user' }, priced(), { code: 'unknown_user', message: /'ada'/ }],
  ['A4: no organization', { status: 'unknown_org' }, priced(), { code: 'invalid_api_key' }],
] as const satisfies readonly (readonly [string, ReserveResult, PricedCall, object])[])
  void t.test(`${what}: refused by its code`, async (t) => {
    const { ledger } = ledgerOf(result)
    t.match(await reserve(ledger, CALLER, call, WAITING), { refused: true, ...expected })
  })

void t.test(
  'D1: a store that does not answer refuses, and lets pass only what may and still has a caller',
  async (t) => {
    const down = (): Pick<Ledger, 'reserve' | 'letThrough'> =>
      ledgerOf(new StoreUnavailable('no answer')).ledger
    await t.rejects(reserve(down(), CALLER, priced(), WAITING), StoreUnavailable)
    const gone = { ...WAITING, mayPass: true, isGone: () => true }
    await t.rejects(reserve(down(), CALLER, priced(), gone), StoreUnavailable)
    const passed = await reserve(down(), CALLER, priced(), { ...WAITING, mayPass: true })
    t.match(passed, { hold: { id: '', ticket: 7 }, decision: null })
  },
)

void t.test('a fault that is none of the store’s lets nothing pass', async (t) => {
  const { ledger } = ledgerOf(new TypeError('ours'))
  await t.rejects(reserve(ledger, CALLER, priced(), { ...WAITING, mayPass: true }), TypeError)
})

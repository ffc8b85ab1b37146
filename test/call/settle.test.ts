/** How an exchange that ended so is charged, or not (C5). */
import t from 'tap'
import { LOST, type Outcome, type PricedCall } from '../../src/call/call.ts'
import { price } from '../../src/call/price.ts'
import { settle } from '../../src/call/settle.ts'
import type { Charge, Hold } from '../../src/core/hold.ts'
import { NOT_SAID, type Unpriced } from '../../src/core/reports.ts'
import { NO_USAGE } from '../../src/core/tariff.ts'
import { microcredits } from '../../src/core/units.ts'
import { isRefusal } from '../../src/errors.ts'
import type { Reading } from '../../src/families/family.ts'
import { createPriceBook } from '../../src/prices/price-book.ts'
import { shapeOfBody } from '../support/calls.ts'

/** 1,000 microcredits a token of input, 5,000 of output. */
const book = createPriceBook({
  creditsPerUsd: 100,
  models: { m: { input: 10, output: 50 } },
  unknownModel: 'reject',
})

function priced(): PricedCall {
  // 300 bytes: 100 tokens by the estimate, at most 300.
  const shape = shapeOfBody(Buffer.alloc(300, ' '))
  const call = price(book, null, shape)
  if (isRefusal(call)) throw new Error(call.message)
  return call
}

const reading = (rest: Partial<Reading>): Reading => ({
  ...{ usage: null, guessedPrompt: false, guessedOutput: 0, webSearches: 0, model: null },
  ...{ served: NOT_SAID, unpriced: [], isError: false, textBytes: 0 },
  ...rest,
})

const ANSWERED: Outcome = { ...LOST, status: 200, firstByteMs: 1, complete: true, failure: null }
const usage = { ...NO_USAGE, input: 20, output: 4 }
const REPORTED = 20 * 1_000 + 4 * 5_000
const PROMPT = 100 * 1_000

function settled(outcome: Partial<Outcome>, held?: number) {
  const call = priced()
  let freed = 0
  const charges: Charge[] = []
  const unpriced: Unpriced[] = []
  const charge = settle(
    {
      ledger: { settle: (_hold, made) => void charges.push(made), free: () => void (freed += 1) },
      book,
      unpriced: { note: (_upstream, _model, some) => void unpriced.push(...some) },
    },
    { name: 'stub', priceProvider: null },
    { amount: microcredits(held ?? call.worstCase) } as Hold,
    call,
    { ...ANSWERED, ...outcome },
  )
  return { cost: charge?.cost ?? null, freed, charges, unpriced }
}

for (const [what, outcome] of [
  ['was never sent', { sent: false, status: null, complete: false, failure: 'unreachable' }],
  ['the provider refused', { status: 429, reading: reading({}) }],
  ['the provider failed on', { status: 500, reading: reading({}) }],
  ['was answered by an error in place of an answer', { reading: reading({ isError: true }) }],
] as const satisfies readonly (readonly [string, Partial<Outcome>])[])
  void t.test(`C5: a call that ${what} costs nothing: its hold is freed, once`, (t) => {
    t.match(settled(outcome), { cost: null, freed: 1, charges: [] })
    t.end()
  })

for (const [what, outcome, cost] of [
  ['what was reported', { reading: reading({ usage }) }, REPORTED],
  ['what was reported with an error', { status: 500, reading: reading({ usage, isError: true }) }, REPORTED],
  [
    'what was reported before the answer broke',
    { reading: reading({ usage }), complete: false, failure: 'broken' },
    REPORTED,
  ],
  ['the prompt, where the answer never came', { status: null, failure: 'timeout', complete: false }, PROMPT],
  ['the prompt, where nothing was read', { reading: null }, PROMPT],
  [
    'the prompt and the text so far, where no report came',
    { reading: reading({ textBytes: 20 }) },
    PROMPT + 5 * 5_000,
  ],
  ['no more text than the request allows', { reading: reading({ textBytes: 4_000 }) }, PROMPT + 10 * 5_000],
  [
    'the prompt by the estimate, where only the output was reported',
    { reading: reading({ usage, guessedPrompt: true }) },
    PROMPT + 4 * 5_000,
  ],
  ['zeros as told, where the answer is whole', { reading: reading({ usage: NO_USAGE }) }, 0],
  [
    'the estimate, where zeros opened an answer that broke',
    { reading: reading({ usage: NO_USAGE, textBytes: 20 }), complete: false },
    PROMPT + 5 * 5_000,
  ],
] as const satisfies readonly (readonly [string, Partial<Outcome>, number])[])
  void t.test(`C5: charged is ${what}`, (t) => {
    const { charges, freed, cost: charged } = settled(outcome)
    t.equal(charged, cost)
    t.equal(charges.length, 1)
    t.equal(freed, 0)
    t.end()
  })

void t.test('C4: under a strict hold no guess passes it, and a report does', (t) => {
  const call = priced()
  const strict = call.strictWorstCase ?? 0
  const wild = reading({ usage: { ...usage, input: 1_000_000 } })
  t.equal(settled({ reading: wild }, strict).cost, 1_000_000 * 1_000 + 4 * 5_000)
  const guess = reading({ usage: { ...usage, output: 1_000_000 }, guessedOutput: 999_996 })
  t.ok(Number(settled({ reading: guess }, strict).cost) <= strict)
  t.end()
})

void t.test('C10: what has no price is noted, with what was charged in its place', (t) => {
  const unpriced: Unpriced[] = [{ kind: 'token_kind', name: 'odd_tokens' } as unknown as Unpriced]
  t.match(settled({ reading: reading({ usage, unpriced }) }), { cost: REPORTED, unpriced })
  const searched = reading({ usage: { ...usage, webSearches: 2 } })
  t.match(settled({ reading: searched }).unpriced, [{ kind: 'server_tool', name: 'web_search' }])
  t.end()
})

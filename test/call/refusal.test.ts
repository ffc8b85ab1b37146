/** A refusal on the wire, and how each code is counted. */
import t from 'tap'
import { outcomeOf, outcomeOfExchange, writeRefusal } from '../../src/call/refusal.ts'
import { LOST } from '../../src/call/call.ts'
import { ERRORS, refuse, type ErrorCode } from '../../src/errors.ts'
import { familyOf } from '../../src/families/index.ts'
import { listenWith } from '../support/calls.ts'

const CODES = Object.keys(ERRORS) as readonly ErrorCode[]

void t.test('every code is answered with its status, in each API’s format, and never cached', async (t) => {
  for (const family of ['openai', 'anthropic', 'gemini', 'generic'] as const) {
    let code: ErrorCode = 'overloaded'
    const { url } = await listenWith(t, ({ response }) =>
      writeRefusal(response, familyOf({ family }), refuse(code, 'Why.'), ['x-request-id', 'r1'], 'r1'),
    )
    for (code of CODES) {
      const answer = await fetch(url)
      const text = await answer.text()
      t.equal(answer.status, ERRORS[code].status, `${family} ${code}`)
      t.match(text, 'Why.')
      t.match(text.toLowerCase(), code)
      t.match(Object.fromEntries(answer.headers), { 'cache-control': 'no-store', 'x-request-id': 'r1' })
    }
  }
})

void t.test('E2: a 402 tells SDKs not to try again; what passes in a moment says when to', async (t) => {
  let code: ErrorCode = 'user_credit_limit_reached'
  const { url } = await listenWith(t, ({ response }) =>
    writeRefusal(response, familyOf({ family: 'openai' }), refuse(code, 'Why.'), [], 'r1'),
  )
  const denied = await fetch(url)
  t.match(Object.fromEntries(denied.headers), { 'x-should-retry': 'false', 'retry-after': undefined })
  code = 'credits_in_flight'
  const busy = await fetch(url)
  t.match(Object.fromEntries(busy.headers), { 'x-should-retry': undefined, 'retry-after': '1' })
})

void t.test('nothing is written into an answer that has begun', async (t) => {
  const { url } = await listenWith(t, ({ response }) => {
    response.writeHead(200, { 'content-type': 'text/plain' })
    writeRefusal(response, familyOf({ family: 'openai' }), refuse('overloaded', 'Why.'), [], 'r1')
    response.end('as it was')
  })
  const answer = await fetch(url)
  t.equal(answer.status, 200)
  t.equal(await answer.text(), 'as it was')
})

void t.test(
  'every code is counted as one outcome: only limits are denied, only the store is store_down',
  (t) => {
    const by = (outcome: string): readonly string[] => CODES.filter((code) => outcomeOf(code) === outcome)
    t.same(by('denied'), ['user_credit_limit_reached', 'request_exceeds_credit_limit'])
    t.same(by('store_down'), ['credit_store_unavailable'])
    t.same(by('upstream_error'), ['upstream_unreachable', 'upstream_timeout'])
    t.same([...by('busy')].sort(), [
      'credits_in_flight',
      'identity_unavailable',
      'overloaded',
      'shutting_down',
    ])
    t.same([...by('unauthorized')].sort(), [
      'invalid_api_key',
      'source_not_allowed',
      'unknown_user',
      'user_not_allowed',
      'user_required',
    ])
    t.same(by('ok'), [])
    t.end()
  },
)

void t.test('how an exchange is counted: who left, what failed, what the provider said', (t) => {
  const ended = { ...LOST, failure: null, complete: true }
  t.equal(outcomeOfExchange({ ...ended, status: 200 }), 'ok')
  t.equal(outcomeOfExchange({ ...ended, status: 429 }), 'ok', 'the provider’s own answer')
  t.equal(outcomeOfExchange({ ...ended, status: 500 }), 'upstream_error')
  t.equal(outcomeOfExchange({ ...ended, status: null, failure: 'timeout' }), 'upstream_error')
  t.equal(outcomeOfExchange({ ...ended, status: 200, failure: 'broken', clientGone: true }), 'client_gone')
  t.end()
})

/**
 * What a provider says that a call used, where that is nonsense: nothing of it corrupts a counter, makes a call free, or
 * passes a strict limit unpaid. What cannot be believed counts as missing, and then the estimate is charged (C5).
 */
import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { createOrg } from '../support/gateway.ts'
import { books } from '../support/ledger.ts'
import { chatBody, chunkEvent, DONE_EVENT, postChat } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'

/** 91 bytes of prompt are 31 tokens at 1,000 microcredits; 12 bytes of text are 3 at 10,000. */
const ESTIMATE = 0.031 + 0.03
const TEXT = 'Hello there.'

const { store, origin, start } = await openStage()
const gateway = await start()
const strict = await createOrg(gateway, { admission: 'strict', limit: 1_000 })

interface Case {
  /** JSON text of the usage; null leaves it out. */
  readonly usage: string | null
  /** Credits that are charged. */
  readonly cost: number
}

/** Not with `JSON.stringify`: 1e400 and keys that stand twice would be lost. */
const CASES: Readonly<Record<string, Case>> = {
  absent: { usage: null, cost: ESTIMATE },
  null: { usage: 'null', cost: ESTIMATE },
  'a text': { usage: '"20"', cost: ESTIMATE },
  'a list': { usage: '[{"prompt_tokens":20,"completion_tokens":10}]', cost: ESTIMATE },
  'an empty object': { usage: '{}', cost: ESTIMATE },
  'nested once more': { usage: '{"usage":{"prompt_tokens":20,"completion_tokens":10}}', cost: ESTIMATE },
  'a negative prompt': { usage: '{"prompt_tokens":-20,"completion_tokens":10}', cost: ESTIMATE },
  'a negative completion': { usage: '{"prompt_tokens":20,"completion_tokens":-10}', cost: ESTIMATE },
  'negative zero': { usage: '{"prompt_tokens":-0,"completion_tokens":-0}', cost: ESTIMATE },
  zero: { usage: '{"prompt_tokens":0,"completion_tokens":0,"total_tokens":0}', cost: ESTIMATE },
  fractions: { usage: '{"prompt_tokens":20.5,"completion_tokens":10.5}', cost: ESTIMATE },
  texts: { usage: '{"prompt_tokens":"20","completion_tokens":"10"}', cost: ESTIMATE },
  '1e308': { usage: '{"prompt_tokens":1e308,"completion_tokens":10}', cost: ESTIMATE },
  '1e400': { usage: '{"prompt_tokens":20,"completion_tokens":1e400}', cost: ESTIMATE },
  '2^53 + 1': { usage: '{"prompt_tokens":20,"completion_tokens":9007199254740993}', cost: ESTIMATE },
  'the word NaN': { usage: '{"prompt_tokens":"NaN","completion_tokens":10}', cost: ESTIMATE },
  'NaN, which is no JSON': { usage: '{"prompt_tokens":NaN,"completion_tokens":10}', cost: ESTIMATE },
  booleans: { usage: '{"prompt_tokens":true,"completion_tokens":false}', cost: ESTIMATE },
  'a completion that is null beside a prompt': {
    usage: '{"prompt_tokens":20,"completion_tokens":null}',
    cost: 0.02 + 0.03,
  },
  'less input than what is said to be cached': {
    // The two are beside each other, and cached input has no price of its own here.
    usage: '{"prompt_tokens":20,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":500}}',
    cost: 0.62,
  },
  'a negative detail': {
    usage: '{"prompt_tokens":20,"completion_tokens":10,"prompt_tokens_details":{"cached_tokens":-500}}',
    cost: 0.12,
  },
  'more reasoning than output': {
    usage:
      '{"prompt_tokens":20,"completion_tokens":10,"completion_tokens_details":{"reasoning_tokens":5000}}',
    cost: 0.12,
  },
  'a total that contradicts': {
    usage: '{"prompt_tokens":20,"completion_tokens":10,"total_tokens":1}',
    cost: 0.12,
  },
  'figures twice, of which the last count': {
    usage: '{"prompt_tokens":1,"prompt_tokens":20,"completion_tokens":1,"completion_tokens":10}',
    cost: 0.12,
  },
  'names of what objects have': {
    usage:
      '{"__proto__":{"prompt_tokens":1},"constructor":{"x":1},"prompt_tokens":20,"completion_tokens":10}',
    cost: 0.12,
  },
}

const wholeAnswer = (usage: string | null): string =>
  `{"model":"test-model","choices":[{"message":{"content":"${TEXT}"}}]${usage === null ? '' : `,"usage":${usage}`}}`
const streamedAnswer = (usage: string | null): string =>
  `${chunkEvent(TEXT)}${usage === null ? '' : `data: {"model":"test-model","choices":[],"usage":${usage}}\n\n`}${DONE_EVENT}`

for (const [name, { usage, cost }] of Object.entries(CASES)) {
  for (const stream of [false, true]) {
    void t.test(
      `C2, C5: usage that is ${name}, ${stream ? 'in a stream' : 'in a whole answer'}: ${cost} credits, and every sum agrees`,
      async (t) => {
        const org = await createOrg(gateway)
        origin.answer = (_request, response) => {
          response.writeHead(200, { 'content-type': stream ? 'text/event-stream' : 'application/json' })
          response.end(stream ? streamedAnswer(usage) : wholeAnswer(usage))
        }
        // The splice that asks for usage is no part of the prompt.
        const body = stream ? chatBody({ stream: true }) : chatBody()
        const answer = await postChat(gateway.dataUrl, org.key, body)
        t.equal(answer.status, 200)
        await answer.arrayBuffer()
        const extra = stream && cost === ESTIMATE ? Math.ceil(body.length / 3) - 31 : 0
        const want = Math.round(cost * 1e6) + extra * 1_000
        t.equal(Math.round((await org.usedWhenIdle()) * 1e6), want)
        t.same(await books(store, org.id, ['ada']), {
          used: want,
          held: 0,
          usersUsed: want,
          usersHeld: 0,
          openHolds: 0,
          days: want,
          models: want,
          leases: 0,
        })
        for (const value of Object.values(await store.hgetall(keys.user(org.id, 1, 'ada'))))
          t.match(value, /^[\w|.-]*(?: \d+)*$/, 'a counter is whole and not negative')
      },
    )
  }
}

void t.test(
  'C4: a report beyond the worst case is charged in full and counted; the next call meets the limit',
  async (t) => {
    const before = await gateway.metric('tollgate_hold_exceeded_total')
    origin.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(wholeAnswer('{"prompt_tokens":20,"completion_tokens":1000000000}'))
    }
    t.equal((await postChat(gateway.dataUrl, strict.key)).status, 200)
    t.equal(await strict.usedWhenIdle(), 10_000_000.02)
    t.equal((await gateway.metric('tollgate_hold_exceeded_total')) - before, 1)
    const refused = await postChat(gateway.dataUrl, strict.key)
    t.equal(refused.status, 402, await refused.text())
  },
)

void t.test(
  'C4: without a report that can be believed, a strict limit holds, whatever was written',
  async (t) => {
    const org = await createOrg(gateway, { admission: 'strict', limit: 2 })
    origin.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(
        `{"choices":[{"message":{"content":"${'x'.repeat(100_000)}"}}],"usage":{"prompt_tokens":-1}}`,
      )
    }
    t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
    t.equal(await org.usedWhenIdle(), 0.031 + 1, 'its prompt and all the output that it allows, and no more')
    t.equal((await postChat(gateway.dataUrl, org.key)).status, 402)
  },
)

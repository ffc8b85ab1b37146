/** C9: what is reported by user, source, model and day adds up to the counters, after random traffic through the gateway. */
import fc from 'fast-check'
import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { createOrg, OPERATOR_TOKEN } from '../support/gateway.ts'
import { chatBody, chatAnswer } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const SOURCES = ['chat', 'workflow', 'agent_deployment'] as const
const USERS = ['ada', 'bob', 'eve', 'u|1', 'u+2@example.com']
/** US dollars per million tokens, so chosen that a call costs fractions of a credit down to the last microcredit. */
const MODELS: Record<string, { input: number; output: number }> = {
  'test-model': { input: 10, output: 100 },
  'vendor/model.v2:free': { input: 0.1234, output: 0.0567 },
  tiny: { input: 0.01, output: 0.03 },
}

interface Sum {
  readonly credits: number
  readonly calls: number
  readonly inputTokens: number
  readonly outputTokens: number
}
type Item = Sum & { readonly key: string }
interface Usage {
  readonly items: readonly Item[]
  readonly next: string | null
  readonly total: Sum
}

const { store, origin, start } = await openStage()
const gateway = await start({
  config: { prices: { models: MODELS } },
})

/** Whole microcredits of a decimal that the API shows, digit by digit. */
function micros(credits: number): bigint {
  const [whole = '', decimals = ''] = String(credits).split('.')
  if (decimals.length > 6) throw new Error(`more than six decimals: ${credits}`)
  return BigInt(whole) * 1_000_000n + BigInt(decimals.padEnd(6, '0'))
}

const usageOf = async (org: string, query: string): Promise<Usage> =>
  (await gateway.admin('GET', `/v1/orgs/${org}/usage?${query}`)) as Usage

async function everyItem(org: string, query: string): Promise<Item[]> {
  const items: Item[] = []
  let cursor = ''
  do {
    const page = await usageOf(org, `${query}&limit=2${cursor}`)
    items.push(...page.items)
    cursor = page.next === null ? '' : `&cursor=${page.next}`
  } while (cursor !== '')
  return items
}

interface Call {
  readonly user: string
  readonly source: string
  readonly model: string
  readonly input: number
  readonly output: number
}

/** Rounded up once a call to the next microcredit: a dollar is 100 credits, so $1 per million tokens is 100 a token. */
function costOf({ model, input, output }: Call): bigint {
  const price = MODELS[model]
  if (price === undefined) throw new Error(model)
  const tenThousandths = (usd: number): bigint => BigInt(Math.round(usd * 10_000))
  const sum = BigInt(input) * tenThousandths(price.input) + BigInt(output) * tenThousandths(price.output)
  return (sum + 99n) / 100n
}

function expected(calls: readonly Call[], keyOf: (call: Call) => string): Map<string, bigint[]> {
  const sums = new Map<string, bigint[]>()
  for (const call of calls) {
    const [credits = 0n, count = 0n, input = 0n, output = 0n] = sums.get(keyOf(call)) ?? []
    sums.set(keyOf(call), [
      credits + costOf(call),
      count + 1n,
      input + BigInt(call.input),
      output + BigInt(call.output),
    ])
  }
  return sums
}

const numbers = ({ credits, calls, inputTokens, outputTokens }: Sum): bigint[] => [
  micros(credits),
  BigInt(calls),
  BigInt(inputTokens),
  BigInt(outputTokens),
]

void t.test(
  'C9: after random traffic the sums by user, source, model and day are the counters, to the microcredit',
  async (t) => {
    const org = await createOrg(gateway, { limit: null })
    for (const user of USERS) {
      await gateway.admin('PUT', `/v1/orgs/${org.id}/members/${encodeURIComponent(user)}`, {})
    }
    const key = await org.createKey({ name: 'app', app: true, sources: SOURCES })
    const seed = Date.now() % 1_000_000
    const calls = fc.sample(
      fc.record({
        user: fc.constantFrom(...USERS),
        source: fc.constantFrom(...SOURCES),
        model: fc.constantFrom(...Object.keys(MODELS)),
        input: fc.integer({ min: 1, max: 5_000 }),
        output: fc.integer({ min: 1, max: 5_000 }),
      }),
      { numRuns: 120, seed },
    )
    t.comment(`seed ${seed}`)
    origin.answer = ({ body }, response) => {
      const { user } = JSON.parse(body) as { user: string }
      const { input, output } = calls[Number(user)] ?? { input: 0, output: 0 }
      const usage = { prompt_tokens: input, completion_tokens: output }
      response.writeHead(200, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ model: calls[Number(user)]?.model, choices: [], usage }))
    }
    const send = async ({ user, source, model }: Call, index: number): Promise<void> => {
      const response = await fetch(`${gateway.openaiUrl}/chat/completions`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${key}`,
          'content-type': 'application/json',
          'x-tollgate-user': user,
          'x-tollgate-source': source,
        },
        body: chatBody({ model, user: String(index) }),
      })
      await response.arrayBuffer()
      if (response.status !== 200) throw new Error(`${response.status}`)
    }
    await Promise.all(calls.map(send))
    await until(async () => (await store.hget(keys.total(org.id, 1), 'held')) === '0')

    // A run over midnight has two days, and whatever the days are, together they are all of it.
    const ways: readonly (readonly [string, Map<string, bigint[]> | null])[] = [
      ['user', expected(calls, ({ user }) => user)],
      ['source', expected(calls, ({ source }) => source)],
      ['model', expected(calls, ({ model }) => model)],
      ['day', null],
    ]
    const used = BigInt((await store.hget(keys.total(org.id, 1), 'used')) ?? '0')
    t.equal(
      used,
      calls.reduce((sum, call) => sum + costOf(call), 0n),
      'the counter itself',
    )
    for (const [by, sums] of ways) {
      const items = await everyItem(org.id, `by=${by}`)
      const { total } = await usageOf(org.id, `by=${by}`)
      t.equal(micros(total.credits), used, `${by}: the total is the organization’s counter`)
      const added = [0, 1, 2, 3].map((at) => items.reduce((sum, item) => sum + (numbers(item)[at] ?? 0n), 0n))
      t.same(added, numbers(total), `${by}: the items add up to the total, calls and tokens too`)
      if (sums === null) continue
      t.same(new Map(items.map((item) => [item.key, numbers(item)])), sums, `${by}: each of them`)
      for (const [at, item] of items.entries()) {
        if (at > 0) t.ok((items[at - 1]?.credits ?? 0) >= item.credits, `${by}: most used first`)
      }
    }
    for (const user of USERS) {
      const mine = calls.filter((call) => call.user === user)
      const counters = await store.hmget(
        keys.user(org.id, 1, user),
        ...SOURCES.map((source) => `used:${source}`),
      )
      const counter = counters.reduce((sum, part) => sum + BigInt(part ?? 0), 0n)
      t.equal(
        counter,
        mine.reduce((sum, call) => sum + costOf(call), 0n),
        `${user}: the counter`,
      )
      for (const by of ['source', 'model', 'day', 'user']) {
        const { items, total } = await usageOf(org.id, `by=${by}&user=${encodeURIComponent(user)}`)
        const sum = items.reduce((added, { credits }) => added + micros(credits), 0n)
        t.equal(
          sum,
          mine.reduce((added, call) => added + costOf(call), 0n),
          `${user} by ${by}`,
        )
        t.equal(micros(total.credits), sum, `${user} by ${by}: its total`)
      }
    }
  },
)

void t.test(
  'C9: the CSV has the same figures as the pages, and another organization’s admin gets a 404',
  async (t) => {
    const org = await createOrg(gateway)
    await gateway.admin('PUT', `/v1/orgs/${org.id}/members/boss`, { role: 'admin' })
    const { key } = (await gateway.admin('POST', `/v1/orgs/${org.id}/keys`, {
      name: 'k',
      user: 'boss',
      scope: 'admin',
    })) as { key: string }
    origin.answer = (_request, response) => chatAnswer(response)
    const response = await fetch(`${gateway.openaiUrl}/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${org.key}`, 'content-type': 'application/json' },
      body: chatBody(),
    })
    t.equal(response.status, 200)
    await org.usedWhenIdle()
    const csv = async (token: string, of = org.id): Promise<Response> =>
      fetch(`${gateway.adminUrl}/v1/orgs/${of}/usage?by=model&format=csv`, {
        headers: { authorization: `Bearer ${token}` },
      })
    const file = await csv(key)
    t.equal(file.status, 200)
    t.match(
      file.headers.get('content-disposition'),
      /^attachment; filename="usage-org-.*-by-model-\d.*\.csv"$/,
    )
    t.equal(await file.text(), 'model,credits,calls,inputTokens,outputTokens\r\ntest-model,0.12,1,20,10\r\n')
    const other = await createOrg(gateway)
    t.equal((await csv(key, other.id)).status, 404, 'A1')
    t.equal((await csv('wrong')).status, 401, 'A1')
    t.equal((await csv(OPERATOR_TOKEN)).status, 200, 'the operator')
  },
)

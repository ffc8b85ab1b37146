/**
 * A gateway in front of every provider's API as @copilotkit/aimock implements it, and the accounts that its tests
 * compare. An origin of the tests answers what aimock does not support (token counting, details of usage, Gemini's list
 * of models).
 */
import { once } from 'node:events'
import { request as httpRequest, type ServerResponse } from 'node:http'
import { LLMock } from '@copilotkit/aimock'
import type { Test } from 'tap'
import * as keys from '../../src/store/keys.ts'
import { startGateway, type TestGateway, type TestOrg } from './gateway.ts'
import { books, openClient } from './ledger.ts'
import { startOrigin, type Origin } from './origin.ts'
import { startRedis } from './redis.ts'

export const PROVIDERS_KEY = 'sk-the-providers-own'

/** Thousandths of a US dollar per million tokens; an absent price is that of input. */
interface Price {
  readonly input: bigint
  readonly cached: bigint
  readonly write5m?: bigint
  readonly write1h?: bigint
  readonly audio?: bigint
  readonly output: bigint
  /** Thousandths of a US dollar per thousand searches. */
  readonly search?: bigint
}

/** Written here independently of the gateway's own table. A name may be followed by a tier of context length. */
const PRICES = {
  'gpt-4o-mini': { input: 150n, cached: 75n, output: 600n },
  'claude-haiku-4-5': {
    input: 1_000n,
    cached: 100n,
    write5m: 1_250n,
    write1h: 2_000n,
    output: 5_000n,
    search: 10_000n,
  },
  'claude-sonnet-4-5': { input: 3_000n, cached: 300n, write5m: 3_750n, write1h: 6_000n, output: 15_000n },
  'claude-sonnet-4-5 >200000': {
    input: 6_000n,
    cached: 600n,
    write5m: 7_500n,
    write1h: 12_000n,
    output: 22_500n,
  },
  'gemini-2.5-flash': { input: 300n, cached: 30n, audio: 1_000n, output: 2_500n },
  'gemini-2.5-pro': { input: 1_250n, cached: 125n, output: 10_000n },
  'gemini-2.5-pro >200000': { input: 2_500n, cached: 250n, output: 15_000n },
} as const satisfies Record<string, Price>
export type PricedModel = keyof typeof PRICES

/** Counts that do not overlap: `input` excludes cached and audio tokens. */
export interface Tokens {
  readonly input: number
  readonly cached?: number
  readonly write5m?: number
  readonly write1h?: number
  readonly audio?: number
  readonly output: number
  readonly searches?: number
}

export interface ChargedCall {
  readonly model: PricedModel
  readonly tokens: Tokens
}

/** Microcredits, rounded up once: $0.001 per million tokens is a tenth of one a token at 100 credits a dollar. */
export function costOf({ model, tokens }: ChargedCall): bigint {
  const price: Price = PRICES[model]
  const { input, cached = 0, write5m = 0, write1h = 0, audio = 0, output, searches = 0 } = tokens
  const tenths =
    BigInt(input) * price.input +
    BigInt(cached) * price.cached +
    BigInt(write5m) * (price.write5m ?? price.input) +
    BigInt(write1h) * (price.write1h ?? price.input) +
    BigInt(audio) * (price.audio ?? price.input) +
    BigInt(output) * price.output +
    // $0.001 per thousand searches is 100 microcredits a search.
    BigInt(searches) * (price.search ?? 0n) * 1_000n
  return (tenths + 9n) / 10n
}

export interface Providers {
  readonly gateway: TestGateway
  readonly mock: LLMock
  /** Answers below /scripted/anthropic and /scripted/gemini. */
  readonly origin: Origin
  /** Asserts what a user was charged, in every place that records it, and that nothing is held. */
  readonly charged: (
    t: Test,
    org: TestOrg,
    calls: readonly ChargedCall[],
    user?: { readonly name: string; readonly headers: Readonly<Record<string, string>> },
  ) => Promise<void>
  /** Metered calls that reached the gateway by its own metrics, of one outcome or all. */
  readonly requestsSeen: (outcome?: string) => Promise<number>
  /** Requests that reached a provider. */
  readonly requestsServed: () => number
  readonly stop: () => Promise<void>
}

/** aimock serves Gemini's API only as v1beta; Google's SDK calls v1. The responses are the same. */
function mountGeminiV1(mock: LLMock): void {
  mock.mount('/v1/models', {
    async handleRequest(request, response) {
      const { method = '', headers, url = '' } = request
      if (method !== 'POST') return false
      const forwarded = httpRequest(
        mock.url + url.replace('/v1/', '/v1beta/'),
        { method, headers },
        (answer) => {
          response.writeHead(answer.statusCode ?? 500, answer.headers)
          answer.pipe(response)
        },
      )
      request.pipe(forwarded)
      await once(response, 'close')
      return true
    },
  })
}

/** Only real servers: a Redis, aimock, an origin, and the gateway as a separate process. */
export async function startProviders(): Promise<Providers> {
  const redis = await startRedis()
  const store = await openClient({ url: redis.url })
  const mock = new LLMock({ port: 0, chunkSize: 7 })
  mountGeminiV1(mock)
  const [origin] = await Promise.all([startOrigin(), mock.start()])
  const upstream = (family: string, prefix: string, url: string): object => ({
    family,
    prefix,
    url,
    apiKey: PROVIDERS_KEY,
  })
  const gateway = await startGateway({
    redisUrl: redis.url,
    upstreamUrl: mock.url,
    config: {
      upstreams: {
        openai: upstream('openai', '/openai', mock.url),
        anthropic: upstream('anthropic', '/anthropic', mock.url),
        gemini: upstream('gemini', '/gemini', mock.url),
        'scripted-anthropic': upstream('anthropic', '/scripted/anthropic', origin.url),
        'scripted-gemini': upstream('gemini', '/scripted/gemini', origin.url),
      },
    },
  })

  const charged: Providers['charged'] = async (t, org, calls, user) => {
    const { name = 'ada', headers = { authorization: `Bearer ${org.key}` } } = user ?? {}
    const cost = Number(calls.reduce((sum, call) => sum + costOf(call), 0n))
    t.equal(await org.usedWhenIdle(name), cost / 1e6, '/users')
    const me = await fetch(`${gateway.dataUrl}/tollgate/v1/me`, { headers })
    t.match(
      await me.json(),
      { user: name, used: cost / 1e6, counted: cost / 1e6, held: 0 },
      '/tollgate/v1/me',
    )
    const { usersUsed, usersHeld, openHolds, models, leases } = await books(store, org.id, [name])
    t.same(
      { usersUsed, usersHeld, openHolds, models, leases },
      { usersUsed: cost, usersHeld: 0, openHolds: 0, models: cost, leases: 0 },
    )
    const lines = await store.hgetall(keys.user(org.id, 1, name))
    for (const [model, line] of linesByModel(calls)) {
      t.equal(lines[`m:chat|${model}`], line, `credits, calls and tokens of ${model}`)
    }
  }

  return {
    gateway,
    mock,
    origin,
    charged,
    async requestsSeen(outcome) {
      const text = await (await fetch(`${gateway.adminUrl}/metrics`)).text()
      return [...text.matchAll(/^tollgate_requests_total\{(.*)\} (\d+)$/gm)]
        .filter(([, labels]) => outcome === undefined || labels?.includes(`outcome="${outcome}"`) === true)
        .reduce((sum, [, , count]) => sum + Number(count), 0)
    },
    requestsServed: () => mock.getRequests().length + origin.received.length,
    async stop() {
      await gateway.stop()
      store.disconnect()
      await Promise.all([mock.stop(), origin.stop()])
      await redis.stop()
    },
  }
}

/** A line of usage by model, as the store keeps it: microcredits, calls, tokens in, tokens out. */
function linesByModel(calls: readonly ChargedCall[]): Map<string, string> {
  const sums = new Map<string, [cost: bigint, calls: number, input: number, output: number]>()
  for (const call of calls) {
    const [model = ''] = call.model.split(' ')
    const { input, cached = 0, write5m = 0, write1h = 0, audio = 0, output } = call.tokens
    const [cost, count, inputs, outputs] = sums.get(model) ?? [0n, 0, 0, 0]
    sums.set(model, [
      cost + costOf(call),
      count + 1,
      inputs + input + cached + write5m + write1h + audio,
      outputs + output,
    ])
  }
  return new Map([...sums].map(([model, sum]) => [model, sum.join(' ')]))
}

export function sendJson(response: ServerResponse, body: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}

/** A stream of server-sent events; an event with a `type` gets it as its name, as in Anthropic's streams. */
export function sendEvents(response: ServerResponse, events: readonly object[]): void {
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  for (const event of events) {
    const name = 'type' in event ? `event: ${String(event.type)}\n` : ''
    response.write(`${name}data: ${JSON.stringify(event)}\n\n`)
  }
  response.end()
}

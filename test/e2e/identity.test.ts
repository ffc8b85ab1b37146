import { randomBytes } from 'node:crypto'
import t, { type Test } from 'tap'
import { mintKey } from '../../src/core/virtual-key.ts'
import { hashKey } from '../../src/directory/virtual-keys.ts'
import * as keys from '../../src/store/keys.ts'
import { createOrg, startGateway, type TestGateway, type TestOrg } from '../support/gateway.ts'
import { openClient } from '../support/ledger.ts'
import { CHAT_COST, chatAnswer, chatAnswerAt, chatBody, postChat, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const redis = await startRedis()
const store = await openClient({ url: redis.url })
const origin = await startOrigin()
const options = { redisUrl: redis.url, upstreamUrl: origin.url, config: { log: { level: 'debug' } } }
const gateways = [await startGateway(options), await startGateway(options)] as const
const [here, there] = gateways
t.teardown(async () => {
  await Promise.all(gateways.map((gateway) => gateway.stop()))
  store.disconnect()
  await origin.stop()
  await redis.stop()
})

t.beforeEach(() => {
  origin.answer = (_request, response) => chatAnswer(response)
})

/** Waits until every hold is resolved, those of excluded sources too, which no standing shows. */
async function idle(): Promise<void> {
  await until(async () => {
    const open = await Promise.all(gateways.map((gateway) => gateway.metric('tollgate_holds_open')))
    return open.every((count) => count === 0)
  })
}

type Headers = Readonly<Record<string, string>>

/** A paid call without credentials but those in `headers`. */
function chat(gateway: TestGateway, headers: Headers, query = ''): Promise<Response> {
  return fetch(`${gateway.dataUrl}/openai/v1/chat/completions${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: chatBody(),
  })
}

function models(gateway: TestGateway, headers: Headers, query = ''): Promise<Response> {
  return fetch(`${gateway.dataUrl}/openai/v1/models${query}`, { headers })
}

function bearer(key: string, more: Headers = {}): Headers {
  return { authorization: `Bearer ${key}`, ...more }
}

/** Status of an answer, with the code of its error where it is a refusal. */
async function verdict(answer: Promise<Response>): Promise<number | string> {
  const response = await answer
  const body = (await response.json()) as { error?: { code: string }; code?: string }
  return response.status < 400 ? response.status : `${response.status} ${body.error?.code ?? body.code ?? ''}`
}

async function makeKey(
  org: TestOrg,
  body: Readonly<Record<string, unknown>>,
): Promise<{ id: string; key: string }> {
  return (await here.admin('POST', `/v1/orgs/${org.id}/keys`, body)) as { id: string; key: string }
}

async function addMember(org: TestOrg, user: string): Promise<void> {
  await here.admin('PUT', `/v1/orgs/${org.id}/members/${user}`, { role: 'member' })
}

/** Headers that are ours, or that would pick another account's billing. */
const PRIVATE: Headers = {
  'x-tollgate-user': 'ada',
  'x-tollgate-source': 'chat',
  'x-tollgate-anything': 'else',
  'openai-organization': 'org-of-somebody',
  'openai-project': 'proj_of-somebody',
  cookie: 'session=secret',
  'proxy-authorization': 'Basic c2VjcmV0',
}

const PLACES: readonly {
  readonly name: string
  readonly put: (key: string) => { headers: Headers; query: string }
}[] = [
  { name: 'Authorization', put: (key) => ({ headers: bearer(key), query: '' }) },
  { name: 'x-api-key', put: (key) => ({ headers: { 'x-api-key': key }, query: '' }) },
  { name: 'x-goog-api-key', put: (key) => ({ headers: { 'x-goog-api-key': key }, query: '' }) },
  { name: '?key=', put: (key) => ({ headers: {}, query: `?key=${key}` }) },
  {
    name: '?key= in percent-encoding, among others',
    put: (key) => ({ headers: {}, query: `?alt=sse&%6bey=${key}&a=%20` }),
  },
  {
    name: 'every place at once',
    put: (key) => ({
      headers: bearer(key, { 'x-api-key': key, 'x-goog-api-key': key }),
      query: `?key=${key}`,
    }),
  },
]

for (const { name, put } of PLACES) {
  void t.test(`a key is taken from ${name}, and reaches neither the provider nor the log`, async (t) => {
    const org = await createOrg(here)
    const { headers, query } = put(org.key)
    for (const call of [chat, models]) {
      t.equal(await verdict(call(here, { ...headers, ...PRIVATE }, query)), 200)
      const received = origin.received.at(-1)
      t.equal(received?.headers.authorization, 'Bearer sk-the-providers-own', 'the provider gets its own key')
      for (const header of ['x-api-key', 'x-goog-api-key', ...Object.keys(PRIVATE)]) {
        t.notOk(received?.headers[header], `${header} does not go on`)
      }
      t.notMatch(JSON.stringify(received), org.key)
      t.notMatch(received?.url, /key=/i)
      if (query.includes('alt')) t.match(received?.url, /\?alt=sse&a=%20$/, 'the rest of the query goes on')
    }
    t.notMatch(here.log.join('\n'), org.key)
    t.equal(await org.usedWhenIdle(), CHAT_COST)
  })
}

void t.test('a key that is refused, or whose call fails, does not stand in the log either', async (t) => {
  const org = await createOrg(here)
  const unknown = mintKey(randomBytes)
  t.equal(await verdict(chat(here, bearer(unknown), `?key=${unknown}`)), '401 invalid_api_key')
  t.equal(
    await verdict(chat(here, { 'x-api-key': unknown }, `?key=${org.key}`)),
    '401 invalid_api_key',
    'they differ',
  )
  t.equal(await verdict(fetch(`${here.dataUrl}/openai/v1/files?key=${org.key}`)), '404 route_not_allowed')
  t.equal(await verdict(fetch(`${here.dataUrl}/nowhere?key=${org.key}`)), '404 route_not_allowed')
  origin.answer = (_request, response) => void response.destroy()
  t.equal(await verdict(chat(here, {}, `?key=${org.key}`)), '502 upstream_unreachable')
  t.equal(await verdict(models(here, {}, `?key=${org.key}`)), '502 upstream_unreachable')
  origin.answer = (_request, response) => chatAnswer(response)
  const log = here.log.join('\n')
  for (const key of [org.key, unknown]) t.notMatch(log, key)
  t.notMatch(log, 'sk-the-providers-own')
})

void t.test(
  'a revoked key is refused by every gateway within a second, although each had it cached',
  async (t) => {
    const org = await createOrg(here)
    const { id, key } = await makeKey(org, { name: 'second', user: 'ada' })
    const record = keys.virtualKey(hashKey(key))
    for (const gateway of gateways) t.equal(await verdict(chat(gateway, bearer(key))), 200)
    await store.rename(record, 'out-of-sight')
    for (const gateway of gateways)
      t.equal(await verdict(chat(gateway, bearer(key))), 200, 'cached: the store has no such key')
    await store.rename('out-of-sight', record)
    await here.admin('DELETE', `/v1/orgs/${org.id}/keys/${id}`)
    await until(
      async () => {
        const verdicts = await Promise.all(gateways.map((gateway) => verdict(chat(gateway, bearer(key)))))
        return verdicts.every((each) => each === '401 invalid_api_key')
      },
      { timeoutMs: 1_000, what: 'both gateways refuse the key' },
    )
    for (const gateway of gateways) {
      t.equal(await verdict(chat(gateway, bearer(key))), '401 invalid_api_key', 'and go on refusing it')
      t.equal(await verdict(models(gateway, bearer(key))), '401 invalid_api_key')
      t.equal(await verdict(chat(gateway, bearer(org.key))), 200, 'the other key of the same user works')
    }
  },
)

void t.test(
  'A4: a removed member is refused at the very next call on every gateway, also where it is free',
  async (t) => {
    const org = await createOrg(here, { limit: 10 })
    const app = await org.createKey({ name: 'app', app: true })
    for (const gateway of gateways) {
      t.equal(await verdict(chat(gateway, bearer(org.key))), 200)
      t.equal(await verdict(models(gateway, bearer(org.key))), 200)
    }
    await here.admin('PUT', `/v1/orgs/${org.id}/user-limits/custom/ada`, { limit: 20 })
    const before = await org.usedWhenIdle()
    const reached = origin.received.length
    await here.admin('DELETE', `/v1/orgs/${org.id}/members/ada`)
    for (const gateway of [there, here]) {
      t.equal(await verdict(chat(gateway, bearer(org.key))), '403 unknown_user')
      t.equal(await verdict(models(gateway, bearer(org.key))), '403 unknown_user')
      t.equal(
        await verdict(fetch(`${gateway.dataUrl}/tollgate/v1/me`, { headers: bearer(org.key) })),
        '403 unknown_user',
      )
      t.equal(
        await verdict(chat(gateway, bearer(app, { 'x-tollgate-user': 'ada' }))),
        '403 unknown_user',
        'nor by an app',
      )
    }
    t.equal(origin.received.length, reached, 'nothing reached the provider')
    t.match(await org.user(), { used: before, held: 0 }, 'the usage stays')

    await addMember(org, 'ada')
    for (const gateway of [there, here]) t.equal(await verdict(chat(gateway, bearer(org.key))), 200)
    t.equal(
      await org.usedWhenIdle(),
      before + 2 * CHAT_COST,
      'who is added again goes on with the same counters',
    )
    t.equal((await org.user()).limit, 20, '… and with the same custom limit')
  },
)

void t.test(
  'A4: calls of a removed member are refused also where they come together with those of others',
  async (t) => {
    const org = await createOrg(here)
    await addMember(org, 'grace')
    const grace = await org.createKey({ name: 'grace', user: 'grace' })
    await here.admin('DELETE', `/v1/orgs/${org.id}/members/ada`)
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        verdict(postChat(there.dataUrl, index % 2 === 0 ? org.key : grace)),
      ),
    )
    t.same(
      verdicts.map((each) => String(each)),
      Array.from({ length: 20 }, (_, index) => (index % 2 === 0 ? '403 unknown_user' : '200')),
    )
  },
)

void t.test('an app’s key names the user who pays, call by call', async (t) => {
  const org = await createOrg(here)
  await addMember(org, 'grace')
  const app = await org.createKey({ name: 'app', app: true, sources: ['workflow', 'chat'] })
  t.equal(await verdict(chat(here, bearer(app, { 'x-tollgate-user': 'grace' }))), 200)
  t.equal(
    await verdict(chat(here, bearer(app, { 'x-tollgate-user': 'grace', 'x-tollgate-source': 'chat' }))),
    200,
  )
  t.equal(await verdict(chat(here, bearer(app, { 'x-tollgate-user': 'ada' }))), 200)
  t.equal(await org.usedWhenIdle('grace'), 2 * CHAT_COST)
  t.equal(await org.usedWhenIdle('ada'), CHAT_COST)
  const counters = await store.hmget(keys.user(org.id, 1, 'grace'), 'used:workflow', 'used:chat')
  t.same(counters, ['120000', '120000'], 'the first source of the key is its default')
  t.equal(await verdict(chat(here, bearer(app))), '400 user_required')
  t.equal(await verdict(models(here, bearer(app))), '400 user_required', 'also where it is free')
  t.equal(await verdict(chat(here, bearer(app, { 'x-tollgate-user': 'mallory' }))), '403 unknown_user')
  const agent = { 'x-tollgate-user': 'ada', 'x-tollgate-source': 'agent_deployment' }
  t.equal(await verdict(chat(here, bearer(app, agent))), '403 source_not_allowed')
  const me = await fetch(`${here.dataUrl}/tollgate/v1/me`, {
    headers: bearer(app, { 'x-tollgate-user': 'grace' }),
  })
  t.match(await me.json(), { user: 'grace', used: 2 * CHAT_COST })
})

void t.test('an app’s key with an owner calls for the owner where it names nobody', async (t) => {
  const org = await createOrg(here)
  await addMember(org, 'grace')
  const app = await org.createKey({ name: 'app', app: true, user: 'grace' })
  t.equal(await verdict(chat(here, bearer(app))), 200)
  t.equal(await verdict(chat(here, bearer(app, { 'x-tollgate-user': 'ada' }))), 200)
  t.equal(await org.usedWhenIdle('grace'), CHAT_COST)
  t.equal(await org.usedWhenIdle('ada'), CHAT_COST)
})

void t.test(
  'A5: an app’s key enrolls unknown users where the organization allows it, up to its number of members',
  async (t) => {
    const org = await createOrg(here)
    const app = await org.createKey({ name: 'app', app: true })
    const asking = (gateway: TestGateway, user: string): Promise<number | string> =>
      verdict(chat(gateway, bearer(app, { 'x-tollgate-user': user })))
    t.equal(await asking(here, 'u0'), '403 unknown_user', 'not by default')
    await here.admin('PATCH', `/v1/orgs/${org.id}`, { autoEnroll: true, maxMembers: 6 })
    const verdicts = await Promise.all(
      Array.from({ length: 20 }, (_, index) => asking(gateways[index % 2 === 0 ? 0 : 1], `u${index}`)),
    )
    t.equal(verdicts.filter((each) => each === 200).length, 5, 'ada is the sixth')
    t.equal(verdicts.filter((each) => each === '403 unknown_user').length, 15)
    const enrolled = `u${verdicts.indexOf(200)}`
    t.equal(await asking(there, enrolled), 200, 'who is enrolled is a member from then on')
    t.equal(await org.usedWhenIdle(enrolled), 2 * CHAT_COST)
    const member = await here.admin('GET', `/v1/orgs/${org.id}/members/${enrolled}`)
    t.same(member, { user: enrolled, email: null, name: null, role: 'member' })
    await here.admin('PATCH', `/v1/orgs/${org.id}`, { autoEnroll: false, maxMembers: 100 })
    t.equal(await asking(here, 'u99'), '403 unknown_user', 'no longer allowed')
  },
)

void t.test(
  'L5, L6: calls of an excluded source pass the limit, count only once they are no longer excluded',
  async (t) => {
    const org = await createOrg(here, { limit: 1 })
    const limits = (workflow: boolean): Promise<unknown> =>
      here.admin('PUT', `/v1/orgs/${org.id}/user-limits`, {
        enabled: true,
        default: 1,
        recipients: 'all',
        exclude: { workflow, agent_deployment: false },
      })
    const app = await org.createKey({
      name: 'app',
      app: true,
      user: 'ada',
      sources: ['chat', 'workflow', 'agent_deployment'],
    })
    const from = (source: string): Promise<number | string> =>
      verdict(chat(there, bearer(app, { 'x-tollgate-source': source })))
    await limits(true)

    origin.answer = (_request, response) => chatAnswerAt(response, 1)
    t.equal(await from('workflow'), 200)
    await idle()
    t.match(await org.user(), { used: 1, counted: 0, exceeding: false }, 'used, and not counted')
    t.equal(await from('chat'), 200, 'it takes nothing from the limit')
    await idle()
    t.match(await org.user(), { used: 2, counted: 1, exceeding: true })
    t.equal(await from('chat'), '402 user_credit_limit_reached')
    t.equal(await from('agent_deployment'), '402 user_credit_limit_reached', 'the other switch is off')
    t.equal(await from('workflow'), 200, 'passes at the limit')
    await idle()
    t.match(await org.user(), { used: 3, counted: 1 })

    await limits(false)
    t.match(await org.user(), { used: 3, counted: 3 }, 'for the whole period')
    t.equal(await from('workflow'), '402 user_credit_limit_reached', 'at once')
    await limits(true)
    t.match(await org.user(), { used: 3, counted: 1 })
    t.equal(await from('workflow'), 200)
    origin.answer = (_request, response) => chatAnswer(response)
  },
)

void t.test('L5: the holds of an excluded source stand in nobody’s way', async (t) => {
  const org = await createOrg(here)
  await here.admin('PUT', `/v1/orgs/${org.id}/user-limits`, {
    enabled: true,
    default: 1,
    exclude: { agent_deployment: true },
  })
  const agent = await org.createKey({ name: 'agent', user: 'ada', sources: ['agent_deployment'] })
  let finish: () => void = () => undefined
  const finished = new Promise<void>((resolve) => (finish = resolve))
  origin.answer = async (_request, response) => {
    await finished
    chatAnswer(response)
  }
  const running = verdict(chat(here, bearer(agent)))
  await until(async () => (await here.metric('tollgate_holds_open')) === 1)
  t.match(
    await fetchMe(here, org.key),
    { held: 0, remaining: 1 },
    'more than the limit is held, and none of it counts',
  )
  origin.answer = (_request, response) => chatAnswer(response)
  t.equal(await verdict(chat(here, bearer(org.key))), 200)
  finish()
  t.equal(await running, 200)
  await idle()
  t.match(await org.user(), { used: 2 * CHAT_COST, counted: CHAT_COST, held: 0 })
})

async function fetchMe(gateway: TestGateway, key: string): Promise<unknown> {
  return (await fetch(`${gateway.dataUrl}/tollgate/v1/me`, { headers: bearer(key) })).json()
}

async function refusedForNow(t: Test, what: string, call: Promise<Response>): Promise<void> {
  const response = await call
  t.equal(response.headers.get('retry-after'), '1', what)
  t.equal(await verdict(Promise.resolve(response)), '503 credit_store_unavailable', what)
}

void t.test(
  'D1: without the store every key is answered 503, an unknown one never a wrong 401',
  async (t) => {
    const own = await startRedis({ persist: true })
    const gateway = await startGateway({ ...options, redisUrl: own.url, patienceSeconds: 0 })
    t.teardown(async () => {
      await gateway.stop()
      await own.stop()
    })
    const org = await createOrg(gateway)
    const neverUsed = await org.createKey({ name: 'second', user: 'ada' })
    const unknown = mintKey(randomBytes)
    t.equal(await verdict(chat(gateway, bearer(org.key))), 200)
    t.equal(await org.usedWhenIdle(), CHAT_COST)
    const reached = origin.received.length

    await own.kill()
    await until(async () => (await gateway.metric('tollgate_store_up')) === 0)
    for (const call of [chat, models]) {
      await refusedForNow(t, 'a key that is cached', call(gateway, bearer(org.key)))
      await refusedForNow(t, 'a key that is not cached', call(gateway, bearer(neverUsed)))
      await refusedForNow(t, 'a key that may not exist', call(gateway, bearer(unknown)))
      t.equal(
        await verdict(call(gateway, bearer('tg_0'))),
        '401 invalid_api_key',
        'what cannot be a key is none',
      )
    }
    const me = await fetch(`${gateway.dataUrl}/tollgate/v1/me`, { headers: bearer(unknown) })
    t.equal(me.headers.get('content-type'), 'application/problem+json')
    await refusedForNow(t, 'the own standing', Promise.resolve(me))
    t.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 503)
    t.equal((await fetch(`${gateway.adminUrl}/healthz`)).status, 200)
    t.equal(origin.received.length, reached, 'nothing reached the provider')

    await own.restart()
    await until(async () => (await verdict(chat(gateway, bearer(org.key)))) === 200, {
      what: 'it works again',
    })
    t.equal(await verdict(chat(gateway, bearer(neverUsed))), 200, 'the outage was remembered for no key')
    t.equal(await verdict(chat(gateway, bearer(unknown))), '401 invalid_api_key')
    t.equal((await fetch(`${gateway.adminUrl}/readyz`)).status, 200)
  },
)

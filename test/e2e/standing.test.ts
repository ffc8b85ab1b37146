import t, { type Test } from 'tap'
import * as keys from '../../src/store/keys.ts'
import { createOrg, type TestGateway, type TestOrg } from '../support/gateway.ts'
import { CHAT_COST, chatAnswer, chatAnswerAt, chatBody, postChat } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const { store, origin, start } = await openStage()
const gateways = [await start(), await start()] as const
const [here, there] = gateways
t.beforeEach(() => {
  origin.answer = (_request, response) => chatAnswer(response)
})

interface Period {
  readonly start: string
  readonly end: string
}

async function periodOf(org: TestOrg): Promise<Period> {
  return ((await here.admin('GET', `/v1/orgs/${org.id}`)) as { period: Period }).period
}

async function meOf(gateway: TestGateway, key: string): Promise<Readonly<Record<string, unknown>>> {
  const response = await fetch(`${gateway.dataUrl}/tollgate/v1/me`, {
    headers: { authorization: `Bearer ${key}` },
  })
  return (await response.json()) as Readonly<Record<string, unknown>>
}

function saveLimits(
  org: TestOrg,
  limit: number,
  more: Readonly<Record<string, unknown>> = {},
): Promise<unknown> {
  return here.admin('PUT', `/v1/orgs/${org.id}/user-limits`, {
    enabled: true,
    default: limit,
    recipients: 'all',
    ...more,
  })
}

interface RefusalBody {
  readonly error: {
    readonly message: string
    readonly type: string
    readonly param: string | null
    readonly code: string
    readonly metadata?: Readonly<Record<string, unknown>>
  }
}

async function refusal(response: Response): Promise<RefusalBody['error']> {
  return ((await response.json()) as RefusalBody).error
}

/** Status of a paid call, and the code of its refusal. */
async function verdict(answer: Promise<Response>): Promise<number | string> {
  const response = await answer
  if (response.ok) return response.arrayBuffer().then(() => response.status)
  return `${response.status} ${(await refusal(response)).code}`
}

/** The worst case under straddle at the test price: a token for every 3 bytes, and max_tokens. Credits. */
function worstCase(body: string, maxTokens = 100): number {
  return (Math.ceil(Buffer.byteLength(body) / 3) * 1_000 + maxTokens * 10_000) / 1e6
}

/** Lets ada use so many credits, in one call. */
async function use(t: Test, org: TestOrg, credits: number): Promise<void> {
  origin.answer = (_request, response) => chatAnswerAt(response, credits)
  t.equal(await verdict(postChat(here.dataUrl, org.key)), 200)
  t.equal(await org.usedWhenIdle(), credits)
  origin.answer = (_request, response) => chatAnswer(response)
}

/** A call of ada's that is under way until `finish` is called. */
async function startCall(
  org: TestOrg,
  body = chatBody(),
): Promise<{ finish: () => Promise<number | string> }> {
  let release: () => void = () => undefined
  const released = new Promise<void>((resolve) => (release = resolve))
  let started = false
  origin.answer = async (_request, response) => {
    started = true
    await released
    chatAnswer(response)
  }
  const call = verdict(postChat(here.dataUrl, org.key, body))
  await until(() => started)
  origin.answer = (_request, response) => chatAnswer(response)
  return {
    finish: () => {
      release()
      return call
    },
  }
}

void t.test(
  'a metered answer tells the standing as at admission, with its own hold, in the headers of the contract',
  async (t) => {
    const org = await createOrg(here, { limit: 1_000 })
    await use(t, org, 2.5)
    const { start, end } = await periodOf(org)
    const body = chatBody()
    const before = Date.now()
    const { headers, status } = await postChat(there.dataUrl, org.key, body)
    const after = Date.now()
    t.equal(status, 200)
    const remaining = (1_000e6 - 2.5e6 - worstCase(body) * 1e6) / 1e6
    t.equal(headers.get('x-tollgate-credits-remaining'), String(remaining))
    t.equal(headers.get('x-tollgate-credits-reset'), end)
    const seconds = (Date.parse(end) - Date.parse(start)) / 1_000
    t.equal(headers.get('ratelimit-policy'), `"credits";q=1000;w=${seconds}`)
    const [, left, reset] = /^"credits";r=(\d+);t=(\d+)$/.exec(headers.get('ratelimit') ?? '') ?? []
    t.equal(Number(left), Math.floor(remaining))
    const until = (at: number): number => Math.ceil((Date.parse(end) - at) / 1_000)
    t.ok(Number(reset) >= until(after) && Number(reset) <= until(before), headers.get('ratelimit') ?? 'none')
    t.match(headers.get('x-request-id'), /^[0-9a-f-]{36}$/)
  },
)

void t.test('what remains never goes below zero, and an upstream cannot forge it', async (t) => {
  const org = await createOrg(here, { limit: 1 })
  origin.answer = (_request, response) => {
    response.setHeader('x-tollgate-credits-remaining', '999')
    chatAnswer(response)
  }
  const { headers } = await postChat(here.dataUrl, org.key)
  t.equal(headers.get('x-tollgate-credits-remaining'), '0', 'more is held than is left')
  t.match(headers.get('ratelimit'), /^"credits";r=0;t=\d+$/)
})

for (const how of ['a custom limit of null', 'limits that are switched off']) {
  void t.test(`L2: ${how}: unlimited, and no header says what remains`, async (t) => {
    const org = await createOrg(here, { limit: how.startsWith('a custom') ? 0 : null })
    if (how.startsWith('a custom')) {
      await here.admin('PUT', `/v1/orgs/${org.id}/user-limits/custom/ada`, { limit: null })
    }
    const { status, headers } = await postChat(here.dataUrl, org.key)
    t.equal(status, 200)
    t.equal(headers.get('x-tollgate-credits-reset'), (await periodOf(org)).end)
    for (const name of ['x-tollgate-credits-remaining', 'ratelimit', 'ratelimit-policy'])
      t.notOk(headers.has(name), name)
    t.equal(await org.usedWhenIdle(), CHAT_COST)
    t.same(await meOf(here, org.key), {
      user: 'ada',
      org: org.id,
      period: await periodOf(org),
      used: CHAT_COST,
      counted: CHAT_COST,
      held: 0,
      limit: null,
      remaining: null,
    })
  })
}

void t.test('every answer has an x-request-id: the caller’s where it is fit to be one', async (t) => {
  const org = await createOrg(here, { limit: 0 })
  const authorization = `Bearer ${org.key}`
  for (const [path, status] of [
    ['/openai/v1/chat/completions', 402],
    ['/openai/v1/models', 200],
    ['/openai/v1/files', 404],
    ['/tollgate/v1/me', 200],
    ['/nowhere', 404],
  ] as const) {
    for (const [given, expected] of [
      ['req-7.of:me', /^req-7\.of:me$/],
      ['not fit', /^[0-9a-f-]{36}$/],
    ] as const) {
      const headers = { authorization, 'content-type': 'application/json', 'x-request-id': given }
      const post = status === 402 ? { method: 'POST', body: chatBody() } : {}
      const response = await fetch(here.dataUrl + path, { headers, ...post })
      t.equal(response.status, status, path)
      t.match(response.headers.get('x-request-id'), expected, path)
      await response.arrayBuffer()
    }
  }
})

void t.test(
  'E4: /tollgate/v1/me has exactly the fields of the contract, in credits, on every gateway',
  async (t) => {
    const org = await createOrg(here, { limit: 10 })
    await use(t, org, 1.25)
    const body = chatBody()
    const call = await startCall(org, body)
    const standing = {
      user: 'ada',
      org: org.id,
      period: await periodOf(org),
      used: 1.25,
      counted: 1.25,
      limit: 10,
    }
    const held = worstCase(body)
    const remaining = (10e6 - 1.25e6 - held * 1e6) / 1e6
    for (const gateway of gateways) t.same(await meOf(gateway, org.key), { ...standing, held, remaining })
    t.equal(await call.finish(), 200)
    t.equal(await org.usedWhenIdle(), 1.37)
    for (const gateway of gateways) {
      t.same(await meOf(gateway, org.key), {
        ...standing,
        used: 1.37,
        counted: 1.37,
        held: 0,
        remaining: 8.63,
      })
    }
    await saveLimits(org, 1)
    t.match(await meOf(there, org.key), { limit: 1, counted: 1.37, remaining: 0 }, 'never below zero')
  },
)

void t.test('E4: asking for the standing costs nothing and needs a key', async (t) => {
  const org = await createOrg(here, { limit: 0 })
  const response = await fetch(`${here.dataUrl}/tollgate/v1/me`, { headers: { 'x-api-key': org.key } })
  t.equal(response.status, 200)
  t.equal(response.headers.get('cache-control'), 'no-store')
  t.match(response.headers.get('content-type'), /^application\/json/)
  t.match(await response.json(), { used: 0, limit: 0, remaining: 0 })
  const nobody = await fetch(`${here.dataUrl}/tollgate/v1/me`)
  t.equal(nobody.status, 401)
  t.equal(nobody.headers.get('content-type'), 'application/problem+json')
  t.match(await nobody.json(), { status: 401, code: 'invalid_api_key' })
})

/** `1 December 2026, 00:00 (Europe/Berlin)`, put together here. */
function date(rfc3339: string, timeZone: string): string {
  const part = (parts: Intl.DateTimeFormatOptions): string =>
    new Date(rfc3339).toLocaleString('en-GB', { timeZone, ...parts })
  const time = part({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' })
  return `${part({ day: 'numeric' })} ${part({ month: 'long' })} ${part({ year: 'numeric' })}, ${time} (${timeZone})`
}

function headersOf402(t: Test, { status, headers }: Response): void {
  t.equal(status, 402)
  t.equal(headers.get('content-type'), 'application/json')
  t.equal(headers.get('cache-control'), 'no-store')
  t.equal(headers.get('x-should-retry'), 'false')
  t.notOk(headers.has('retry-after'), 'nothing tells a client to come again')
}

void t.test(
  'E1b, E3: a 402 for the limit has the body and headers of the contract, field by field',
  async (t) => {
    const org = await createOrg(here, { limit: 1_000 })
    await use(t, org, 1_234.5)
    const { end } = await periodOf(org)
    const body = chatBody()
    for (const gateway of gateways) {
      const reached = origin.received.length
      const response = await postChat(gateway.dataUrl, org.key, body)
      headersOf402(t, response)
      t.same(await response.json(), {
        error: {
          message: [
            'You have reached your personal credit limit: 1,234.5 of 1,000 credits are used in this billing period.',
            `Your credits reset on ${date(end, 'UTC')}.`,
            'To go on before that, ask an admin of your organization to raise your limit.',
          ].join(' '),
          type: 'insufficient_quota',
          param: null,
          code: 'user_credit_limit_reached',
          metadata: {
            scope: 'user',
            limit: 1_000,
            used: 1_234.5,
            counted: 1_234.5,
            held: 0,
            required: worstCase(body),
            resets_at: end,
          },
        },
      })
      t.equal(origin.received.length, reached, 'nothing reached the provider')
    }
    t.match(await org.user(), { used: 1_234.5, held: 0, exceeding: true })
  },
)

void t.test(
  'E3: the reset is told in the organization’s zone, whom to ask and what else in its own words',
  async (t) => {
    const id = `org-berlin-${process.pid}`
    const billing = { every: 'month', anchor: 1, timezone: 'Europe/Berlin' }
    await here.admin('POST', '/v1/orgs', { id, billing })
    await here.admin('PUT', `/v1/orgs/${id}/members/ada`, { role: 'member' })
    const { key } = (await here.admin('POST', `/v1/orgs/${id}/keys`, { name: 'k', user: 'ada' })) as {
      key: string
    }
    const org = { id } as TestOrg
    await saveLimits(org, 0, {
      explanation: { text: 'See the wiki: “AI credits”.', contact: 'it@example.com' },
    })
    const { metadata, message } = await refusal(await postChat(there.dataUrl, key))
    const { end } = await periodOf(org)
    t.equal(metadata?.['resets_at'], end)
    t.match(date(end, 'Europe/Berlin'), /^1 \w+ \d{4}, 00:00 \(Europe\/Berlin\)$/, 'midnight there')
    t.match(message, `Your credits reset on ${date(end, 'Europe/Berlin')}.`)
    t.match(message, 'ask it@example.com to raise your limit. See the wiki: “AI credits”.')
  },
)

void t.test(
  'E1d: a 429 for calls in flight says when to come again, and who comes again passes',
  async (t) => {
    const org = await createOrg(here, { limit: 1 })
    const body = chatBody()
    const call = await startCall(org, body)
    const response = await postChat(there.dataUrl, org.key, body)
    t.equal(response.status, 429)
    t.match(response.headers.get('retry-after'), /^[1-5]$/)
    t.notOk(response.headers.has('x-should-retry'), 'SDKs retry it')
    t.equal(response.headers.get('cache-control'), 'no-store')
    const { message, ...error } = await refusal(response)
    const held = worstCase(body)
    t.same(error, {
      type: 'rate_limit_exceeded',
      param: null,
      code: 'credits_in_flight',
      metadata: {
        scope: 'user',
        limit: 1,
        used: 0,
        counted: 0,
        held,
        required: held,
        resets_at: (await periodOf(org)).end,
      },
    })
    t.match(message, `hold ${held} credits`)
    t.equal(await call.finish(), 200)
    await org.usedWhenIdle()
    t.equal(await verdict(postChat(there.dataUrl, org.key, body)), 200)
    t.equal(await store.xlen(keys.outbox(org.id)), 0, 'L4: nobody reached the limit')
  },
)

void t.test(
  'L8: a saved limit holds for the very next call on every gateway, and raising it unblocks at once',
  async (t) => {
    const org = await createOrg(here, { limit: 5 })
    for (const gateway of gateways) t.equal(await verdict(postChat(gateway.dataUrl, org.key)), 200)
    await org.usedWhenIdle()
    for (let round = 0; round < 5; round += 1) {
      await saveLimits(org, 0)
      for (const gateway of [there, here]) {
        t.equal(await verdict(postChat(gateway.dataUrl, org.key)), '402 user_credit_limit_reached')
      }
      await saveLimits(org, 1_000)
      for (const gateway of [there, here]) t.equal(await verdict(postChat(gateway.dataUrl, org.key)), 200)
      await org.usedWhenIdle()
    }
    await saveLimits(org, 0, { enabled: false })
    for (const gateway of gateways)
      t.equal(await verdict(postChat(gateway.dataUrl, org.key)), 200, 'switched off')
  },
)

void t.test(
  'L8: a refusal is worded with the settings that decided it, not with those that a gateway remembers',
  async (t) => {
    const org = await createOrg(here, { limit: 5 })
    for (const gateway of gateways) t.equal(await verdict(postChat(gateway.dataUrl, org.key)), 200)
    await org.usedWhenIdle()
    for (const contact of ['anna@example.com', 'bert@example.com']) {
      await saveLimits(org, 0, { explanation: { contact } })
      for (const gateway of [there, here]) {
        t.match((await refusal(await postChat(gateway.dataUrl, org.key))).message, `ask ${contact} to`)
      }
    }
  },
)

void t.test(
  'L2: a custom limit takes precedence, higher or lower or unlimited, and gives way when it is deleted',
  async (t) => {
    const org = await createOrg(here, { limit: 2 })
    await use(t, org, 1)
    const custom = `/v1/orgs/${org.id}/user-limits/custom/ada`
    const call = async (expected: number | string, limit: number | null): Promise<void> => {
      for (const gateway of gateways) {
        t.equal(await verdict(postChat(gateway.dataUrl, org.key)), expected, `limit ${String(limit)}`)
        await org.usedWhenIdle()
      }
      t.match(await meOf(there, org.key), { limit })
      t.equal((await org.user()).limit, limit)
    }
    await call(200, 2)
    await here.admin('PUT', custom, { limit: 1 })
    await call('402 user_credit_limit_reached', 1)
    await here.admin('PUT', custom, { limit: 50 })
    await saveLimits(org, 1)
    await call(200, 50)
    await here.admin('PUT', custom, { limit: null })
    await call(200, null)
    await here.admin('PUT', custom, { limit: 0 })
    await call('402 user_credit_limit_reached', 0)
    await here.admin('DELETE', custom)
    await call('402 user_credit_limit_reached', 1)
    await saveLimits(org, 100)
    await call(200, 100)
  },
)

const STRICT: readonly {
  readonly name: string
  readonly field: string
  readonly path: string
  readonly choices: number
  readonly body: (output: number) => string
}[] = [
  {
    name: 'max_tokens',
    field: 'max_tokens',
    path: '/v1/chat/completions',
    choices: 1,
    body: (output) => chatBody({ max_tokens: output }),
  },
  {
    name: 'max_completion_tokens',
    field: 'max_completion_tokens',
    path: '/v1/chat/completions',
    choices: 1,
    body: (output) => JSON.stringify({ model: 'test-model', messages: [], max_completion_tokens: output }),
  },
  {
    name: 'max_tokens of each of 3 choices',
    field: 'max_tokens',
    path: '/v1/chat/completions',
    choices: 3,
    body: (output) => chatBody({ max_tokens: output, n: 3 }),
  },
  {
    name: 'max_output_tokens',
    field: 'max_output_tokens',
    path: '/v1/responses',
    choices: 1,
    body: (output) => JSON.stringify({ model: 'test-model', input: 'Say hello.', max_output_tokens: output }),
  },
]

for (const { name, field, path, choices, body } of STRICT) {
  void t.test(
    `E1c, strict: a 402 names the largest ${name} that fits: it passes, one more does not`,
    async (t) => {
      const org = await createOrg(here, { admission: 'strict', limit: 60 })
      const call = (output: number): Promise<Response> =>
        fetch(`${here.dataUrl}/openai${path}`, {
          method: 'POST',
          headers: { authorization: `Bearer ${org.key}`, 'content-type': 'application/json' },
          body: body(output),
        })
      // Of as many digits as the answer has, so that the request's own size stays the same.
      const asked = body(9_999)
      const response = await call(9_999)
      headersOf402(t, response)
      const { message, ...error } = await refusal(response)
      // Under strict a byte counts as a token.
      const bound = (output: number): number => Buffer.byteLength(asked) * 1_000 + output * choices * 10_000
      t.same(error, {
        type: 'insufficient_quota',
        param: null,
        code: 'request_exceeds_credit_limit',
        metadata: {
          scope: 'user',
          limit: 60,
          used: 0,
          counted: 0,
          held: 0,
          required: bound(9_999) / 1e6,
          resets_at: (await periodOf(org)).end,
        },
      })
      const [, largest] = new RegExp(`The largest ${field} that would fit is (\\d+)\\.`).exec(message) ?? []
      const fits = Number(largest)
      t.ok(fits >= 1_000 && bound(fits) <= 60e6 && bound(fits + 1) > 60e6, message)
      t.equal(await verdict(call(fits + 1)), '402 request_exceeds_credit_limit')
      t.equal(await store.xlen(keys.outbox(org.id)), 0, 'it does not fire L4')
      t.equal(await verdict(call(fits)), 200)
      await org.usedWhenIdle()
    },
  )
}

void t.test('E1c, strict: where not even the prompt fits, the 402 says so', async (t) => {
  const org = await createOrg(here, { admission: 'strict', limit: 1 })
  const body = chatBody({ messages: [{ role: 'user', content: 'x'.repeat(1_000) }], max_tokens: 1 })
  const { code, message } = await refusal(await postChat(here.dataUrl, org.key, body))
  t.equal(code, 'request_exceeds_credit_limit')
  t.match(message, /Its prompt alone does not fit\./)
})

void t.test('E1, strict: what has no bound is refused with 400, also when little is left', async (t) => {
  const org = await createOrg(here, { admission: 'strict', limit: 1 })
  const response = await postChat(here.dataUrl, org.key, chatBody({ max_tokens: undefined }))
  t.equal(response.status, 400)
  t.match(await refusal(response), { code: 'unbounded_request', message: /set max_tokens/ })
  await saveLimits(org, 0)
  t.equal(
    await verdict(postChat(here.dataUrl, org.key, chatBody({ max_tokens: undefined }))),
    '402 user_credit_limit_reached',
  )
})

void t.test('E3: an organization that hides amounts: none in bodies, headers or the standing', async (t) => {
  const org = await createOrg(here, { limit: 4_321 })
  const explanation = { hideAmounts: true, contact: 'it@example.com' }
  await saveLimits(org, 4_321, { explanation })
  const seen: string[] = []
  const see = async (response: Response): Promise<string> => {
    const text = await response.text()
    // An id of an organization or a request may hold the same digits by chance.
    const headers = [...response.headers].filter(([name]) => name !== 'x-request-id')
    seen.push(text.replaceAll(org.id, ''), JSON.stringify(headers))
    for (const name of ['x-tollgate-credits-remaining', 'ratelimit', 'ratelimit-policy']) {
      t.notOk(response.headers.has(name), `${response.status}: ${name}`)
    }
    return text
  }
  const { end } = await periodOf(org)
  const hidden = { scope: 'user', resets_at: end }

  const call = await startCall(org, chatBody({ max_tokens: 1_000_000 }))
  const busy = await postChat(there.dataUrl, org.key)
  t.equal(busy.status, 429)
  t.same((JSON.parse(await see(busy)) as RefusalBody).error.metadata, hidden)
  t.equal(await call.finish(), 200)
  await org.usedWhenIdle()

  await here.admin('PATCH', `/v1/orgs/${org.id}`, { admission: 'strict' })
  const tooLarge = await postChat(there.dataUrl, org.key, chatBody({ max_tokens: 500_000 }))
  const { code, metadata } = (JSON.parse(await see(tooLarge)) as RefusalBody).error
  t.equal(code, 'request_exceeds_credit_limit')
  t.same(metadata, hidden)
  await here.admin('PATCH', `/v1/orgs/${org.id}`, { admission: 'straddle' })

  origin.answer = (_request, response) => chatAnswerAt(response, 4_322)
  const passed = await postChat(there.dataUrl, org.key)
  t.equal(passed.status, 200)
  t.equal(passed.headers.get('x-tollgate-credits-reset'), end)
  for (const name of ['x-tollgate-credits-remaining', 'ratelimit', 'ratelimit-policy'])
    t.notOk(passed.headers.has(name))
  t.equal(await org.usedWhenIdle(), 4_322.12)

  const denied = await postChat(there.dataUrl, org.key)
  headersOf402(t, denied)
  const { error } = JSON.parse(await see(denied)) as RefusalBody
  t.same(error.metadata, hidden)
  t.equal(
    error.message,
    `You have reached your personal credit limit for this billing period. Your credits reset on ${date(end, 'UTC')}. ` +
      'To go on before that, ask it@example.com to raise your limit.',
  )
  const me = await fetch(`${there.dataUrl}/tollgate/v1/me`, {
    headers: { authorization: `Bearer ${org.key}` },
  })
  t.same(JSON.parse(await see(me)), { user: 'ada', org: org.id, period: await periodOf(org) })
  for (const text of seen) t.notMatch(text, /4,?32[12]|4\.?32[12]e/)
  t.match(await org.user(), { used: 4_322.12, limit: 4_321 }, 'admins see them')

  await saveLimits(org, 4_321, { explanation: { hideAmounts: false } })
  t.match((await refusal(await postChat(there.dataUrl, org.key))).metadata, {
    limit: 4_321,
    counted: 4_322.12,
  })
})

/** What real clients send, through a gateway and to a provider that refuses what it does not know, by public bug reports. */
import { once } from 'node:events'
import { request as httpRequest, type IncomingHttpHeaders } from 'node:http'
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { createOrg, type TestOrg } from '../support/gateway.ts'
import { sendJson } from '../support/providers.ts'
import { CHAT_COST, chatAnswer, chatBody, chunkEvent, DONE_EVENT, type Received } from '../support/origin.ts'
import { exchange } from '../support/wire.ts'
import { frame, raw, rle, store, zstd } from '../support/zstd.ts'
import { openStage } from '../support/stage.ts'

const { origin, start } = await openStage()
const upstream = (family: string, prefix: string, more: object = {}): object => ({
  family,
  prefix,
  url: origin.url,
  apiKey: 'sk-the-providers-own',
  ...more,
})
const gateway = await start({
  config: {
    upstreams: {
      openai: upstream('openai', '/openai'),
      anthropic: upstream('anthropic', '/anthropic'),
      gemini: upstream('gemini', '/gemini'),
      google: upstream('openai', '/google', { url: `${origin.url}/base`, apiPath: '/v1beta/openai' }),
      pathless: upstream('openai', '/pathless', { apiPath: '/' }),
      zhipu: upstream('anthropic', '/zhipu', { apiPath: '/api/paas/v4/' }),
      quiet: upstream('openai', '/quiet', { askForUsage: false }),
      flat: upstream('generic', '/flat', { routes: [{ path: '/v1/thing', creditsPerCall: 1 }] }),
    },
    prices: {
      models: {
        'test-model': { input: 10, output: 100 },
        'dear-model': { input: 10, output: 1_000 },
        'search-model': { input: 10, output: 100, webSearch: 0.01 },
        'compact-model': { input: 10, cachedInput: 1, output: 100, maxOutput: 1_000 },
      },
    },
  },
})

interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly text: string
}

/** A request as a client sends it that sets every header itself. */
async function send(
  key: string | null,
  path: string,
  body: string | Uint8Array | null,
  headers: Readonly<Record<string, string>> = {},
  method = body === null ? 'GET' : 'POST',
): Promise<Answer> {
  const { hostname, port } = new URL(gateway.dataUrl)
  const request = httpRequest({
    hostname,
    port,
    path,
    method,
    headers: {
      ...(key === null ? {} : { authorization: `Bearer ${key}` }),
      ...(body === null ? {} : { 'content-type': 'application/json' }),
      ...headers,
    },
  })
  // What is refused before its end may be answered with a connection that closes.
  request.on('error', () => undefined)
  request.end(body ?? undefined)
  const [response] = (await once(request, 'response')) as [
    AsyncIterable<Buffer> & { statusCode: number; headers: IncomingHttpHeaders },
  ]
  const chunks: Buffer[] = []
  for await (const chunk of response) chunks.push(chunk)
  return { status: response.statusCode, headers: response.headers, text: Buffer.concat(chunks).toString() }
}

const lastReceived = (): Received => {
  const last = origin.received.at(-1)
  if (last === undefined) throw new Error('nothing reached the provider')
  return last
}

function codeOf(text: string): string {
  const { error } = JSON.parse(text) as {
    error: { code?: string | number; details?: { error_code?: string } }
  }
  return error.details?.error_code ?? String(error.code)
}

const MESSAGES_USAGE = { input_tokens: 20, output_tokens: 10 }
const messageAnswer = (response: Parameters<typeof sendJson>[0]): void =>
  sendJson(response, {
    type: 'message',
    model: 'test-model',
    content: [{ type: 'text', text: 'Hi.' }],
    usage: MESSAGES_USAGE,
  })

// --- case 4 ----------------------------------------------------------------------------------------------------------

/** Fields that the provider takes only together with their beta. */
const BETA_OF_FIELD: Readonly<Record<string, string>> = {
  context_management: 'context-management-2025-06-27',
  diagnostics: 'cache-diagnosis-2026-04-07',
  '"defer_loading"': 'advanced-tool-use-2025-11-20',
  '"scope"': 'prompt-caching-scope-2026-01-05',
}

void t.test(
  'case 4: the first turn of Claude Code: fields and betas reach the provider together',
  async (t) => {
    const org = await createOrg(gateway)
    origin.answer = ({ headers, body }, response) => {
      const betas = String(headers['anthropic-beta']).split(',')
      const missing = Object.entries(BETA_OF_FIELD).find(
        ([field, beta]) => body.includes(field) && !betas.includes(beta),
      )
      if (missing === undefined) {
        messageAnswer(response)
        return
      }
      response.writeHead(400, { 'content-type': 'application/json' })
      response.end(JSON.stringify({ error: { message: `${missing[0]}: Extra inputs are not permitted` } }))
    }
    const betas = `claude-code-20250219,interleaved-thinking-2025-05-14,${Object.values(BETA_OF_FIELD).join(',')},thinking-token-count-2026-05-13`
    const body = JSON.stringify({
      model: 'test-model',
      max_tokens: 100,
      system: [{ type: 'text', text: 'x', cache_control: { type: 'ephemeral', scope: 'global' } }],
      tools: [{ name: 't', input_schema: { type: 'object' }, defer_loading: true }],
      diagnostics: { previous_message_id: null },
      context_management: { edits: [{ type: 'clear_thinking_20251015' }] },
      messages: [
        { role: 'user', content: 'x' },
        { role: 'system', content: 'y' },
        { role: 'user', content: 'z' },
      ],
    })
    const headers = { 'anthropic-beta': betas }
    const answer = await send(org.key, '/anthropic/v1/messages?beta=true', body, headers)
    t.equal(answer.status, 200, answer.text)
    t.equal(lastReceived().headers['anthropic-beta'], betas, 'byte for byte')
    t.equal(lastReceived().body, body)
    t.equal(lastReceived().url, '/v1/messages?beta=true')
    const counted = await send(org.key, '/anthropic/v1/messages/count_tokens?beta=true', body, headers)
    t.equal(counted.status, 200)
    t.equal(lastReceived().headers['anthropic-beta'], betas)
    t.equal(await org.usedWhenIdle(), CHAT_COST)
  },
)

void t.test(
  'case 4: a beta that moves money is refused by its name; counting tokens with it is free',
  async (t) => {
    const org = await createOrg(gateway)
    const before = origin.received.length
    const headers = { 'anthropic-beta': 'effort-2025-11-24,fast-mode-2026-02-01' }
    const body = JSON.stringify({ model: 'test-model', max_tokens: 1, messages: [] })
    const answer = await send(org.key, '/anthropic/v1/messages', body, headers)
    t.equal(answer.status, 400)
    t.equal(codeOf(answer.text), 'unsupported_option')
    t.match(answer.text, /fast-mode-2026-02-01.*CLAUDE_CODE_DISABLE_FAST_MODE/)
    t.equal(origin.received.length, before)
    origin.answer = (_request, response) => sendJson(response, { input_tokens: 3 })
    t.equal((await send(org.key, '/anthropic/v1/messages/count_tokens', body, headers)).status, 200)
    t.equal(await org.usedWhenIdle(), 0)
  },
)

// --- case 5 ----------------------------------------------------------------------------------------------------------

const codexBody = (model: string, more: object = {}): string =>
  JSON.stringify({
    model,
    store: false,
    include: ['reasoning.encrypted_content'],
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: 'x' }] }],
    tools: [
      { type: 'function', name: 'shell', parameters: {} },
      { type: 'custom', name: 'apply_patch' },
      {
        type: 'namespace',
        name: 'multi_agent_v1',
        tools: [{ type: 'function', name: 'spawn', parameters: {} }],
      },
      { type: 'web_search', external_web_access: false },
    ],
    client_metadata: { a: 'b' },
    ...more,
  })
const responseAnswer = (response: Parameters<typeof sendJson>[0], usage: object, more: object = {}): void =>
  sendJson(response, { object: 'response', model: 'test-model', output: [], usage, ...more })
const RESPONSE_USAGE = { input_tokens: 20, output_tokens: 10, total_tokens: 30 }

void t.test('case 5: the tools of Codex pass; its searches are held by their price', async (t) => {
  const org = await createOrg(gateway, { limit: 100 })
  let held = 0
  origin.answer = async (_request, response) => {
    held = (await org.user()).held
    responseAnswer(response, RESPONSE_USAGE)
  }
  const body = codexBody('search-model', { max_output_tokens: 100 })
  const answer = await send(org.key, '/openai/v1/responses', body)
  t.equal(answer.status, 200, answer.text)
  t.equal(lastReceived().body, body)
  // Two searches at a credit each, 8,000 tokens for each of them, the prompt's bytes, and 100 tokens of output.
  t.equal(held, 2 + 16 + Math.ceil(Buffer.byteLength(body) / 3) * 0.001 + 1)
  t.equal(await org.usedWhenIdle(), CHAT_COST)
})

void t.test(
  'case 5: a search that the table has no price for is refused, with the switch of the client',
  async (t) => {
    const org = await createOrg(gateway)
    const before = origin.received.length
    const answer = await send(org.key, '/openai/v1/responses', codexBody('test-model'))
    t.equal(answer.status, 400)
    t.equal(codeOf(answer.text), 'unsupported_option')
    t.match(answer.text, /web_search = \\"disabled\\"/)
    const strict = await createOrg(gateway, { admission: 'strict' })
    const unbounded = await send(
      strict.key,
      '/openai/v1/responses',
      codexBody('search-model', { max_output_tokens: 9 }),
    )
    t.equal(codeOf(unbounded.text), 'unbounded_request')
    t.match(unbounded.text, /web_search = \\"disabled\\"/)
    t.equal(origin.received.length, before)
  },
)

// --- case 6 ----------------------------------------------------------------------------------------------------------

const UPGRADE = (path: string, key: string): string =>
  [
    `GET ${path} HTTP/1.1`,
    'host: gw',
    'connection: Upgrade',
    'upgrade: websocket',
    'sec-websocket-version: 13',
    'sec-websocket-key: AAAAAAAAAAAAAAAAAAAAAA==',
    'openai-beta: responses_websockets=2026-02-06',
    `authorization: Bearer ${key}`,
    '',
    '',
  ].join('\r\n')

void t.test('case 6: a WebSocket is refused at once with 426, and the next POST works', async (t) => {
  const org = await createOrg(gateway)
  const before = origin.received.length
  const text = await exchange(gateway.dataUrl, UPGRADE('/openai/v1/responses?x=1', org.key))
  const [head = '', body = ''] = text.split('\r\n\r\n')
  t.match(head, /^HTTP\/1\.1 426 Upgrade Required\r\n/)
  t.match(head, /\r\nconnection: close(\r\n|$)/i)
  t.match(head, /\r\ncontent-type: application\/json/i)
  t.match(head, /\r\nx-request-id: /i)
  t.match(JSON.parse(body), {
    error: { code: 'websocket_not_supported', message: /POST \/openai\/v1\/responses/ },
  })
  t.equal(origin.received.length, before)
  origin.answer = (_request, response) => responseAnswer(response, RESPONSE_USAGE)
  t.equal((await send(org.key, '/openai/v1/responses', '{"model":"test-model","input":"x"}')).status, 200)
})

void t.test('case 6: neighbours of the WebSocket stay what they were', async (t) => {
  const org = await createOrg(gateway)
  const upgrade = { connection: 'Upgrade', upgrade: 'websocket' }
  for (const path of [
    '/openai/v1/chat/completions',
    '/anthropic/v1/messages',
    '/openai/v1/realtime',
    '/v1/responses',
  ]) {
    t.equal((await send(org.key, path, null, upgrade)).status, 404, path)
  }
  const plain = await send(org.key, '/openai/v1/responses', null)
  t.equal(plain.status, 404, 'a GET without an upgrade')
  t.equal(codeOf(plain.text), 'route_not_allowed')
  t.equal((await send(org.key, '/openai/v1/responses', null, { ...upgrade, upgrade: 'h2c' })).status, 404)
  const mixed = await send(org.key, '/google/v1/responses', null, { ...upgrade, upgrade: 'h2c, WebSocket' })
  t.equal(mixed.status, 426, 'any OpenAI upstream')
  origin.answer = (_request, response) => responseAnswer(response, RESPONSE_USAGE)
  const posted = await send(org.key, '/openai/v1/responses', '{"model":"test-model","input":"x"}', upgrade)
  t.equal(posted.status, 200, 'a POST that offers to upgrade')
  t.equal(lastReceived().headers.upgrade, undefined)
})

// --- case 7 ----------------------------------------------------------------------------------------------------------

void t.test('case 7: a compaction is charged as a response is', async (t) => {
  const org = await createOrg(gateway)
  const usage = {
    input_tokens: 192_000,
    input_tokens_details: { cached_tokens: 180_000 },
    output_tokens: 1_500,
    total_tokens: 193_500,
  }
  origin.answer = (_request, response) =>
    responseAnswer(response, usage, { object: 'response.compaction', model: 'compact-model' })
  const body = JSON.stringify({
    model: 'compact-model',
    input: [{ role: 'user', content: 'x' }],
    instructions: 'y',
  })
  const answer = await send(org.key, '/openai/v1/responses/compact', body)
  t.equal(answer.status, 200, answer.text)
  t.equal(lastReceived().url, '/v1/responses/compact')
  t.equal(await org.usedWhenIdle(), 12 + 18 + 15)
  const strict = await createOrg(gateway, { admission: 'strict' })
  t.equal(
    (await send(strict.key, '/openai/v1/responses/compact', body)).status,
    200,
    'the model has a maximum',
  )
  const other = await send(
    strict.key,
    '/openai/v1/responses/compact',
    body.replace('compact-model', 'test-model'),
  )
  t.match(other.text, /maxOutput of the model under prices\.models/)
  const trigger = { input: [{ role: 'user', content: 'x' }, { type: 'compaction_trigger' }], tools: [] }
  const triggered = codexBody('compact-model', { ...trigger, max_output_tokens: 10 })
  t.equal((await send(strict.key, '/openai/v1/responses', triggered)).status, 200, 'a trigger, in strict')
})

// --- case 8 ----------------------------------------------------------------------------------------------------------

const CODINGS: readonly (readonly [coding: string, pack: (bytes: Buffer) => Buffer])[] = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', gzipSync],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
  ['br', brotliCompressSync],
  ['zstd', zstd],
  ['zstd', store],
  ['identity', (bytes) => bytes],
]
/** 40 MB of white space each. */
const SPACES = Buffer.alloc(40_000_000, 0x20)
const BOMBS: readonly (readonly [coding: string, bytes: Buffer])[] = [
  ['gzip', gzipSync(SPACES)],
  ['deflate', deflateSync(SPACES)],
  ['br', brotliCompressSync(SPACES, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
  ['zstd', frame(Array.from({ length: 320 }, () => rle(0x20, 131_072)))],
]
interface Route {
  readonly path: string
  readonly body: string
  readonly answer: (response: Parameters<typeof sendJson>[0]) => void
  readonly cost: number
}
const long = 'x'.repeat(100_000)
const ROUTES: readonly Route[] = [
  {
    path: '/openai/v1/chat/completions',
    body: chatBody({ user: long }),
    answer: chatAnswer,
    cost: CHAT_COST,
  },
  {
    path: '/openai/v1/responses',
    body: JSON.stringify({ model: 'test-model', input: long }),
    answer: (response) => responseAnswer(response, RESPONSE_USAGE),
    cost: CHAT_COST,
  },
  {
    path: '/anthropic/v1/messages',
    body: JSON.stringify({ model: 'test-model', max_tokens: 9, messages: [{ role: 'user', content: long }] }),
    answer: messageAnswer,
    cost: CHAT_COST,
  },
  {
    path: '/gemini/v1beta/models/test-model:generateContent',
    body: JSON.stringify({ contents: [{ parts: [{ text: long }] }] }),
    answer: (response) =>
      sendJson(response, {
        usageMetadata: { promptTokenCount: 20, candidatesTokenCount: 10 },
        candidates: [],
      }),
    cost: CHAT_COST,
  },
  {
    path: '/anthropic/v1/messages/count_tokens',
    body: JSON.stringify({ model: 'test-model', messages: [{ role: 'user', content: long }] }),
    answer: (response) => sendJson(response, { input_tokens: 9 }),
    cost: 0,
  },
  {
    path: '/gemini/v1beta/models/test-model:countTokens',
    body: JSON.stringify({ contents: [{ parts: [{ text: long }] }] }),
    answer: (response) => sendJson(response, { totalTokens: 9 }),
    cost: 0,
  },
]
for (const { path, body, answer, cost } of ROUTES) {
  void t.test(`case 8: ${path}: a compressed body is unpacked, priced, and forwarded plain`, async (t) => {
    const org = await createOrg(gateway)
    origin.answer = (_request, response) => answer(response)
    for (const [coding, pack] of CODINGS) {
      const got = await send(org.key, path, pack(Buffer.from(body)), { 'content-encoding': coding })
      t.equal(got.status, 200, `${coding}: ${got.text}`)
      t.equal(lastReceived().body, body, coding)
      t.equal(lastReceived().headers['content-encoding'], undefined)
      t.equal(lastReceived().headers['content-type'], 'application/json')
    }
    t.equal(await org.usedWhenIdle(), Math.round(CODINGS.length * cost * 100) / 100)
    const packed = gzipSync(body)
    const chunked = { 'content-encoding': 'gzip', 'transfer-encoding': 'chunked' }
    t.equal((await send(org.key, path, packed, chunked)).status, 200)
    t.equal(lastReceived().body, body, 'in chunks')
  })

  void t.test(
    `case 8: ${path}: bombs are 413, broken bodies 400, two encodings and unknown ones 415`,
    async (t) => {
      const org = await createOrg(gateway)
      const before = origin.received.length
      const plain = Buffer.from(body)
      const cut = (bytes: Buffer): Buffer => bytes.subarray(0, bytes.length - 5)
      for (const [status, coding, bytes] of [
        ...BOMBS.map(([coding, bytes]) => [413, coding, bytes] as const),
        [400, 'gzip', cut(gzipSync(plain))],
        [400, 'deflate', cut(deflateSync(plain))],
        [400, 'br', cut(brotliCompressSync(plain))],
        [400, 'zstd', cut(zstd(plain))],
        [400, 'zstd', frame([raw(plain)]).subarray(0, 4)],
        [400, 'gzip', plain],
        [400, 'deflate', Buffer.from([0x78, 0x9c, 0xff, 0xff])],
        [400, 'br', plain],
        [400, 'zstd', plain],
        [400, 'gzip', Buffer.alloc(0)],
        [400, 'zstd', Buffer.alloc(0)],
        [400, 'deflate', Buffer.alloc(0)],
        [400, 'br', Buffer.alloc(0)],
        [415, 'gzip, br', gzipSync(plain)],
        [415, 'gzip, identity', gzipSync(plain)],
        [415, 'gzip,gzip', gzipSync(gzipSync(plain))],
        [415, 'compress', plain],
      ] as const) {
        const got = await send(org.key, path, bytes, { 'content-encoding': coding })
        t.equal(got.status, status, `${coding}: ${got.text}`)
        if (status === 413) t.match(got.text, /limits\.bodyBytes/)
        if (status === 415) t.match(got.text, /gzip, deflate, br and zstd/)
      }
      t.equal(origin.received.length, before, 'nothing reached the provider')
      t.match(await org.user(), { used: 0, held: 0 })
    },
  )
}

void t.test('case 8: a compressed body without a valid key is not unpacked', async (t) => {
  const got = await send('tg_unknown', '/openai/v1/chat/completions', Buffer.from('no gzip'), {
    'content-encoding': 'gzip',
  })
  t.equal(got.status, 401)
})

void t.test('case 8: what nobody reads goes on as it came', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => sendJson(response, {})
  t.equal((await send(org.key, '/flat/v1/thing', 'packed', { 'content-encoding': 'br' })).status, 200)
  t.match(lastReceived(), { body: 'packed', headers: { 'content-encoding': 'br' } })
})

// --- case 15 ---------------------------------------------------------------------------------------------------------

for (const [path, body, url] of [
  ['/google/v1/chat/completions?a=b', chatBody(), '/base/v1beta/openai/chat/completions?a=b'],
  ['/google/v1/models', null, '/base/v1beta/openai/models'],
  ['/google/v1/models/a/b?x=1', null, '/base/v1beta/openai/models/a/b?x=1'],
  ['/pathless/v1/chat/completions', chatBody(), '/chat/completions'],
  ['/pathless/v1/moderations', '{"input":"x"}', '/moderations'],
  ['/zhipu/v1/messages', '{"model":"test-model","max_tokens":1,"messages":[]}', '/api/paas/v4/messages'],
  ['/zhipu/v1/messages/count_tokens', '{}', '/api/paas/v4/messages/count_tokens'],
  ['/openai/v1/models', null, '/v1/models'],
] as const) {
  void t.test(`case 15: ${path} is asked for at ${url}`, async (t) => {
    const org = await createOrg(gateway)
    origin.answer = (_request, response) => sendJson(response, { usage: MESSAGES_USAGE })
    const got = await send(org.key, path, body)
    t.equal(got.status, 200, got.text)
    t.equal(lastReceived().url, url)
  })
}

void t.test('case 15: the provider’s own path is no route of the gateway', async (t) => {
  const org = await createOrg(gateway)
  const before = origin.received.length
  for (const path of ['/google/v1beta/openai/chat/completions', '/pathless/chat/completions'])
    t.equal((await send(org.key, path, chatBody())).status, 404, path)
  t.equal(origin.received.length, before)
})

// --- cases 23, 26, 28 to 30, 33, 34 ------------------------------------------------------------------------------------

function streamAnswer(request: Received, response: Parameters<typeof chatAnswer>[0]): void {
  if (request.body.includes('stream_options')) {
    response.writeHead(400, { 'content-type': 'application/json' })
    response.end('{"error":{"message":"Unrecognized request argument: stream_options"}}')
    return
  }
  response.writeHead(200, {
    'content-type': 'text/event-stream',
    'x-accel-buffering': 'yes',
    'x-accel-redirect': '/x',
  })
  response.end(chunkEvent('word'.repeat(10)) + DONE_EVENT)
}

void t.test(
  'case 23: an upstream that refuses stream_options is not asked for usage, and estimated',
  async (t) => {
    const org = await createOrg(gateway)
    origin.answer = streamAnswer
    const body = chatBody({ stream: true })
    const got = await send(org.key, '/quiet/v1/chat/completions', body)
    t.equal(got.status, 200, got.text)
    t.equal(lastReceived().body, body, 'byte for byte')
    t.equal(await org.usedWhenIdle(), Math.ceil(body.length / 3) * 0.001 + 10 * 0.01)
    t.equal((await send(org.key, '/openai/v1/chat/completions', body)).status, 400, 'others are')
  },
)

void t.test('case 26: api-key is a credential like the others, and never reaches the provider', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => chatAnswer(response)
  for (const path of ['/openai/v1/chat/completions', '/google/v1/chat/completions']) {
    const got = await send(null, path, chatBody(), { 'api-key': org.key })
    t.equal(got.status, 200, got.text)
    t.match(lastReceived().headers, { authorization: 'Bearer sk-the-providers-own' })
    t.equal(lastReceived().headers['api-key'], undefined)
  }
  t.equal((await send(null, '/openai/v1/models', null, { 'api-key': org.key })).status, 200)
  t.equal(lastReceived().headers['api-key'], undefined)
  t.equal((await send(null, '/tollgate/v1/me', null, { 'api-key': org.key })).status, 200)
  const before = origin.received.length
  const two = await send(org.key, '/openai/v1/chat/completions', chatBody(), { 'api-key': 'callers-secret' })
  t.equal(two.status, 401)
  t.match(two.text, /differ/)
  t.notMatch(two.text, /callers-secret/)
  const azure = await send(
    org.key,
    '/openai/openai/deployments/gpt-4o/chat/completions?api-version=2024-10-21',
    chatBody(),
  )
  t.equal(azure.status, 404)
  t.equal(origin.received.length, before)
  t.notMatch(gateway.log.join('\n'), new RegExp(org.key))
})

void t.test('case 28: the hold is for the dearest of the models that may answer', async (t) => {
  const org = await createOrg(gateway)
  let held = 0
  origin.answer = async (_request, response) => {
    held = (await org.user()).held
    chatAnswer(response)
  }
  const body = chatBody({ models: ['test-model', 'dear-model'] })
  t.equal((await send(org.key, '/openai/v1/chat/completions', body)).status, 200)
  t.equal(held, Math.ceil(body.length / 3) * 0.001 + 10)
  t.equal(await org.usedWhenIdle(), CHAT_COST, 'and charged is the one that did')
  const unknown = await send(org.key, '/openai/v1/chat/completions', chatBody({ models: ['no-such-model'] }))
  t.match(unknown.text, /no-such-model/)
  t.equal(unknown.status, 400)
})

void t.test(
  'case 29: a body of 25 MB reaches the provider; one that is too large names the setting',
  async (t) => {
    const org = await createOrg(gateway)
    origin.answer = (_request, response) => messageAnswer(response)
    const source = { type: 'base64', media_type: 'image/png', data: 'A'.repeat(25_000_000) }
    const body = JSON.stringify({
      model: 'test-model',
      max_tokens: 9,
      messages: [{ role: 'user', content: [{ type: 'image', source }] }],
    })
    t.equal((await send(org.key, '/anthropic/v1/messages', body)).status, 200)
    t.equal(lastReceived().body.length, body.length)
    for (const path of ['/anthropic/v1/messages', '/anthropic/v1/messages/count_tokens']) {
      const huge = await send(org.key, path, 'x'.repeat(33_554_433))
      t.equal(huge.status, 413)
      t.match(huge.text, /33554432 bytes \(limits\.bodyBytes\)/)
    }
  },
)

const FRAMINGS: readonly Readonly<Record<string, string>>[] = [
  { 'transfer-encoding': 'chunked' },
  {},
  { 'content-type': 'application/json; charset=utf-8' },
]
for (const path of [
  '/anthropic/v1/messages/count_tokens',
  '/gemini/v1beta/models/test-model:countTokens',
  '/openai/v1/responses/input_tokens',
  '/openai/v1/moderations',
]) {
  void t.test(
    `cases 30 and 34: ${path} is free, also in chunks, and for a user whose limit is 0`,
    async (t) => {
      const org = await createOrg(gateway, { limit: 0 })
      origin.answer = (_request, response) => sendJson(response, { input_tokens: 1 })
      const body = JSON.stringify({ model: 'no-such-model', input: 'x'.repeat(2_000) })
      for (const headers of FRAMINGS) {
        const got = await send(org.key, path, body, headers)
        t.equal(got.status, 200, got.text)
        t.equal(lastReceived().body, body)
        t.equal(lastReceived().headers['content-length'], String(body.length))
      }
      t.equal((await send(org.key, path, '', { 'content-length': '0' })).status, 200, 'without a body')
      const before = origin.received.length
      t.equal((await send('tg_unknown', path, body)).status, 401)
      const huge = await send(org.key, path, 'x'.repeat(33_554_433), { 'transfer-encoding': 'chunked' })
      t.equal(huge.status, 413, 'a bound holds for chunks')
      t.equal(origin.received.length, before)
      t.equal(await org.usedWhenIdle(), 0)
    },
  )
}

void t.test('case 34: what costs is not passed as free', async (t) => {
  const org = await createOrg(gateway)
  const before = origin.received.length
  for (const path of [
    '/openai/v1/alpha/search',
    '/openai/v1/responses/input_tokens/x',
    '/openai/v1/moderations/..',
  ]) {
    t.equal((await send(org.key, path, '{}')).status, 404, path)
  }
  t.equal((await send(org.key, '/openai/v1/moderations', null)).status, 404, 'a GET')
  t.equal(origin.received.length, before)
})

interface Stream {
  readonly path: string
  readonly body: string
  readonly type: string
  readonly text: string
}
const STREAMS: readonly Stream[] = [
  {
    path: '/quiet/v1/chat/completions',
    body: chatBody({ stream: true }),
    type: 'text/event-stream',
    text: DONE_EVENT,
  },
  {
    path: '/anthropic/v1/messages',
    body: '{"model":"test-model","max_tokens":1,"messages":[],"stream":true}',
    type: 'text/event-stream; charset=utf-8',
    text: 'event: ping\ndata: {}\n\n',
  },
  {
    path: '/gemini/v1beta/models/test-model:streamGenerateContent',
    body: '{"contents":[]}',
    type: 'application/json',
    text: '[{}]',
  },
  {
    path: '/openai/v1/responses',
    body: '{"model":"test-model","input":"x","stream":true}',
    type: 'text/plain',
    text: 'data: {}\n\n',
  },
]
for (const { path, body, type, text } of STREAMS) {
  void t.test(`case 33: a stream of ${path} as ${type} tells nginx not to buffer it`, async (t) => {
    const org = await createOrg(gateway)
    origin.answer = (_request, response) => {
      response.writeHead(200, {
        'content-type': type,
        'x-accel-buffering': 'yes',
        'x-accel-redirect': '/secret',
      })
      response.end(text)
    }
    const got = await send(org.key, path, body)
    t.equal(got.status, 200, got.text)
    t.equal(got.headers['x-accel-buffering'], 'no')
    t.equal(got.headers['x-accel-redirect'], undefined, 'and no provider redirects it')
  })
}

void t.test('case 33: a whole answer leaves buffering to nginx', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => chatAnswer(response)
  const got = await send(org.key, '/openai/v1/chat/completions', chatBody())
  t.equal(got.headers['x-accel-buffering'], undefined)
})

void t.test('case 17: -1 as a bound goes on as it came; in strict it is none', async (t) => {
  const org = await createOrg(gateway)
  origin.answer = (_request, response) => chatAnswer(response)
  const body = chatBody({ max_tokens: -1 })
  t.equal((await send(org.key, '/openai/v1/chat/completions', body)).status, 200)
  t.equal(lastReceived().body, body)
  const strict: TestOrg = await createOrg(gateway, { admission: 'strict' })
  const got = await send(strict.key, '/openai/v1/chat/completions', body)
  t.equal(got.status, 400)
  t.equal(codeOf(got.text), 'unbounded_request')
})

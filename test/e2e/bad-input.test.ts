import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import t from 'tap'
import { createOrg } from '../support/gateway.ts'
import { chatBody, postChat } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'

const { origin, start } = await openStage()
const gateway = await start({
  config: { limits: { bodyBytes: 20_000 } },
})
const org = await createOrg(gateway)
const appKey = await org.createKey({ name: 'app', app: true, sources: ['workflow', 'chat'] })
await gateway.admin('PUT', `/v1/orgs/${org.id}/members/boss`, { email: null, name: null, role: 'admin' })
const adminKey = await org.createKey({ name: 'boss', user: 'boss', scope: 'admin' })

interface Case {
  readonly name: string
  readonly path?: string
  readonly method?: string
  readonly key?: string | null
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Uint8Array
  readonly status: number
  readonly code: string
  /** What the message has to name. */
  readonly says?: RegExp
}

const flipped = org.key.slice(0, -1) + (org.key.endsWith('A') ? 'B' : 'A')
const CASES: readonly Case[] = [
  { name: 'no key', key: null, status: 401, code: 'invalid_api_key', says: /no API key/ },
  { name: 'a key of another kind', key: 'sk-abc', status: 401, code: 'invalid_api_key' },
  { name: 'a key with a wrong check sum', key: flipped, status: 401, code: 'invalid_api_key' },
  { name: 'a key of the admin plane', key: adminKey, status: 401, code: 'invalid_api_key', says: /admin/ },
  {
    name: 'an Authorization header of another scheme',
    key: null,
    headers: { authorization: 'Basic abc' },
    status: 401,
    code: 'invalid_api_key',
    says: /Bearer/,
  },
  {
    name: 'two keys that differ',
    headers: { 'x-api-key': appKey },
    status: 401,
    code: 'invalid_api_key',
    says: /differ/,
  },
  {
    name: 'an unknown model (C7)',
    body: chatBody({ model: 'no-such-model' }),
    status: 400,
    code: 'model_not_priced',
    says: /no-such-model/,
  },
  { name: 'no model', body: '{"messages":[]}', status: 400, code: 'invalid_request', says: /model/ },
  {
    name: 'a model that is a number',
    body: '{"model":7,"messages":[]}',
    status: 400,
    code: 'invalid_request',
    says: /model/,
  },
  {
    name: 'a model twice',
    body: '{"model":"test-model","model":"gpt-5","messages":[]}',
    status: 400,
    code: 'invalid_request',
    says: /'model'/,
  },
  {
    name: 'a model twice, once escaped',
    body: '{"model":"test-model","mod\\u0065l":"gpt-5","messages":[]}',
    status: 400,
    code: 'invalid_request',
    says: /'model'/,
  },
  {
    name: 'a model in another case',
    body: '{"model":"test-model","Model":"gpt-5","messages":[]}',
    status: 400,
    code: 'invalid_request',
    says: /'model'/,
  },
  {
    name: 'max_tokens twice',
    body: '{"model":"test-model","max_tokens":1,"messages":[],"max_tokens":9}',
    status: 400,
    code: 'invalid_request',
    says: /max_tokens/,
  },
  {
    name: '__proto__',
    body: '{"model":"test-model","messages":[],"__proto__":{"n":1}}',
    status: 400,
    code: 'invalid_request',
    says: /JSON/,
  },
  {
    name: '__proto__ deep inside',
    body: '{"model":"test-model","messages":[{"__proto__":{"a":1}}]}',
    status: 400,
    code: 'invalid_request',
    says: /JSON/,
  },
  {
    name: 'a body over the limit',
    body: chatBody({ x: 'x'.repeat(30_000) }),
    status: 413,
    code: 'body_too_large',
    says: /20000/,
  },
  { name: 'invalid JSON', body: '{"model":', status: 400, code: 'invalid_request', says: /JSON/ },
  { name: 'no body', body: '', status: 400, code: 'invalid_request' },
  {
    name: 'JSON that is no object',
    body: '["test-model"]',
    status: 400,
    code: 'invalid_request',
    says: /object/,
  },
  {
    name: 'invalid UTF-8',
    body: Buffer.from([0x7b, 0xff, 0x7d]),
    status: 400,
    code: 'invalid_request',
    says: /UTF-8/,
  },
  {
    name: 'a wrong content type',
    headers: { 'content-type': 'text/plain' },
    status: 400,
    code: 'invalid_request',
    says: /application\/json/,
  },
  {
    name: 'a body compressed twice',
    headers: { 'content-encoding': 'gzip, gzip' },
    body: gzipSync(gzipSync(chatBody())),
    status: 415,
    code: 'unsupported_encoding',
    says: /gzip/,
  },
  {
    name: 'a body that is not compressed as it says',
    headers: { 'content-encoding': 'gzip' },
    status: 400,
    code: 'invalid_request',
    says: /not valid gzip/,
  },
  {
    name: 'a user name with braces',
    key: appKey,
    headers: { 'x-tollgate-user': 'a{b}' },
    status: 400,
    code: 'invalid_request',
    says: /x-tollgate-user/,
  },
  {
    name: 'an unknown user (A5)',
    key: appKey,
    headers: { 'x-tollgate-user': 'mallory' },
    status: 403,
    code: 'unknown_user',
    says: /mallory/,
  },
  {
    name: 'an app key without a user',
    key: appKey,
    status: 400,
    code: 'user_required',
    says: /x-tollgate-user/,
  },
  {
    name: 'a user key that names another user',
    headers: { 'x-tollgate-user': 'boss' },
    status: 403,
    code: 'user_not_allowed',
  },
  {
    name: 'a forged source',
    headers: { 'x-tollgate-source': 'agent_deployment' },
    status: 403,
    code: 'source_not_allowed',
    says: /agent_deployment/,
  },
  {
    name: 'a source that does not exist',
    headers: { 'x-tollgate-source': 'cron' },
    status: 403,
    code: 'source_not_allowed',
  },
  {
    name: 'max_tokens that is no whole number',
    body: chatBody({ max_tokens: 1.5 }),
    status: 400,
    code: 'invalid_request',
    says: /max_tokens/,
  },
  {
    name: 'a negative max_tokens',
    body: chatBody({ max_tokens: -2 }),
    status: 400,
    code: 'invalid_request',
    says: /max_tokens/,
  },
  { name: 'n of 0', body: chatBody({ n: 0 }), status: 400, code: 'invalid_request', says: /'n'/ },
  {
    name: 'a service tier without a price (C7)',
    body: chatBody({ service_tier: 'priority' }),
    status: 400,
    code: 'unsupported_option',
    says: /service_tier/,
  },
  {
    name: 'a tool of the provider’s without a price (C7)',
    body: chatBody({ tools: [{ type: 'web_search' }] }),
    status: 400,
    code: 'unsupported_option',
    says: /web_search/,
  },
  {
    name: 'a tool with two types, of which only one is the caller’s (C7)',
    body: '{"model":"test-model","messages":[],"tools":[{"type":"web_search","type":"function"}]}',
    status: 400,
    code: 'invalid_request',
    says: /tools/,
  },
  {
    name: 'a stored prompt, which may bring tools of its own (C7)',
    path: '/openai/v1/responses',
    body: '{"model":"test-model","input":"x","prompt":{"id":"pmpt_1"}}',
    status: 400,
    code: 'unsupported_option',
    says: /prompt/,
  },
  {
    name: 'a body made of keys, which would keep every other call waiting',
    body: `{"model":"test-model","messages":[]${',"a":1'.repeat(1_500)}}`,
    status: 400,
    code: 'invalid_request',
    says: /1000 keys/,
  },
  {
    name: 'background work (C7)',
    path: '/openai/v1/responses',
    body: '{"model":"test-model","input":"x","background":true}',
    status: 400,
    code: 'unsupported_option',
    says: /background/,
  },
  {
    name: 'an unknown path',
    path: '/openai/v1/files',
    status: 404,
    code: 'route_not_allowed',
    says: /creditsPerCall/,
  },
  {
    name: 'a metered path with another method',
    path: '/openai/v1/chat/completions',
    method: 'PUT',
    status: 404,
    code: 'route_not_allowed',
  },
  {
    name: 'a free path with another method',
    path: '/openai/v1/models',
    method: 'DELETE',
    status: 404,
    code: 'route_not_allowed',
  },
  {
    name: 'a batch route that would skip the check',
    path: '/openai/v1/batches',
    status: 404,
    code: 'route_not_allowed',
  },
]

for (const c of CASES) {
  void t.test(`bad input: ${c.name} → ${c.status} ${c.code}, nothing sent, nothing charged`, async (t) => {
    const before = origin.received.length
    const key = c.key === undefined ? org.key : c.key
    const method = c.method ?? 'POST'
    const response = await fetch(gateway.dataUrl + (c.path ?? '/openai/v1/chat/completions'), {
      method,
      headers: {
        'content-type': 'application/json',
        ...(key === null ? {} : { authorization: `Bearer ${key}` }),
        ...c.headers,
      },
      ...(method === 'GET' ? {} : { body: c.body ?? chatBody() }),
    })
    const text = await response.text()
    t.equal(response.status, c.status, text)
    const { error } = JSON.parse(text) as { error: { message: string; type: string; code: string } }
    t.equal(error.code, c.code)
    t.ok(error.message.length > 10)
    if (c.says !== undefined) t.match(error.message, c.says)
    t.ok(response.headers.get('x-request-id'), 'has a request id')
    t.equal(origin.received.length, before, 'nothing reached the provider')
  })
}

void t.test('the calls above charged nothing and hold nothing', async (t) => {
  t.match(await org.user(), { used: 0, held: 0 })
  t.equal((await postChat(gateway.dataUrl, org.key)).status, 200)
})

/** A path as it stands on the wire: fetch would clean it up. */
function rawGet(path: string): Promise<{ status: number; body: string }> {
  return rawSend('GET', path, '')
}

function rawSend(method: string, path: string, sent: string): Promise<{ status: number; body: string }> {
  const { hostname, port } = new URL(gateway.dataUrl)
  return new Promise((resolve, reject) => {
    const headers = { authorization: `Bearer ${org.key}`, 'content-type': 'application/json' }
    const request = httpRequest({ hostname, port, method, path, headers }, (response) => {
      let body = ''
      response.on('data', (chunk: Buffer) => (body += chunk.toString()))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body }))
    })
    request.on('error', reject)
    request.end(sent)
  })
}

void t.test('a metered path ends where the provider’s does: # smuggles nothing behind it', async (t) => {
  const before = origin.received.length
  const { status, body } = await rawSend(
    'POST',
    '/openai/v1/chat/completions#/../../../v1/images/generations',
    chatBody(),
  )
  t.equal(status, 404, body)
  t.match(body, /route_not_allowed/)
  t.equal(origin.received.length, before)
})

for (const path of [
  '/openai//evil.example/v1/models',
  '/openai/v1/models/%252e%252e/files',
  '/openai/v1/models/../files',
  '/openai/v1/models/%2e%2e/files',
  '/openai/v1//models',
  '/openai/V1/models',
  '//openai/v1/models',
  '/openai/v1/models/a%00b',
  '/openai/v1/models#/../files',
  '/openai',
  '/',
]) {
  void t.test(`only exact routes pass: GET ${path}`, async (t) => {
    const before = origin.received.length
    const { status, body } = await rawGet(path)
    t.equal(status, 404, body)
    t.match(body, /route_not_allowed/)
    t.equal(origin.received.length, before)
  })
}

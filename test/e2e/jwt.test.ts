/** Callers with a JWT instead of a virtual key, through gateways that fetch the keys of real issuers. */
import { createHmac } from 'node:crypto'
import type { JWTPayload } from 'jose'
import t, { type Test } from 'tap'
import * as keys from '../../src/store/keys.ts'
import { createOrg, startGateway, type TestGateway, type TestOrg } from '../support/gateway.ts'
import { AUDIENCE, inSeconds, publish, startIssuer, type Issuer, type SigningKey } from '../support/issuer.ts'
import { openClient } from '../support/ledger.ts'
import { CHAT_COST, chatBody, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const redis = await startRedis()
const store = await openClient({ url: redis.url })
const origin = await startOrigin()
const issuer = await startIssuer('https://id.example.com/')
const [rsa, ec, hidden] = await Promise.all([
  issuer.makeKey('RS256'),
  issuer.makeKey('ES256'),
  issuer.makeKey('ES256'),
])
issuer.published = [rsa.jwk, ec.jwk]
/** An issuer of another make, which speaks for one organization only. */
const other = await startIssuer('other')
const [otherKey, otherRsa] = await Promise.all([other.makeKey('ES256'), other.makeKey('RS256')])
other.published = [otherKey.jwk, otherRsa.jwk]
const OTHER_ORG = 'bound'
const OTHER_CLAIMS = { 'https://other/org': OTHER_ORG, email: 'ada@example.com' }

function configOf(issuers: readonly Issuer[]): Readonly<Record<string, unknown>> {
  const claims = { org: 'org_id', user: 'sub', source: 'tollgate_source' }
  const jwt = issuers.map(({ name, jwksUrl }) => ({
    issuer: name,
    jwksUrl,
    audience: AUDIENCE,
    ...(name === other.name
      ? { algorithms: ['ES256'], claims: { org: 'https://other/org', user: 'email' }, orgs: [OTHER_ORG] }
      : { algorithms: ['RS256', 'ES256'], claims }),
  }))
  return { auth: { jwt }, log: { level: 'debug' } }
}

const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: origin.url,
  config: configOf([issuer, other]),
})
t.teardown(async () => {
  await gateway.stop()
  store.disconnect()
  await Promise.all([issuer.stop(), other.stop(), origin.stop()])
  await redis.stop()
})

type Headers = Readonly<Record<string, string>>

function bearer(token: string, more: Headers = {}): Headers {
  return { authorization: `Bearer ${token}`, ...more }
}

function chat(headers: Headers, at: TestGateway = gateway): Promise<Response> {
  return fetch(`${at.dataUrl}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: chatBody(),
  })
}

function models(headers: Headers, at: TestGateway = gateway): Promise<Response> {
  return fetch(`${at.dataUrl}/openai/v1/models`, { headers })
}

function me(headers: Headers, at: TestGateway = gateway): Promise<Response> {
  return fetch(`${at.dataUrl}/tollgate/v1/me`, { headers })
}

/** Status of an answer, with the code of its error where it is a refusal. */
async function verdict(answer: Promise<Response>): Promise<number | string> {
  const response = await answer
  const body = (await response.json()) as { error?: { code: string }; code?: string }
  return response.status < 400 ? response.status : `${response.status} ${body.error?.code ?? body.code ?? ''}`
}

/** A token of a member; `claims` stand over what it says by itself. */
function tokenOf(org: TestOrg, claims: JWTPayload = {}, key: SigningKey = ec): Promise<string> {
  return issuer.sign(key, { org_id: org.id, sub: 'ada', ...claims })
}

const org = await createOrg(gateway)
await gateway.admin('PUT', `/v1/orgs/${org.id}/members/grace`, { role: 'member' })
const rich = await createOrg(gateway)
await gateway.admin('POST', '/v1/orgs', { id: OTHER_ORG, name: OTHER_ORG, allowance: 1000 })
await gateway.admin('PUT', `/v1/orgs/${OTHER_ORG}/members/ada@example.com`, { role: 'member' })

for (const key of [rsa, ec]) {
  void t.test(
    `a ${key.alg} token pays for its user, and reaches neither the provider nor the log`,
    async (t) => {
      const org = await createOrg(gateway)
      await gateway.admin('PUT', `/v1/orgs/${org.id}/members/grace`, { role: 'member' })
      const token = await tokenOf(org, { sub: 'grace' }, key)
      for (const call of [chat, models]) {
        t.equal(await verdict(call(bearer(token, { 'x-api-key': token }))), 200)
        const received = origin.received.at(-1)
        t.equal(received?.headers.authorization, 'Bearer sk-the-providers-own')
        t.notMatch(JSON.stringify(received), token)
      }
      t.equal(await org.usedWhenIdle('grace'), CHAT_COST)
      t.equal(await org.usedWhenIdle('ada'), 0)
      t.match(await (await me(bearer(token))).json(), {
        org: org.id,
        user: 'grace',
        used: CHAT_COST,
        held: 0,
      })
      for (const part of token.split('.').slice(1)) t.notMatch(gateway.log.join('\n'), part)
    },
  )
}

void t.test('claims may have other names, and another issuer beside the first', async (t) => {
  t.equal(await verdict(chat(bearer(await other.sign(otherKey, OTHER_CLAIMS)))), 200)
  const foreign = await other.sign(otherKey, { ...OTHER_CLAIMS, 'https://other/org': org.id, email: 'ada' })
  t.equal(
    await verdict(chat(bearer(foreign))),
    '401 invalid_api_key',
    'it speaks for its own organization only',
  )
})

void t.test('virtual keys go on working beside tokens', async (t) => {
  t.equal(await verdict(chat(bearer(rich.key))), 200)
  t.equal(await verdict(chat(bearer('tg_not.a.key'))), '401 invalid_api_key')
  t.equal(await verdict(chat(bearer('tg_not.a.key.at.all'))), '401 invalid_api_key')
})

void t.test('the audience may be one of several', async (t) => {
  t.equal(await verdict(chat(bearer(await tokenOf(rich, { aud: ['elsewhere', AUDIENCE] })))), 200)
})

// --- what is refused ------------------------------------------------------------------------------------------------

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function good(): JWTPayload {
  return { iss: issuer.name, aud: AUDIENCE, exp: inSeconds(300), org_id: org.id, sub: 'ada' }
}

/** A token with any header, and a signature made by `sign` of what stands before it. */
function forged(header: unknown, sign: (signed: string) => string): string {
  const signed = `${encode(header)}.${encode(good())}`
  return `${signed}.${sign(signed)}`
}

function signedWithSecret(secret: string, kid: string): string {
  return forged({ alg: 'HS256', kid }, (signed) =>
    createHmac('sha256', secret).update(signed).digest('base64url'),
  )
}

/** A token with another payload or header under the signature of a good one. */
async function spliced(part: 0 | 1, change: Readonly<Record<string, unknown>>): Promise<string> {
  const parts = (await tokenOf(org)).split('.')
  const before = JSON.parse(Buffer.from(parts[part] ?? '', 'base64url').toString()) as object
  parts[part] = encode({ ...before, ...change })
  return parts.join('.')
}

async function withoutClaim(claim: string): Promise<string> {
  return issuer.sign(ec, { ...good(), [claim]: undefined })
}

interface Case {
  readonly name: string
  readonly token: () => string | Promise<string>
  readonly headers?: Headers
  /** Status and code; 401 where nothing is said. */
  readonly verdict?: string
  /** Where nothing is charged, an organization that does not exist is one without this member. */
  readonly paidOnly?: boolean
}

const CASES: readonly Case[] = [
  {
    name: 'of an issuer that is not configured',
    token: () => tokenOf(org, { iss: 'https://evil.example/' }),
  },
  {
    name: 'whose issuer differs in one character',
    token: () => tokenOf(org, { iss: 'https://id.example.com' }),
  },
  { name: 'that claims the other issuer', token: () => tokenOf(org, { iss: other.name }) },
  {
    name: 'whose issuer is a list',
    token: () => issuer.sign(ec, { ...good(), iss: [issuer.name] as never }),
  },
  { name: 'for another audience', token: () => tokenOf(org, { aud: 'elsewhere' }) },
  { name: 'whose audience only begins like ours', token: () => tokenOf(org, { aud: `${AUDIENCE}-2` }) },
  { name: 'that has expired', token: () => tokenOf(org, { exp: inSeconds(-10) }) },
  { name: 'that is not yet valid', token: () => tokenOf(org, { nbf: inSeconds(60) }) },
  { name: 'whose expiry is a text', token: () => issuer.sign(ec, { ...good(), exp: '9999999999' as never }) },
  ...['iss', 'aud', 'exp', 'org_id', 'sub'].map((claim) => ({
    name: `without ${claim}`,
    token: () => withoutClaim(claim),
  })),
  {
    name: 'of an algorithm that is not allowed, though its key is published',
    token: () => other.sign(otherRsa, OTHER_CLAIMS),
  },
  {
    name: 'of one key under the name of another',
    token: () => issuer.sign(ec, good(), { kid: rsa.kid }),
  },
  { name: 'signed with the public key as a secret (RSA)', token: () => signedWithSecret(rsa.pem, rsa.kid) },
  { name: 'signed with the public key as a secret (EC)', token: () => signedWithSecret(ec.pem, ec.kid) },
  {
    name: 'signed with the published key as a secret',
    token: () => signedWithSecret(JSON.stringify(rsa.jwk), rsa.kid),
  },
  { name: 'with no signature', token: () => forged({ alg: 'none' }, () => '') },
  {
    name: 'with no signature, and a key’s name',
    token: () => forged({ alg: 'none', kid: ec.kid }, () => ''),
  },
  { name: 'with None for its algorithm', token: () => forged({ alg: 'None', kid: ec.kid }, () => 'AAAA') },
  { name: 'without an algorithm', token: () => forged({ kid: ec.kid }, () => 'AAAA') },
  { name: 'whose signature is cut off', token: async () => (await tokenOf(org)).replace(/[^.]+$/, '') },
  {
    name: 'whose signature is another’s',
    token: async () => (await tokenOf(org)).replace(/[^.]+$/, (await tokenOf(rich)).split('.')[2] ?? ''),
  },
  { name: 'with another user under a good signature', token: () => spliced(1, { sub: 'grace' }) },
  { name: 'with another organization under a good signature', token: () => spliced(1, { org_id: rich.id }) },
  { name: 'that lives longer than was signed', token: () => spliced(1, { exp: inSeconds(9_999) }) },
  { name: 'of a key that is not published', token: () => tokenOf(org, {}, hidden) },
  {
    name: 'of a key that is not published, under a known name',
    token: () => issuer.sign(hidden, good(), { kid: ec.kid }),
  },
  {
    name: 'that brings its own key',
    token: () =>
      issuer.sign(hidden, good(), {
        kid: ec.kid,
        jwk: hidden.jwk,
        jku: 'http://127.0.0.1:1/',
        x5u: 'http://127.0.0.1:1/',
      }),
  },
  { name: 'whose user has braces', token: () => tokenOf(org, { sub: 'a{b}' }) },
  { name: 'whose user is a number', token: () => issuer.sign(ec, { ...good(), sub: 7 as never }) },
  { name: 'whose organization has braces', token: () => issuer.sign(ec, { ...good(), org_id: '{a}' }) },
  { name: 'whose source does not exist', token: () => tokenOf(org, { tollgate_source: 'cron' }) },
  { name: 'that is no JSON', token: () => 'eyJ.eyJ.abc' },
  { name: 'of nothing but dots', token: () => '..' },
  {
    name: 'beside a key',
    token: () => tokenOf(org),
    headers: { 'x-api-key': org.key },
  },
  {
    name: 'of an unknown organization',
    token: () => issuer.sign(ec, { ...good(), org_id: 'nowhere' }),
    paidOnly: true,
  },
  {
    name: 'of an unknown user (A5)',
    token: () => tokenOf(org, { sub: 'mallory' }),
    verdict: '403 unknown_user',
  },
  {
    name: 'that names another user',
    token: () => tokenOf(org),
    headers: { 'x-tollgate-user': 'grace' },
    verdict: '403 user_not_allowed',
  },
  {
    name: 'that names no possible user',
    token: () => tokenOf(org),
    headers: { 'x-tollgate-user': 'a{b}' },
    verdict: '400 invalid_request',
  },
  {
    name: 'with a source that it does not have',
    token: () => tokenOf(org),
    headers: { 'x-tollgate-source': 'workflow' },
    verdict: '403 source_not_allowed',
  },
]

for (const {
  name,
  token: make,
  headers,
  verdict: expected = '401 invalid_api_key',
  paidOnly = false,
} of CASES) {
  void t.test(`a token ${name} → ${expected}, nothing sent, nothing logged of it`, async (t) => {
    const token = await make()
    const before = origin.received.length
    for (const call of paidOnly ? [chat] : [chat, models, me]) {
      t.equal(await verdict(call(bearer(token, headers))), expected)
    }
    t.equal(origin.received.length, before, 'nothing reached the provider')
    if (token.length > 20) t.notMatch(gateway.log.join('\n'), token)
  })
}

void t.test('the calls above charged nothing and hold nothing', async (t) => {
  for (const user of ['ada', 'grace']) t.match(await org.user(user), { used: 0, held: 0 })
  t.same(await store.hkeys(keys.members(org.id)), ['ada', 'grace'], 'and enrolled nobody')
})

void t.test('a token is accepted only as a bearer', async (t) => {
  const token = await tokenOf(org)
  t.equal(await verdict(chat({ 'x-api-key': token })), '401 invalid_api_key')
  t.equal(await verdict(chat({ 'x-goog-api-key': token })), '401 invalid_api_key')
  t.equal(await verdict(fetch(`${gateway.dataUrl}/openai/v1/models?key=${token}`)), '401 invalid_api_key')
  t.notMatch(gateway.log.join('\n'), token)
})

void t.test('a refusal says what a token needs, in the format of the API', async (t) => {
  const response = await chat(bearer(await tokenOf(org, { aud: 'elsewhere' })))
  t.match(await response.json(), { error: { code: 'invalid_api_key', message: /token.*issuer.*expired/ } })
})

// --- what a token may do --------------------------------------------------------------------------------------------

void t.test('a token may name its own user', async (t) => {
  t.equal(await verdict(chat(bearer(await tokenOf(rich), { 'x-tollgate-user': 'ada' }))), 200)
})

void t.test('the source of a call is the first of the token’s, or another one of them', async (t) => {
  const org = await createOrg(gateway)
  const used = (): Promise<(string | null)[]> =>
    store.hmget(keys.user(org.id, 1, 'ada'), 'used:chat', 'used:workflow', 'used:agent_deployment')
  const both = await tokenOf(org, { tollgate_source: ['workflow', 'chat'] })
  t.equal(await verdict(chat(bearer(both))), 200)
  t.equal(await verdict(chat(bearer(both, { 'x-tollgate-source': 'chat' }))), 200)
  t.equal(await verdict(chat(bearer(await tokenOf(org, { tollgate_source: 'agent_deployment' })))), 200)
  t.equal(await verdict(chat(bearer(await tokenOf(org)))), 200)
  await org.usedWhenIdle()
  t.same(await used(), ['240000', '120000', '120000'])
  const agent = { 'x-tollgate-source': 'agent_deployment' }
  t.equal(await verdict(chat(bearer(both, agent))), '403 source_not_allowed')
})

void t.test('L3: a user’s limit holds for calls with a token and with a key alike', async (t) => {
  const org = await createOrg(gateway, { limit: 0 })
  t.equal(await verdict(chat(bearer(await tokenOf(org)))), '402 user_credit_limit_reached')
  t.equal(await verdict(chat(bearer(org.key))), '402 user_credit_limit_reached')
})

void t.test(
  'A4: a removed member is refused at the very next call with a token that is remembered',
  async (t) => {
    const org = await createOrg(gateway)
    const token = await tokenOf(org)
    t.equal(await verdict(chat(bearer(token))), 200)
    await gateway.admin('DELETE', `/v1/orgs/${org.id}/members/ada`)
    for (const call of [chat, models, me]) t.equal(await verdict(call(bearer(token))), '403 unknown_user')
  },
)

void t.test(
  'A5: a token enrolls its user where the organization allows it, and nobody whom an admin removed',
  async (t) => {
    const org = await createOrg(gateway)
    const token = await tokenOf(org, { sub: 'newcomer' })
    t.equal(await verdict(chat(bearer(token))), '403 unknown_user', 'not by default')
    await gateway.admin('PATCH', `/v1/orgs/${org.id}`, { autoEnroll: true, maxMembers: 2 })
    t.equal(await verdict(chat(bearer(token))), 200)
    t.equal(await org.usedWhenIdle('newcomer'), CHAT_COST)
    t.equal(
      await verdict(chat(bearer(await tokenOf(org, { sub: 'third' })))),
      '403 unknown_user',
      'up to a number',
    )
    await gateway.admin('DELETE', `/v1/orgs/${org.id}/members/newcomer`)
    t.equal(await verdict(chat(bearer(token))), '403 unknown_user')
  },
)

// --- keys that change, and issuers that are down --------------------------------------------------------------------

void t.test('keys are not fetched for every token', async (t) => {
  t.equal(await verdict(chat(bearer(await tokenOf(rich)))), 200)
  const before = issuer.fetched()
  const tokens = await Promise.all(
    Array.from({ length: 40 }, (_, index) => tokenOf(rich, { jti: String(index) })),
  )
  const verdicts = await Promise.all([...tokens, ...tokens].map((token) => verdict(models(bearer(token)))))
  t.ok(verdicts.every((each) => each === 200))
  t.equal(issuer.fetched(), before)
})

void t.test('a new key is accepted once its issuer has published it, without a restart', async (t) => {
  const next = await issuer.makeKey('RS256')
  const token = await tokenOf(rich, {}, next)
  t.equal(await verdict(chat(bearer(token))), '401 invalid_api_key')
  const before = issuer.fetched()
  issuer.published = [...issuer.published, next.jwk]
  await until(async () => (await verdict(chat(bearer(token)))) === 200, {
    timeoutMs: 120_000,
    what: 'the new key is known',
  })
  // A fetch that was under way when the key was published may have missed it.
  t.ok(
    issuer.fetched() - before <= 2,
    'tokens of a key that nobody knows do not make the gateway ask each time',
  )
  t.equal(await verdict(chat(bearer(await tokenOf(rich, {}, ec)))), 200, 'the other keys go on')
})

async function refusedForNow(t: Test, what: string, call: Promise<Response>): Promise<void> {
  const response = await call
  t.equal(response.headers.get('retry-after'), '1', what)
  t.equal(await verdict(Promise.resolve(response)), '503 identity_unavailable', what)
}

void t.test(
  'without its issuer a token is answered 503, never a wrong 401; what is remembered passes',
  async (t) => {
    const flaky = await startIssuer('flaky')
    const key = await flaky.makeKey('ES256')
    flaky.published = [key.jwk]
    const down: Issuer['answer'] = (response) => response.destroy()
    flaky.answer = down
    const own = await startGateway({
      redisUrl: redis.url,
      upstreamUrl: origin.url,
      config: configOf([flaky, issuer]),
    })
    t.teardown(async () => {
      await own.stop()
      await flaky.stop()
    })
    const org = await createOrg(own)
    const tokenFor = (signer: SigningKey): Promise<string> =>
      flaky.sign(signer, { org_id: org.id, sub: 'ada' })
    const [first, second, rotated] = [await tokenFor(key), await tokenFor(key), await tokenFor(hidden)]
    const reached = origin.received.length

    for (const call of [chat, models, me])
      await refusedForNow(t, 'nothing is known', call(bearer(first), own))
    t.match(await (await chat(bearer(first), own)).json(), {
      error: { type: 'server_error', message: /issuer/ },
    })
    t.equal(origin.received.length, reached, 'nothing reached the provider')
    t.equal(await own.metric('tollgate_requests_total{upstream="openai",family="openai",outcome="busy"}'), 3)
    t.equal(await verdict(chat(bearer(org.key), own)), 200, 'virtual keys do not mind')
    const ofAnother = await issuer.sign(ec, { org_id: org.id, sub: 'ada' })
    t.equal(await verdict(chat(bearer(ofAnother), own)), 200, 'nor do tokens of another issuer')

    flaky.answer = (response) => publish(flaky, response)
    await until(async () => (await verdict(chat(bearer(first), own))) === 200, { what: 'the issuer is back' })
    await flaky.stop()
    await until(async () => (await verdict(chat(bearer(rotated), own))) === '503 identity_unavailable', {
      timeoutMs: 120_000,
      what: 'a key that is not known is asked for',
    })
    await refusedForNow(t, 'a key that may be new', models(bearer(rotated), own))
    t.equal(await verdict(chat(bearer(first), own)), 200, 'the token is remembered')
    t.equal(await verdict(chat(bearer(second), own)), 200, 'the key is')
    const log = own.log.join('\n')
    t.match(log, /"issuer":"flaky".*cannot be fetched/)
    for (const token of [first, second, rotated]) t.notMatch(log, token)
  },
)

/** Cases 37 and 38 of public bug reports: people as identity providers write them, and apps that name them in a header of their own. */
import { SignJWT, type JWTPayload } from 'jose'
import t from 'tap'
import { createOrg, startGateway, type TestOrg } from '../support/gateway.ts'
import { inSeconds, startIssuer } from '../support/issuer.ts'
import { CHAT_COST, chatBody, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'

const redis = await startRedis()
const origin = await startOrigin()
const [cognito, open, strict] = await Promise.all([
  startIssuer('https://cognito.example/pool'),
  startIssuer('https://open.example'),
  startIssuer('https://strict.example'),
])
const HEADER = 'X-OpenWebUI-User-Email'
const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: origin.url,
  config: {
    auth: {
      userHeader: HEADER,
      jwt: [
        { issuer: cognito.name, jwksUrl: cognito.jwksUrl, audience: 'our-client' },
        { issuer: open.name, jwksUrl: open.jwksUrl },
        { issuer: strict.name, jwksUrl: strict.jwksUrl, audience: 'tollgate' },
      ],
    },
  },
})
const keys = new Map(
  await Promise.all(
    [cognito, open, strict].map(async (issuer) => {
      const key = await issuer.makeKey('RS256')
      issuer.published = [key.jwk]
      return [issuer.name, key] as const
    }),
  ),
)
t.teardown(async () => {
  await gateway.stop()
  await Promise.all([cognito.stop(), open.stop(), strict.stop(), origin.stop()])
  await redis.stop()
})

function token(issuer: { readonly name: string }, claims: JWTPayload): Promise<string> {
  const key = keys.get(issuer.name)
  if (key === undefined) throw new Error('the issuer has a key')
  return new SignJWT(claims)
    .setProtectedHeader({ alg: 'RS256', kid: key.kid })
    .setIssuer(issuer.name)
    .setExpirationTime(inSeconds(60))
    .sign(key.privateKey)
}

async function chat(
  bearer: string,
  headers: Readonly<Record<string, string>> = {},
): Promise<number | string> {
  const answer = await fetch(`${gateway.dataUrl}/openai/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${bearer}`, 'content-type': 'application/json', ...headers },
    body: chatBody(),
  })
  const body = (await answer.json()) as { error?: { code: string } }
  return answer.ok ? answer.status : `${answer.status} ${String(body.error?.code)}`
}

async function addMember(org: TestOrg, user: string): Promise<void> {
  const path = `/v1/orgs/${org.id}/members/${encodeURIComponent(user)}`
  await gateway.admin('PUT', path, { email: null, name: user, role: 'member' })
}

async function usedBy(org: TestOrg, user: string): Promise<number | undefined> {
  await org.usedWhenIdle()
  const page = (await gateway.admin('GET', `/v1/orgs/${org.id}/users?q=${encodeURIComponent(user)}`)) as {
    readonly items: readonly { readonly user: string; readonly used: number }[]
  }
  return page.items.find((item) => item.user === user)?.used
}

/** As Auth0, Entra ID (members, guests, pairwise), Okta, Google, Keycloak, ADFS-like directories, GitHub, Kubernetes and SPIFFE write them. */
const PEOPLE = [
  'auth0|5f7c8ec7c33c6c004bbafe82',
  'google-oauth2|115015401343387192604',
  'ada_corp.com#EXT#@tenant.onmicrosoft.com',
  'AAAAAAAAAAAAAAAAAAAAAIkzqFVrSaSaFHy782bbtaQ=',
  "o'brien@example.com",
  'first+tag@sub.example.com',
  'a&b/c=d!e$fg~h^i@example.com',
  'accounts.google.com:1150154',
  'f:1c2d:ada',
  'https://id.example.com/users/42',
  'repo:acme/app:ref:refs/heads/main',
  'system:serviceaccount:team-a:runner',
  'spiffe://example.org/ns/a/sa/b',
]

for (const user of PEOPLE) {
  void t.test(
    `case 37: ${user}: by token, by an app's header, in the admin API, each the same member`,
    async (t) => {
      const org = await createOrg(gateway)
      await addMember(org, user)
      t.equal(await chat(await token(open, { org_id: org.id, sub: user })), 200)
      const app = await org.createKey({ name: 'app', app: true })
      t.equal(await chat(app, { 'x-tollgate-user': user }), 200)
      t.equal(await chat(app, { [HEADER]: user }), 200)
      await org.createKey({ name: 'own', user })
      t.equal(await usedBy(org, user), 3 * CHAT_COST)
      const limits = `/v1/orgs/${org.id}/user-limits/custom/${encodeURIComponent(user)}`
      await gateway.admin('PUT', limits, { limit: 0 })
      t.match(await gateway.admin('GET', limits), { user, limit: 0 })
      t.equal(await chat(app, { [HEADER]: user }), '402 user_credit_limit_reached')
    },
  )
}

const NOBODY = [
  'CN=Ada Lovelace',
  'a{b}',
  'a b',
  '',
  'ä@example.com',
  'a"b',
  'a\\b',
  'a,b',
  '<a>',
  'x'.repeat(129),
]

void t.test('case 37: what cannot be an id is refused, whichever way it comes', async (t) => {
  const org = await createOrg(gateway)
  for (const user of NOBODY) {
    t.equal(await chat(await token(open, { org_id: org.id, sub: user })), '401 invalid_api_key', user)
    await t.rejects(addMember(org, user), user)
  }
})

void t.test(
  'case 37: an issuer without aud: its client_id stands in for it, and only where aud is missing',
  async (t) => {
    const org = await createOrg(gateway)
    const claims = { org_id: org.id, sub: 'ada' }
    const cases: readonly (readonly [{ readonly name: string }, JWTPayload, number | string])[] = [
      [cognito, { client_id: 'our-client' }, 200],
      [cognito, { client_id: 'another' }, '401 invalid_api_key'],
      [cognito, {}, '401 invalid_api_key'],
      [cognito, { aud: 'our-client' }, 200],
      [cognito, { aud: 'another', client_id: 'our-client' }, '401 invalid_api_key'],
      [cognito, { aud: [], client_id: 'our-client' }, '401 invalid_api_key'],
      [strict, { aud: ['a', 'tollgate'] }, 200],
      [strict, { aud: 'tollgate-of-others' }, '401 invalid_api_key'],
      [strict, { client_id: ['tollgate'] }, '401 invalid_api_key'],
      [open, {}, 200],
      [open, { aud: 'anything' }, 200],
    ]
    for (const [issuer, more, expected] of cases)
      t.equal(
        await chat(await token(issuer, { ...claims, ...more })),
        expected,
        `${issuer.name} ${JSON.stringify(more)}`,
      )
  },
)

void t.test("case 38: the header of an app's own names its user, and is not passed on", async (t) => {
  const org = await createOrg(gateway)
  await addMember(org, 'a@example.com')
  await addMember(org, 'b@example.com')
  const app = await org.createKey({ name: 'webui', app: true })
  t.equal(await chat(app, { 'x-openwebui-user-email': 'a@example.com' }), 200)
  t.equal(origin.received.at(-1)?.headers['x-openwebui-user-email'], undefined)
  t.equal(await usedBy(org, 'a@example.com'), CHAT_COST)
  t.equal(await chat(app, { 'x-tollgate-user': 'b@example.com' }), 200, 'x-tollgate-user goes on being one')
  t.equal(await usedBy(org, 'b@example.com'), CHAT_COST)
  const both = { 'x-openwebui-user-email': 'a@example.com', 'x-tollgate-user': 'b@example.com' }
  t.equal(await chat(app, both), '400 invalid_request', 'two users are none')
  t.equal(await chat(app, { ...both, 'x-tollgate-user': 'a@example.com' }), 200, 'the same twice is one')
  t.equal(await chat(app), '400 user_required')
  t.equal(await chat(app, { 'x-openwebui-user-email': 'stranger@example.com' }), '403 unknown_user')
  t.equal(await chat(app, { 'x-openwebui-user-email': 'a b' }), '400 invalid_request')
})

void t.test('case 38: it is believed with keys of apps only', async (t) => {
  const org = await createOrg(gateway)
  await addMember(org, 'a@example.com')
  t.equal(await chat(org.key, { 'x-openwebui-user-email': 'a@example.com' }), 200)
  const bearer = await token(open, { org_id: org.id, sub: 'ada' })
  t.equal(await chat(bearer, { 'x-openwebui-user-email': 'a@example.com' }), 200)
  t.equal(await org.usedWhenIdle(), 2 * CHAT_COST, "charged to the key's own user")
  t.equal(await chat(org.key, { 'x-tollgate-user': 'a@example.com' }), '403 user_not_allowed')
  for (const path of ['/openai/v1/models', '/tollgate/v1/me']) {
    const headers = {
      authorization: `Bearer ${await org.createKey({ name: 'app', app: true })}`,
      [HEADER]: 'ada',
    }
    t.equal((await fetch(gateway.dataUrl + path, { headers })).status, 200, path)
  }
  t.equal(origin.received.at(-1)?.headers[HEADER.toLowerCase()], undefined, 'nor passed on with a free list')
})

/** What a token's verification costs and how long it holds, on a clock of the tests' own and a real issuer. */
import fc from 'fast-check'
import { SignJWT } from 'jose'
import t, { type Test } from 'tap'
import type { Config } from '../../src/config.ts'
import { IdentityUnavailable } from '../../src/call/issuer-keys.ts'
import { createJwtVerifier, type JwtVerifier } from '../../src/call/jwt.ts'
import { AUDIENCE, publish, startIssuer, type Issuer, type SigningKey } from '../support/issuer.ts'
import { until } from '../support/until.ts'

type IssuerConfig = Config['auth']['jwt'][number]

const SECOND = 1_000
const MINUTE = 60 * SECOND

interface Setup {
  readonly issuer: Issuer
  readonly key: SigningKey
  readonly verifier: JwtVerifier
  readonly clock: { now: number }
  readonly log: string[]
  /** A token of this issuer with a user of its own, good for an hour. */
  readonly token: (claims?: Readonly<Record<string, unknown>>) => Promise<string>
}

let users = 0

async function setUp(
  t: Test,
  { config = {}, remembered }: { config?: Partial<IssuerConfig>; remembered?: number } = {},
): Promise<Setup> {
  const issuer = await startIssuer('https://id.example.com/')
  t.teardown(() => issuer.stop())
  const key = await issuer.makeKey('ES256')
  issuer.published = [key.jwk]
  const clock = { now: Date.now() }
  const log: string[] = []
  const note = (entry: unknown, message?: unknown): void => {
    log.push(JSON.stringify([entry, message]))
  }
  const verifier = createJwtVerifier(
    [
      {
        issuer: issuer.name,
        jwksUrl: issuer.jwksUrl,
        audience: AUDIENCE,
        algorithms: ['ES256'],
        claims: { org: 'org_id', user: 'sub', source: 'source' },
        ...config,
      },
    ],
    {
      now: () => clock.now,
      logger: { debug: note, warn: note },
      ...(remembered === undefined ? {} : { remembered }),
    },
  )
  return {
    issuer,
    key,
    verifier,
    clock,
    log,
    token: (claims = {}) => {
      users += 1
      const exp = Math.floor(clock.now / SECOND) + 3_600
      return issuer.sign(key, { org_id: 'acme', sub: `u${users}`, exp, ...claims })
    },
  }
}

/** Has the verifier fetch an empty key set, 5 s later: from here on nothing can be verified any more, only remembered. */
async function withdrawKeys(t: Test, { issuer, verifier, clock }: Setup): Promise<void> {
  issuer.published = []
  clock.now += 5 * SECOND
  const before = issuer.fetched()
  const unknown = await issuer.sign(await issuer.makeKey('ES256'), { org_id: 'acme', sub: 'ada' })
  t.equal(await verifier.verify(unknown), null)
  t.equal(issuer.fetched(), before + 1)
}

function takeDown(issuer: Issuer): void {
  issuer.answer = (response) => response.destroy()
}

void t.test('the keys are fetched once, however many tokens come at the same time', async (t) => {
  const { issuer, verifier, token } = await setUp(t)
  const tokens = await Promise.all(Array.from({ length: 50 }, () => token()))
  const identities = await Promise.all(tokens.map((each) => verifier.verify(each)))
  t.ok(identities.every((identity) => identity?.org === 'acme'))
  t.equal(issuer.fetched(), 1)
})

void t.test(
  'a token that was verified is remembered for a minute, and not for longer than it lives',
  async (t) => {
    const setup = await setUp(t)
    const { verifier, clock, token } = setup
    const [first, brief] = [await token(), await token({ exp: Math.floor(clock.now / SECOND) + 20 })]
    t.match(await verifier.verify(first), { kind: 'token', org: 'acme', sources: ['chat'] })
    t.ok(await verifier.verify(brief))
    await withdrawKeys(t, setup)
    t.equal(await verifier.verify(await token()), null)
    t.ok(await verifier.verify(first))
    clock.now += 14 * SECOND
    t.ok(await verifier.verify(brief), 'after 19 s')
    clock.now += SECOND
    t.equal(await verifier.verify(brief), null, 'after 20 s')
    clock.now += 39 * SECOND
    t.ok(await verifier.verify(first), 'after 59 s')
    clock.now += SECOND
    t.equal(await verifier.verify(first), null, 'after 60 s')
  },
)

void t.test(
  'a bounded number of tokens is remembered: the one that was used longest ago is forgotten first',
  async (t) => {
    const setup = await setUp(t, { remembered: 2 })
    const { verifier, token } = setup
    const [first, second, third] = [await token(), await token(), await token()]
    for (const each of [first, second, first, third]) t.ok(await verifier.verify(each))
    await withdrawKeys(t, setup)
    t.equal(await verifier.verify(second), null)
    t.ok(await verifier.verify(first))
    t.ok(await verifier.verify(third))
  },
)

void t.test(
  'a key that nobody knows has the keys fetched anew, at most every five seconds; so is a new key accepted',
  async (t) => {
    const { issuer, verifier, clock, token } = await setUp(t)
    t.ok(await verifier.verify(await token()))
    const next = await issuer.makeKey('ES256')
    const rotated = await issuer.sign(next, { org_id: 'acme', sub: 'ada' })
    const attempts = (): Promise<unknown[]> =>
      Promise.all(Array.from({ length: 20 }, () => verifier.verify(rotated)))
    t.ok((await attempts()).every((identity) => identity === null))
    t.equal(issuer.fetched(), 1, 'the keys were fetched just now')
    clock.now += 5 * SECOND
    t.ok((await attempts()).every((identity) => identity === null))
    t.equal(issuer.fetched(), 2)
    issuer.published = [...issuer.published, next.jwk]
    clock.now += 4_999
    t.ok((await attempts()).every((identity) => identity === null))
    t.equal(issuer.fetched(), 2)
    clock.now += 1
    t.ok(
      (await attempts()).every((identity) => identity !== null),
      'that it was refused is not remembered',
    )
    t.equal(issuer.fetched(), 3)
    t.ok(await verifier.verify(await token()), 'the old key is still good')
  },
)

void t.test(
  'keys are fetched anew after five minutes without anybody waiting, and used for a quarter of an hour at most',
  async (t) => {
    const { issuer, verifier, clock, token, log } = await setUp(t)
    t.ok(await verifier.verify(await token()))
    clock.now += 5 * MINUTE - 1
    t.ok(await verifier.verify(await token()))
    t.equal(issuer.fetched(), 1)

    const waiting: (() => void)[] = []
    issuer.answer = (response) => void waiting.push(() => publish(issuer, response))
    clock.now += 1
    t.ok(await verifier.verify(await token()), 'while the issuer has not answered')
    await until(() => waiting.length === 1)
    t.ok(await verifier.verify(await token()))
    t.equal(issuer.fetched(), 2)
    const next = await issuer.makeKey('ES256')
    issuer.published = [...issuer.published, next.jwk]
    waiting[0]?.()
    t.ok(
      await verifier.verify(await issuer.sign(next, { org_id: 'acme', sub: 'ada' })),
      'whoever needs them waits for keys that are under way',
    )
    t.equal(issuer.fetched(), 2)

    takeDown(issuer)
    clock.now += 15 * MINUTE - 1
    t.ok(await verifier.verify(await token()), 'an issuer that is down stops nobody at first')
    await until(() => issuer.fetched() === 3)
    clock.now += 1
    await until(() => log.length === 1)
    await t.rejects(verifier.verify(await token()), IdentityUnavailable)
    issuer.answer = (response) => publish(issuer, response)
    clock.now += SECOND
    t.ok(await verifier.verify(await token()))
  },
)

void t.test('while the keys cannot be fetched, the issuer is asked once a second at most', async (t) => {
  const { issuer, verifier, clock, token, log } = await setUp(t)
  takeDown(issuer)
  const attempts = async (): Promise<void> => {
    const each = await token()
    const results = await Promise.allSettled(Array.from({ length: 20 }, () => verifier.verify(each)))
    for (const result of results) {
      t.equal(result.status, 'rejected')
      t.ok(result.status === 'rejected' && result.reason instanceof IdentityUnavailable)
    }
  }
  await attempts()
  await attempts()
  t.equal(issuer.fetched(), 1)
  t.equal(log.length, 1, 'and one line is logged')
  t.match(log[0], /https:\/\/id\.example\.com\//)
  clock.now += SECOND
  await attempts()
  t.equal(issuer.fetched(), 2)
  issuer.answer = (response) => publish(issuer, response)
  await attempts()
  clock.now += SECOND
  t.ok(await verifier.verify(await token()))
  t.equal(issuer.fetched(), 3)
})

void t.test(
  'a key that nobody knows is no 401 while the issuer is down; tokens of known keys are not disturbed',
  async (t) => {
    const { issuer, verifier, clock, token } = await setUp(t)
    t.ok(await verifier.verify(await token()))
    takeDown(issuer)
    const rotated = await issuer.sign(await issuer.makeKey('ES256'), { org_id: 'acme', sub: 'ada' })
    clock.now += 5 * SECOND
    for (let attempt = 1; attempt <= 3; attempt += 1) {
      await t.rejects(verifier.verify(rotated), IdentityUnavailable)
      t.ok(await verifier.verify(await token()))
    }
    t.equal(issuer.fetched(), 2)
  },
)

void t.test('a clock that is set back does not keep keys alive', async (t) => {
  const { issuer, verifier, clock, token } = await setUp(t)
  t.ok(await verifier.verify(await token()))
  clock.now -= 30 * MINUTE
  t.ok(await verifier.verify(await token()))
  t.equal(issuer.fetched(), 2)
})

const BAD_ANSWERS: Readonly<Record<string, readonly [reason: RegExp, answer: Issuer['answer']]>> = {
  'an error': [/status 500/, (response) => response.writeHead(500).end('{"keys":[]}')],
  'a way elsewhere': [
    /status 302/,
    (response) => response.writeHead(302, { location: 'http://127.0.0.1:1/' }).end(),
  ],
  'no JSON': [/JSON/, (response) => response.end('<html>')],
  'no key set': [/malformed/, (response) => response.end('{"keys":{}}')],
  'a key set without end': [
    /longer than 1048576 bytes/,
    (response) => {
      const chunk = Buffer.alloc(65_536, ' ')
      const more = (): void => {
        while (!response.destroyed && response.write(chunk)) continue
        response.once('drain', more)
      }
      more()
    },
  ],
  'nothing at all': [/timed out/, () => undefined],
  'the half of it': [/timed out/, (response) => response.write('{"keys":[')],
  'a connection that breaks': [/fetch failed: /, (response) => response.destroy()],
}

for (const [what, [reason, answer]] of Object.entries(BAD_ANSWERS)) {
  void t.test(`an issuer that answers with ${what} counts as one that is down`, async (t) => {
    const { issuer, verifier, token, log } = await setUp(t)
    issuer.answer = answer
    await t.rejects(verifier.verify(await token()), IdentityUnavailable)
    t.equal(issuer.fetched(), 1)
    t.equal(log.length, 1)
    t.match(log[0], reason)
  })
}

void t.test('5 s of difference between the clocks are tolerated', async (t) => {
  const { verifier, clock, token } = await setUp(t)
  clock.now = Math.floor(clock.now / SECOND) * SECOND
  const now = clock.now / SECOND
  t.ok(await verifier.verify(await token({ exp: now - 4 })))
  t.equal(await verifier.verify(await token({ exp: now - 5 })), null)
  t.ok(await verifier.verify(await token({ nbf: now + 5 })))
  t.equal(await verifier.verify(await token({ nbf: now + 6 })), null)
})

void t.test('claims are mapped as configured, and only what can be an id or a source is taken', async (t) => {
  const { verifier, token } = await setUp(t, {
    config: { claims: { org: 'https://example.com/org', user: 'email', source: 'from' } },
  })
  const good = { 'https://example.com/org': 'acme', email: 'ada@example.com' }
  t.same(await verifier.verify(await token(good)), {
    kind: 'token',
    org: 'acme',
    user: 'ada@example.com',
    sources: ['chat'],
  })
  const sources = async (from: unknown): Promise<unknown> =>
    (await verifier.verify(await token({ ...good, from })))?.sources
  t.same(await sources('workflow'), ['workflow'])
  t.same(await sources(['agent_deployment', 'chat', 'agent_deployment']), ['agent_deployment', 'chat'])
  const bad: readonly Readonly<Record<string, unknown>>[] = [
    ...[
      null,
      '',
      'cron',
      'chat workflow',
      7,
      [],
      ['chat', 'cron'],
      ['chat', 7],
      [['chat']],
      { chat: true },
    ].map((from) => ({ from })),
    ...[undefined, null, '', 7, true, ['ada'], 'a{b}', 'a b', 'a\n', 'ö', 'x'.repeat(129)].map((email) => ({
      email,
    })),
    ...[undefined, null, '', 7, ['acme'], 'Acme', 'a{b}', 'a_b', 'a\n', 'x'.repeat(64)].map((org) => ({
      'https://example.com/org': org,
    })),
  ]
  for (const claims of bad) {
    t.equal(await verifier.verify(await token({ ...good, ...claims })), null, JSON.stringify(claims))
  }
})

void t.test('a source claim counts only where the configuration names it', async (t) => {
  const { verifier, token } = await setUp(t, { config: { claims: { org: 'org_id', user: 'sub' } } })
  t.same((await verifier.verify(await token({ source: 'workflow' })))?.sources, ['chat'])
})

void t.test('claim names that every object has are claims all the same', async (t) => {
  const { verifier, token } = await setUp(t, {
    config: { claims: { org: 'constructor', user: '__proto__' } },
  })
  t.equal(await verifier.verify(await token()), null)
})

void t.test('an issuer speaks only for the organizations that it is bound to', async (t) => {
  const { verifier, token } = await setUp(t, { config: { orgs: ['acme', 'acme-labs'] } })
  t.ok(await verifier.verify(await token()))
  t.ok(await verifier.verify(await token({ org_id: 'acme-labs' })))
  t.equal(await verifier.verify(await token({ org_id: 'globex' })), null)
})

void t.test('a token without the name of its key is good while only one key fits', async (t) => {
  const { issuer, key, verifier, clock } = await setUp(t)
  const nameless = (sub: string): Promise<string> =>
    new SignJWT({ iss: issuer.name, aud: AUDIENCE, org_id: 'acme', sub, exp: clock.now / SECOND + 60 })
      .setProtectedHeader({ alg: 'ES256' })
      .sign(key.privateKey)
  t.ok(await verifier.verify(await nameless('ada')))
  issuer.published = [key.jwk, (await issuer.makeKey('ES256')).jwk]
  clock.now += 15 * MINUTE
  t.equal(await verifier.verify(await nameless('grace')), null)
})

void t.test('keys that are no public ones, or too weak, verify nothing', async (t) => {
  const { issuer, verifier, key } = await setUp(t, { config: { algorithms: ['ES256', 'RS256'] } })
  const secret = { kty: 'oct', kid: 'secret', k: 'AAAA', alg: 'ES256' }
  const weak = {
    kty: 'RSA',
    kid: 'weak',
    e: 'AQAB',
    n: Buffer.alloc(64, 0xff).toString('base64url'),
  }
  const off = { ...key.jwk, kid: 'off', x: 'AAAA' }
  issuer.published = [secret, weak, off]
  for (const [kid, alg] of [
    ['secret', 'ES256'],
    ['weak', 'RS256'],
    ['off', 'ES256'],
  ] as const) {
    const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = { iss: issuer.name, aud: AUDIENCE, org_id: 'acme', sub: 'ada', exp: 9_999_999_999 }
    t.equal(await verifier.verify(`${part({ alg, kid })}.${part(claims)}.AAAA`), null, kid)
  }
})

void t.test(
  'whatever has two dots in it is refused and not logged, and asks no issuer for keys',
  async (t) => {
    const { issuer, verifier, log } = await setUp(t)
    const part = fc.oneof(
      fc.string({ maxLength: 40 }),
      fc.base64String({ maxLength: 80 }),
      fc.json().map((text) => Buffer.from(text).toString('base64url')),
      fc
        .record({
          alg: fc.constantFrom('ES256', 'none', 'HS256', 7),
          iss: fc.constantFrom('x', 7, '__proto__'),
        })
        .map((value) => Buffer.from(JSON.stringify(value)).toString('base64url')),
    )
    await fc.assert(
      fc.asyncProperty(part, part, part, async (header, payload, signature) => {
        t.equal(await verifier.verify(`${header}.${payload}.${signature}`), null)
      }),
      { numRuns: 500 },
    )
    t.equal(issuer.fetched(), 0)
    t.equal(log.length, 0)
  },
)

/** Case 31 of public bug reports: a company lets traffic out through a proxy only, for every way out that there is. */
import { createServer as createTlsServer } from 'node:https'
import { SignJWT } from 'jose'
import t from 'tap'
import type { LookUpAll } from '../../src/notifications/channels/guarded-agent.ts'
import { proxyFor } from '../../src/outbound/proxies.ts'
import { startBreakingOrigin } from '../support/breaking-origin.ts'
import { makeCertificate } from '../support/certificate.ts'
import { startConnectProxy } from '../support/connect-proxy.ts'
import { createOrg, startGateway, type TestOrg } from '../support/gateway.ts'
import { AUDIENCE, inSeconds, startIssuer } from '../support/issuer.ts'
import { noticeOf, sendersOf, targetOf } from '../support/notices.ts'
import { CHAT_COST, chatAnswer, chatBody, chunkEvent, startOrigin, USAGE_EVENT } from '../support/origin.ts'
import { startReceiver } from '../support/receiver.ts'
import { startRedis } from '../support/redis.ts'
import { came } from '../support/until.ts'

const PROVIDER = 'provider.example'
const ISSUER = 'issuer.example'
const certificate = makeCertificate(
  `DNS:${PROVIDER}`,
  `DNS:${ISSUER}`,
  'DNS:hooks.example',
  'DNS:hooks.slack.com',
  'IP:127.0.0.1',
)
const redis = await startRedis()
const origin = await startOrigin((handler) => createTlsServer(certificate, handler))
const plain = await startOrigin()
const breaking = await startBreakingOrigin()
const issuer = await startIssuer(`https://${ISSUER}/`)
const key = await issuer.makeKey('RS256')
const keyServer = await startOrigin((handler) => createTlsServer(certificate, handler))
keyServer.answer = (_request, response) => void response.end(JSON.stringify({ keys: [key.jwk] }))

const portOf = (url: string): number => Number(new URL(url).port)
/** What only the proxies of the tests know. */
const WAYS: Readonly<Record<string, number>> = {
  [`${PROVIDER}:443`]: portOf(origin.url),
  [`${PROVIDER}:80`]: portOf(plain.url),
  [`breaking.example:80`]: portOf(breaking.url),
  [`${ISSUER}:443`]: portOf(keyServer.url),
}
const route = (target: string): { port: number } | { status: number } =>
  WAYS[target] === undefined ? { status: 403 } : { port: WAYS[target] }

const proxy = await startConnectProxy()
proxy.route = route
const secureProxy = await startConnectProxy({ create: () => createTlsServer(certificate) })
secureProxy.route = route
const environmentProxy = await startConnectProxy({ host: '::1' })
environmentProxy.route = route
const silentProxy = await startConnectProxy()
silentProxy.route = () => 'silence'
const refusing = await startConnectProxy()
refusing.route = () => ({ status: 407 })

const withPassword = proxy.url.replace('//', '//gate:p%40ss@')
const openai = { family: 'openai', apiKey: 'sk-the-providers-own', ca: certificate.file }
const secret = `https://${PROVIDER}`
const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: '',
  env: {
    HTTPS_PROXY: environmentProxy.url,
    NO_PROXY: 'elsewhere.example, 127.0.0.0/8',
    NODE_EXTRA_CA_CERTS: certificate.file,
  },
  config: {
    upstreams: {
      setting: { ...openai, prefix: '/setting', url: secret, proxy: withPassword },
      secure: { ...openai, prefix: '/secure', url: secret, proxy: secureProxy.url },
      plain: { ...openai, prefix: '/plain', url: `http://${PROVIDER}`, proxy: proxy.url },
      environment: { ...openai, prefix: '/environment', url: secret },
      excepted: { ...openai, prefix: '/excepted', url: origin.url },
      direct: { ...openai, prefix: '/direct', url: plain.url },
      breaking: { ...openai, prefix: '/breaking', url: 'http://breaking.example', proxy: proxy.url },
      elsewhere: { ...openai, prefix: '/elsewhere', url: 'https://elsewhere2.example', proxy: proxy.url },
      refused: { ...openai, prefix: '/refused', url: secret, proxy: refusing.url },
      silent: {
        ...openai,
        prefix: '/silent',
        url: secret,
        proxy: silentProxy.url,
        timeouts: { connectSeconds: 0.2 },
      },
      gone: { ...openai, prefix: '/gone', url: secret, proxy: 'http://127.0.0.1:1' },
      wrong: { ...openai, prefix: '/wrong', url: 'https://provider2.example', proxy: proxy.url },
    },
    auth: { jwt: [{ issuer: issuer.name, jwksUrl: `https://${ISSUER}/keys`, audience: AUDIENCE }] },
  },
})
t.teardown(async () => {
  await gateway.stop()
  await Promise.all([origin.stop(), plain.stop(), breaking.stop(), keyServer.stop(), issuer.stop()])
  await redis.stop()
})

function chat(key: string, prefix: string, rest: object = {}): Promise<Response> {
  const answered = fetch(`${gateway.dataUrl}${prefix}/v1/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    body: chatBody({ ...rest }),
  })
  return came(answered, `the answer of ${prefix}`)
}

const asked = (of: typeof proxy): string[] => of.asked.splice(0).map(({ target }) => target)

const THROUGH = [
  ['/setting', proxy, '443', 'the setting of the upstream'],
  ['/secure', secureProxy, '443', 'a proxy behind TLS'],
  ['/plain', proxy, '80', 'an upstream without TLS'],
  ['/environment', environmentProxy, '443', 'HTTPS_PROXY, by IPv6'],
] as const

for (const [prefix, through, port, what] of THROUGH) {
  void t.test(`case 31: a call, a stream and a free list go through the proxy: ${what}`, async (t) => {
    const org = await createOrg(gateway)
    asked(through)
    t.equal((await chat(org.key, prefix)).status, 200)
    for (const upstream of [origin, plain]) {
      upstream.answer = (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/event-stream' })
        response.end(`${chunkEvent('Hello')}${USAGE_EVENT}data: [DONE]\n\n`)
      }
    }
    t.match(await (await chat(org.key, prefix, { stream: true })).text(), /Hello[^]*DONE/)
    for (const upstream of [origin, plain]) upstream.answer = (_request, response) => chatAnswer(response)
    const list = await fetch(`${gateway.dataUrl}${prefix}/v1/models`, {
      headers: { authorization: `Bearer ${org.key}` },
    })
    t.equal(list.status, 200)
    t.equal(await org.usedWhenIdle(), 2 * CHAT_COST)
    t.same(new Set(asked(through)), new Set([`${PROVIDER}:${port}`]), 'asked by name, for tunnels only')
  })
}

void t.test('case 31: the proxy gets its password, and neither keys nor anything of a call', async (t) => {
  const org = await createOrg(gateway)
  proxy.asked.splice(0)
  const many = await Promise.all(Array.from({ length: 5 }, () => chat(org.key, '/setting')))
  t.same(new Set(many.map(({ status }) => status)), new Set([200]))
  t.ok(proxy.asked.length > 0)
  for (const { authorization, headers } of proxy.asked) {
    t.equal(authorization, `Basic ${Buffer.from('gate:p@ss').toString('base64')}`)
    t.notMatch(headers.join('\n'), /sk-the|tg_|Bearer/)
  }
  const seen = origin.received.at(-1)
  t.equal(seen?.headers['proxy-authorization'], undefined)
  t.equal(seen?.headers.host, PROVIDER)
  t.notMatch(gateway.log.join('\n'), /p%40ss|p@ss/)
})

void t.test('case 31: what NO_PROXY lists, and http, goes directly', async (t) => {
  const org = await createOrg(gateway)
  asked(environmentProxy)
  t.equal((await chat(org.key, '/excepted')).status, 200)
  t.equal((await chat(org.key, '/direct')).status, 200)
  t.same(asked(environmentProxy), [])
})

const FAILING = [
  ['/elsewhere', 502, 'upstream_unreachable', 'the proxy refuses the address'],
  ['/refused', 502, 'upstream_unreachable', 'the proxy wants a password'],
  ['/gone', 502, 'upstream_unreachable', 'nobody listens where the proxy should be'],
  ['/silent', 504, 'upstream_timeout', 'the proxy does not answer'],
] as const

for (const [prefix, status, code, what] of FAILING) {
  void t.test(`case 31: ${what}: ${status} at no cost, for a call and for a free list`, async (t) => {
    const org = await createOrg(gateway)
    const answer = await chat(org.key, prefix)
    t.equal(answer.status, status)
    t.match(await answer.json(), { error: { code } })
    const list = await came(
      fetch(`${gateway.dataUrl}${prefix}/v1/models`, { headers: { authorization: `Bearer ${org.key}` } }),
      'the list',
    )
    t.equal(list.status, status)
    t.equal(await org.usedWhenIdle(), 0)
  })
}

void t.test(
  'case 31: a proxy that leads to another server does not get the call: its certificate is refused',
  async (t) => {
    const org = await createOrg(gateway)
    proxy.route = () => ({ port: portOf(origin.url) })
    const before = origin.received.length
    t.equal((await chat(org.key, '/wrong')).status, 502)
    t.equal(origin.received.length, before)
    t.equal(await org.usedWhenIdle(), 0)
    proxy.route = route
  },
)

void t.test('case 25: a tunnel that was closed: one retry through a new one', async (t) => {
  const org = await createOrg(gateway)
  let body = ''
  plain.answer = (_request, response) => {
    chatAnswer(response)
  }
  body = JSON.stringify({
    model: 'test-model',
    choices: [{ message: { content: 'Hello' } }],
    usage: { prompt_tokens: 20, completion_tokens: 10 },
  })
  breaking.answer = ['application/json', body]
  t.equal((await chat(org.key, '/breaking')).status, 200)
  asked(proxy)
  breaking.fate = ({ request }) => (request > 1 ? 'reset at first byte' : 'answer')
  t.equal((await chat(org.key, '/breaking')).status, 200)
  t.same(asked(proxy), ['breaking.example:80'])
  t.equal(await org.usedWhenIdle(), 2 * CHAT_COST)
})

void t.test('case 31: the keys of an issuer come through the proxy', async (t) => {
  const org: TestOrg = await createOrg(gateway)
  asked(environmentProxy)
  const token = await new SignJWT({ org_id: org.id })
    .setProtectedHeader({ alg: 'RS256', kid: key.kid })
    .setIssuer(issuer.name)
    .setAudience(AUDIENCE)
    .setSubject('ada')
    .setExpirationTime(inSeconds(60))
    .sign(key.privateKey)
  t.equal((await chat(token, '/direct')).status, 200)
  t.same(asked(environmentProxy), [`${ISSUER}:443`])
})

// --- webhooks and Slack ---------------------------------------------------------------------------------------------

const lookUp: LookUpAll = (hostname, done) => {
  const table: Readonly<Record<string, readonly string[]>> = {
    'hooks.example': ['2606:4700::1111', '93.184.215.14'],
    'inside.example': ['10.0.0.7'],
    'both.example': ['93.184.215.14', '10.0.0.7'],
  }
  const addresses = table[hostname]
  if (addresses === undefined) done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), [])
  else
    done(
      null,
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
    )
}

void t.test('case 31: webhooks and Slack go through the proxy, and are guarded as without one', async (t) => {
  const receiver = await startReceiver({ certificate })
  receiver.answer = (response) => void response.writeHead(200).end('ok')
  const gate = await startConnectProxy()
  const leads = { port: receiver.port }
  gate.route = () => leads
  const send = async (
    url: string,
    allowTargets: readonly string[] = [],
    kind: 'webhook' | 'slack' = 'webhook',
  ) => {
    const senders = sendersOf(t, {
      allowTargets,
      lookUp,
      ca: certificate.cert,
      environment: { https_proxy: gate.url, no_proxy: '' },
    })
    const result = await senders.target.send(noticeOf('limit'), targetOf(url, { kind }))
    return [result.status === 'sent' ? 'sent' : result.error, asked(gate)]
  }
  const refused = 'it was not called: its address is not one of the public internet'
  t.same(
    await send('https://hooks.example/a'),
    ['sent', ['93.184.215.14:443']],
    'by the address that was checked',
  )
  t.match(receiver.posts.at(-1), { servername: 'hooks.example', headers: { host: 'hooks.example' } })
  t.same(await send('https://inside.example/'), [refused, []], 'a private address')
  t.same(await send('https://both.example/'), [refused, []], 'one private address among public ones')
  t.same(await send('https://10.0.0.7/'), [refused, []], 'a literal')
  t.same(await send('https://[::1]/'), [refused, []], 'a literal of IPv6')
  t.same(await send('https://unknown.example/'), ['its name does not resolve', []], 'what cannot be checked')
  t.same(await send('https://hooks.example:8443/'), ['sent', ['93.184.215.14:8443']])
  t.match(
    await send('https://unknown.example/', ['unknown.example']),
    [/certificate/, ['unknown.example:443']],
    'what the operator allows, by name',
  )
  t.same(
    await send('https://hooks.slack.com/services/T/B/x', [], 'slack'),
    ['sent', ['hooks.slack.com:443']],
    'Slack, by name',
  )
  gate.route = () => ({ status: 403 })
  t.same(await send('https://hooks.example/a'), ['the proxy answered 403', ['93.184.215.14:443']])
})

// --- which proxy ----------------------------------------------------------------------------------------------------

const P = 'http://proxy.example:3128'
const CASES: readonly [
  name: string,
  environment: Readonly<Record<string, string>>,
  url: string,
  proxy: string | null,
][] = [
  ['nothing is set', {}, 'https://a.example', null],
  ['upper case', { HTTPS_PROXY: P }, 'https://a.example', P],
  ['lower case', { https_proxy: P }, 'https://a.example', P],
  ['lower case wins', { https_proxy: P, HTTPS_PROXY: 'http://other:1' }, 'https://a.example', P],
  ['empty', { HTTPS_PROXY: '' }, 'https://a.example', null],
  ['without a scheme', { HTTPS_PROXY: 'proxy.example:3128' }, 'https://a.example', P],
  ['not for http', { HTTPS_PROXY: P, HTTP_PROXY: P }, 'http://a.example', null],
  ['everything', { HTTPS_PROXY: P, NO_PROXY: '*' }, 'https://a.example', null],
  ['the name', { HTTPS_PROXY: P, NO_PROXY: 'a.example' }, 'https://A.example', null],
  ['below the name', { HTTPS_PROXY: P, NO_PROXY: 'example' }, 'https://a.example', null],
  ['below .name', { HTTPS_PROXY: P, NO_PROXY: '.example' }, 'https://a.example', null],
  ['below *.name', { HTTPS_PROXY: P, NO_PROXY: 'x, *.example' }, 'https://a.example', null],
  ['the end of a name only', { HTTPS_PROXY: P, NO_PROXY: 'a.example' }, 'https://aa.example', P],
  ['the port', { HTTPS_PROXY: P, NO_PROXY: 'a.example:8443' }, 'https://a.example:8443', null],
  ['another port', { HTTPS_PROXY: P, NO_PROXY: 'a.example:8443' }, 'https://a.example', P],
  ['an address', { HTTPS_PROXY: P, NO_PROXY: '10.1.2.3' }, 'https://10.1.2.3', null],
  ['a network', { HTTPS_PROXY: P, NO_PROXY: '10.0.0.0/8' }, 'https://10.1.2.3', null],
  ['another network', { HTTPS_PROXY: P, NO_PROXY: '11.0.0.0/8' }, 'https://10.1.2.3', P],
  ['IPv6', { HTTPS_PROXY: P, NO_PROXY: '::1' }, 'https://[0:0::1]:9', null],
  ['IPv6 in brackets with a port', { HTTPS_PROXY: P, NO_PROXY: '[::1]:9' }, 'https://[::1]:9', null],
  ['IPv6, another port', { HTTPS_PROXY: P, NO_PROXY: '[::1]:8' }, 'https://[::1]:9', P],
  ['a network of IPv6', { HTTPS_PROXY: P, NO_PROXY: 'fd00::/8' }, 'https://[fd12::1]', null],
]

for (const [name, environment, url, expected] of CASES) {
  void t.test(`case 31: HTTPS_PROXY and NO_PROXY: ${name}`, (t) => {
    t.equal(
      proxyFor(new URL(url), undefined, environment)?.host ?? null,
      expected === null ? null : new URL(expected).host,
    )
    t.equal(proxyFor(new URL(url), 'http://own:1', environment)?.host, 'own:1', 'a setting goes first')
    t.end()
  })
}

void t.test(
  'case 31: a variable that is no URL ends the start with 1 and one line without its password',
  async (t) => {
    for (const value of ['socks5://u:geheim@p:1', 'http://', 'http://u:%zz@p:1']) {
      const started = startGateway({
        redisUrl: redis.url,
        upstreamUrl: 'https://a.example',
        env: { HTTPS_PROXY: value },
      })
      await t.rejects(
        started,
        /exited with 1:[^]*HTTPS_PROXY: must be an http:\/\/ or https:\/\/ URL of a proxy/,
      )
      await started.catch((error: unknown) => t.notMatch(String(error), /geheim/))
    }
  },
)

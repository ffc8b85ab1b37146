/** Every bad configuration ends in exactly one line that names the key, and exit code 1. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { loadConfig } from '../../src/config.ts'
import { StartupError } from '../../src/errors.ts'

const REDIS = 'redis: { url: "redis://127.0.0.1:6379" }\n'
const UPSTREAM =
  'upstreams: { openai: { family: openai, prefix: /openai, url: "https://api.example.com" } }\n'
const BASE = REDIS + UPSTREAM
const store = (keys: string) => `redis: { ${keys} }\n${UPSTREAM}`
const CLUSTER = 'cluster: ["a:1"]'
const openai = (keys: string) =>
  `${REDIS}upstreams: { openai: { family: openai, prefix: /openai, url: "https://api.example.com", ${keys} } }`
const withUrl = (url: string) =>
  `${REDIS}upstreams: { openai: { family: openai, prefix: /openai, url: "${url}" } }`
const withPrefixes = (...prefixes: string[]) =>
  `${REDIS}upstreams:\n${prefixes
    .map(
      (prefix, index) =>
        `  u${index}: { family: openai, prefix: "${prefix}", url: "https://api.example.com" }`,
    )
    .join('\n')}`
const generic = (keys: string) =>
  `${REDIS}upstreams: { tools: { family: generic, prefix: /tools, url: "https://tools.example.com", ${keys} } }`
const smtp = (keys: string) => `${BASE}notifications: { smtp: { ${keys} } }`
const jwt = (keys: string) => `${BASE}auth: { jwt: [{ issuer: i, audience: a, claims: {}, ${keys} }] }`

const TABLE: readonly (readonly [yaml: string, line: string | RegExp])[] = [
  // What the file is as a whole.
  ['', 'redis: is required (and 1 more error)'],
  ['hello', 'configuration: must be a mapping'],
  ['- a', 'configuration: must be a mapping'],
  [
    'a: [1',
    'line 1, column 6: Flow sequence in block collection must be sufficiently indented and end with a ]',
  ],
  ['a: !secret b', 'line 1, column 4: Unresolved tag: !secret'],
  ['a: *nobody', 'configuration: has an alias that cannot be resolved, or too many of them'],
  ['a: 1\n---\nb: 2', 'line 2, column 1: must be one document'],
  // Keys that are missing, unknown or given twice.
  [REDIS, 'upstreams: is required'],
  [UPSTREAM, 'redis: is required'],
  [`${BASE}redis: { url: "redis://b" }`, 'redis: is given twice'],
  [`${BASE}limits:\n  concurrent: 1\n  concurrent: 2`, 'limits.concurrent: is given twice'],
  [generic('routes: [{ path: /a, path: /b }]'), 'upstreams.tools.routes[0].path: is given twice'],
  [`${BASE}cache: true`, /^cache: is not a known key \(known: listen, admin, redis, .*\)$/],
  [`${BASE}__proto__: { x: 1 }`, /^__proto__: is not a known key/],
  [
    `redis: { uri: x }\nlog: { level: loud }\n${UPSTREAM}`,
    'redis.uri: is not a known key (known: url, embedded, cluster, username, password, tls, patienceSeconds) (and 1 more error)',
  ],
  // An upstream's URL, to which callers add a version.
  [
    withUrl('https://api.openai.com/v1'),
    'upstreams.openai.url: must not end in a version: callers write /v1 behind it (use https://api.openai.com)',
  ],
  [
    withUrl('https://gw.example.com/openai/v1/'),
    'upstreams.openai.url: must not end in a version: callers write /v1 behind it (use https://gw.example.com/openai)',
  ],
  [
    withUrl('https://generativelanguage.googleapis.com/v1beta/openai'),
    'upstreams.openai.url: must not end in a version: callers write /v1 behind it (use url: https://generativelanguage.googleapis.com and apiPath: /v1beta/openai)',
  ],
  [
    withUrl('https://open.bigmodel.cn/api/paas/v4'),
    'upstreams.openai.url: must not end in a version: callers write /v1 behind it (use url: https://open.bigmodel.cn and apiPath: /api/paas/v4)',
  ],
  [
    withUrl('https://api.openai.com/v1/chat/completions'),
    'upstreams.openai.url: must be a base URL, without the path of a route, such as https://api.openai.com',
  ],
  [
    `${REDIS}upstreams: { g: { family: gemini, prefix: /g, url: "https://g.example.com/v1beta" } }`,
    'upstreams.g.url: must not end in a version: callers write /v1beta behind it (use https://g.example.com)',
  ],
  [
    `${REDIS}upstreams: { g: { family: gemini, prefix: /g, url: "https://g.example.com", apiPath: /x } }`,
    'upstreams.g.apiPath: is only for families openai and anthropic',
  ],
  [
    `${REDIS}upstreams: { a: { family: anthropic, prefix: /a, url: "https://a.example.com", askForUsage: false } }`,
    'upstreams.a.askForUsage: is only for family openai',
  ],
  [openai('proxy: "proxy.corp:3128"'), 'upstreams.openai.proxy: must be an absolute http(s) URL'],
  [openai('proxy: "socks5://p:1"'), 'upstreams.openai.proxy: must be an absolute http(s) URL'],
  [openai('proxy: "http://p:1/x"'), 'upstreams.openai.proxy: must have nothing after host and port'],
  [
    openai('proxy: "http://u:%zz@p:1"'),
    'upstreams.openai.proxy: has a % that is not part of an escape (% itself is %25)',
  ],
  [openai('keepAliveSeconds: -1'), 'upstreams.openai.keepAliveSeconds: must be a number from 0 to 600'],
  [`${BASE}auth: { userHeader: "x user" }`, 'auth.userHeader: must be the name of a header'],
  [openai('apiPath: v1'), 'upstreams.openai.apiPath: must be a path such as /v1beta/openai'],
  [openai('apiPath: "/a/../b"'), 'upstreams.openai.apiPath: must be a path such as /v1beta/openai'],
  // The store.
  [`redis: {}\n${UPSTREAM}`, 'redis: must have exactly one of url, embedded and cluster'],
  [
    `redis: { url: "redis://a", embedded: ./x }\n${UPSTREAM}`,
    'redis: must have exactly one of url, embedded and cluster',
  ],
  [`redis: { url: "http://a" }\n${UPSTREAM}`, 'redis.url: must be a redis://, rediss:// or unix:// URL'],
  [
    `redis: { url: "redis://a:port" }\n${UPSTREAM}`,
    'redis.url: must be a redis://, rediss:// or unix:// URL',
  ],
  [
    `redis: { url: "redis://:100%@a" }\n${UPSTREAM}`,
    'redis.url: has a % that is not part of an escape (% itself is %25)',
  ],
  [`redis: { cluster: [] }\n${UPSTREAM}`, 'redis.cluster: must have from 1 to 100 entries'],
  [
    `redis: { cluster: [a] }\n${UPSTREAM}`,
    'redis.cluster[0]: must be host:port (username, password and tls have keys of their own)',
  ],
  [
    `redis: { cluster: ["rediss://user:secret@a:1"] }\n${UPSTREAM}`,
    'redis.cluster[0]: must be host:port (username, password and tls have keys of their own)',
  ],
  [`redis: { cluster: ["a:1", "a:70000"] }\n${UPSTREAM}`, 'redis.cluster[1]: has no valid port'],
  [store('embedded: ./x, password: p'), 'redis.password: is not for an embedded store, which has none'],
  [store('embedded: ./x, tls: true'), 'redis.tls: is not for an embedded store'],
  [store(`${CLUSTER}, username: u`), 'redis.password: is required with username'],
  [store(`${CLUSTER}, password: "a b"`), 'redis.password: must be printable ASCII without spaces'],
  [
    store('url: "redis://:p@a", password: p'),
    'redis.password: must not be given where redis.url holds credentials',
  ],
  [store('url: "redis://a", tls: true'), 'redis.tls: needs a redis.url that begins with rediss://'],
  [store(`${CLUSTER}, tls: false`), 'redis.tls: must be true or { ca, cert, key, serverName }'],
  [store(`${CLUSTER}, tls: { ca: ./nowhere.pem }`), 'redis.tls.ca: cannot be read: no such file'],
  [store(`${CLUSTER}, tls: { ca: config.yaml }`), 'redis.tls.ca: is not a PEM file with certificates'],
  [
    store(`${CLUSTER}, tls: { key: config.yaml }`),
    'redis.tls.key: is not a PEM file with a private key that has no passphrase (and 1 more error)',
  ],
  // Upstreams.
  [`${REDIS}upstreams: {}`, 'upstreams: must have from 1 to 100 entries'],
  [`${REDIS}upstreams: []`, 'upstreams: must be a mapping'],
  [
    `${REDIS}upstreams: { "Open AI": { family: openai } }`,
    'upstreams["Open AI"]: is not a name of a–z, 0–9, _ and - that starts with a letter',
  ],
  [`${REDIS}upstreams: { a: }`, 'upstreams: must have from 1 to 100 entries'],
  [`${REDIS}upstreams: { a: {} }`, 'upstreams.a.family: is required (and 2 more errors)'],
  [
    `${REDIS}upstreams: { a: { family: cohere, prefix: /a, url: "http://a" } }`,
    'upstreams.a.family: must be one of openai, anthropic, gemini, generic',
  ],
  [withUrl('api.example.com'), 'upstreams.openai.url: must be an absolute http(s) URL'],
  [withUrl('ftp://api.example.com'), 'upstreams.openai.url: must be an absolute http(s) URL'],
  [withUrl('https://'), 'upstreams.openai.url: must be an absolute http(s) URL'],
  [withUrl('https://a:b@c'), 'upstreams.openai.url: must not hold credentials (they go to apiKey)'],
  [withUrl('https://c?key=1'), 'upstreams.openai.url: must not have a query or a fragment'],
  [openai('apiKey: ""'), 'upstreams.openai.apiKey: must not be empty'],
  [openai('apiKey: "a b"'), 'upstreams.openai.apiKey: must be printable ASCII without spaces'],
  [openai('provider: "Open AI"'), 'upstreams.openai.provider: must be an id such as groq'],
  [openai('provider: grok'), 'upstreams.openai.provider: is not in the built-in price table'],
  [
    openai('timeouts: { idleSeconds: 0 }'),
    'upstreams.openai.timeouts.idleSeconds: must be a number above 0, at most 3600',
  ],
  [openai('ca: ./nowhere.pem'), 'upstreams.openai.ca: cannot be read: no such file'],
  [openai('ca: .'), 'upstreams.openai.ca: cannot be read: is a folder'],
  [openai('ca: config.yaml'), 'upstreams.openai.ca: is not a PEM file with certificates'],
  [
    openai('routes: [{ path: /a, creditsPerCall: 1 }]'),
    'upstreams.openai.routes: is only for family generic',
  ],
  // Prefixes.
  [withPrefixes('openai'), 'upstreams.u0.prefix: must be a path such as /openai'],
  [withPrefixes('/'), 'upstreams.u0.prefix: must be a path such as /openai'],
  [withPrefixes('/a/'), 'upstreams.u0.prefix: must be a path such as /openai'],
  [withPrefixes('/a/../b'), 'upstreams.u0.prefix: must be a path such as /openai'],
  [withPrefixes('/tollgate'), 'upstreams.u0.prefix: /tollgate is reserved'],
  [withPrefixes('/tollgate/x'), 'upstreams.u0.prefix: /tollgate is reserved'],
  [withPrefixes('/a', '/a'), 'upstreams.u1.prefix: is the prefix of u0 already'],
  [withPrefixes('/a', '/a/b'), 'upstreams.u1.prefix: must not overlap with /a of u0'],
  [withPrefixes('/a/b', '/a'), 'upstreams.u1.prefix: must not overlap with /a/b of u0'],
  // Routes at a flat price.
  [generic('routes: []'), 'upstreams.tools.routes: must have from 1 to 1000 entries'],
  [generic('provider: groq'), 'upstreams.tools.routes: is required for family generic (and 1 more error)'],
  [
    generic('routes: [{ path: search, creditsPerCall: 1 }]'),
    'upstreams.tools.routes[0].path: must be a path such as /v1/search',
  ],
  [
    generic('routes: [{ method: TRACE, path: /a, creditsPerCall: 1 }]'),
    'upstreams.tools.routes[0].method: must be one of GET, POST, PUT, PATCH, DELETE',
  ],
  [generic('routes: [{ path: /a }]'), 'upstreams.tools.routes[0].creditsPerCall: is required'],
  [
    generic('routes: [{ path: /a, creditsPerCall: -1 }]'),
    'upstreams.tools.routes[0].creditsPerCall: must be a number from 0 to 1000000000',
  ],
  [
    generic('routes: [{ path: /a, creditsPerCall: 0.0000001 }]'),
    'upstreams.tools.routes[0].creditsPerCall: must have at most six decimals',
  ],
  [
    generic('routes: [{ path: /a, creditsPerCall: 1 }, { path: /a, creditsPerCall: 2 }]'),
    'upstreams.tools.routes[1]: POST /a is given twice',
  ],
  // Listeners and the operator's token.
  [`${BASE}listen: { port: 9000 }\nadmin: { port: 9000 }`, 'admin.port: must not be the same as listen.port'],
  [`${BASE}listen: { port: "8080" }`, 'listen.port: must be a whole number from 0 to 65535'],
  [`${BASE}listen: { port: 65536 }`, 'listen.port: must be a whole number from 0 to 65535'],
  [`${BASE}listen: { host: "a b" }`, 'listen.host: must be a host name or an address'],
  [`${BASE}admin: { operatorToken: short }`, 'admin.operatorToken: must have at least 16 characters'],
  [
    `${BASE}admin: { operatorToken: "0123456789 abcdef" }`,
    'admin.operatorToken: must be printable ASCII without spaces',
  ],
  [`${BASE}admin: { publicUrl: tollgate.example.com }`, 'admin.publicUrl: must be an absolute http(s) URL'],
  // Prices.
  [`${BASE}creditsPerUsd: 0`, 'creditsPerUsd: must be a whole number from 1 to 1000000'],
  [`${BASE}prices: { unknownModel: free }`, 'prices.unknownModel: must be "reject" or { input, output }'],
  [
    `${BASE}prices: { unknownModel: { input: 1 } }`,
    'prices.unknownModel: must be "reject" or { input, output }',
  ],
  [
    `${BASE}prices: { models: { "gpt-4.1": { input: -1 } } }`,
    'prices.models["gpt-4.1"].input: must be a number from 0 to 1000000',
  ],
  [`${BASE}prices: { models: { m: { output: 1 } } }`, 'prices.models.m.input: is required'],
  [
    `${BASE}prices: { models: { m: { input: .nan } } }`,
    'prices.models.m.input: must be a number from 0 to 1000000',
  ],
  [`${BASE}prices: { models: { "a|b": { input: 1 } } }`, 'prices.models["a|b"]: is not the name of a model'],
  // Bounds.
  [`${BASE}leaseSeconds: 0`, 'leaseSeconds: must be a number from 1 to 600'],
  [`${BASE}limits: { concurrent: 1.5 }`, 'limits.concurrent: must be a whole number from 1 to 1000000'],
  [
    `${BASE}timeouts: { connectSeconds: forever }`,
    'timeouts.connectSeconds: must be a number above 0, at most 300',
  ],
  [`${BASE}retentionDays: 7`, 'retentionDays: must be a whole number from 32 to 400'],
  [`${BASE}log: { level: loud }`, 'log.level: must be one of fatal, error, warn, info, debug, silent'],
  [`${BASE}journal: { dir: "" }`, 'journal.dir: must not be empty'],
  // Tokens of others.
  [jwt('jwksUrl: "ftp://x"'), 'auth.jwt[0].jwksUrl: must be an absolute http(s) URL'],
  [
    jwt('jwksUrl: "http://id.example.com/keys"'),
    'auth.jwt[0].jwksUrl: must be https, unless its host is this machine',
  ],
  [
    jwt('jwksUrl: "http://127.0.0.1.example.com/keys"'),
    'auth.jwt[0].jwksUrl: must be https, unless its host is this machine',
  ],
  [jwt('jwksUrl: "https://a:b@c"'), 'auth.jwt[0].jwksUrl: must not hold credentials'],
  [jwt('jwksUrl: "https://x", orgs: [Acme]'), 'auth.jwt[0].orgs[0]: must be the id of an organization'],
  [
    `${BASE}auth: { jwt: [{ issuer: i, audience: a, jwksUrl: "https://x" }, { issuer: i, audience: b, jwksUrl: "https://y" }] }`,
    'auth.jwt[1].issuer: is given twice',
  ],
  [jwt('jwksUrl: "https://x", algorithms: [none]'), /^auth\.jwt\[0\]\.algorithms\[0\]: must be one of RS256/],
  [
    jwt('jwksUrl: "https://x", algorithms: [RS256, RS256]'),
    'auth.jwt[0].algorithms: must not name anything twice',
  ],
  // Notifications.
  [smtp('url: "http://mail", from: "a@b.c"'), 'notifications.smtp.url: must be an smtp:// or smtps:// URL'],
  [smtp('url: "smtp://", from: "a@b.c"'), 'notifications.smtp.url: must be an smtp:// or smtps:// URL'],
  [
    smtp('url: "smtp://mail/?tls.rejectUnauthorized=false", from: "a@b.c"'),
    'notifications.smtp.url: must have nothing after host and port',
  ],
  [
    smtp('url: "smtp://me:100%@mail", from: "a@b.c"'),
    'notifications.smtp.url: has a % that is not part of an escape (% itself is %25)',
  ],
  [smtp('url: "smtp://mail"'), 'notifications.smtp.from: is required'],
  ...['Tollgate', 'Tollgate <a b@c>', '<a@b.c> Tollgate', 'a@b.c, d@e.f', '"x\\r\\nBcc: <a@b.c>"'].map(
    (from) =>
      [
        smtp(`url: "smtp://mail", from: ${from.startsWith('"') ? from : JSON.stringify(from)}`),
        'notifications.smtp.from: must be an address, or a name with an address in < >',
      ] as const,
  ),
  [
    smtp('url: "smtp://mail", from: "a@b.c", startTls: never'),
    'notifications.smtp.startTls: must be one of required, optional',
  ],
  [
    smtp('url: "smtp://mail", from: "a@b.c", ca: nowhere.pem'),
    'notifications.smtp.ca: cannot be read: no such file',
  ],
  ...['127.1', '10.0.0.0/33', '300.0.0.1', '2130706433', '0x7f000001', 'a..b', '-', '/8'].map(
    (target) =>
      [
        `${BASE}notifications: { allowTargets: ["${target}"] }`,
        'notifications.allowTargets[0]: must be an address, a CIDR range or a host name',
      ] as const,
  ),
  [
    `${BASE}notifications: { allowTargets: ["http://a"] }`,
    'notifications.allowTargets[0]: must be an address, a CIDR range or a host name',
  ],
  [`${BASE}onStoreDown: sometimes`, 'onStoreDown: must be one of closed, open'],
]

for (const [yaml, line] of TABLE) {
  void t.test(`${JSON.stringify(yaml.replace(BASE, '… ').replace(REDIS, '… '))} is refused`, (t) => {
    const file = join(t.testdir({}), 'config.yaml')
    writeFileSync(file, yaml)
    const error = failure(() => loadConfig(file, {}))
    if (typeof line === 'string') t.equal(error.message, line)
    else t.match(error.message, line)
    t.notMatch(error.message, '\n', 'one line')
    t.equal(error.exitCode, 1)
    t.end()
  })
}

void t.test('a file that is not there is refused by its name', (t) => {
  const error = failure(() => loadConfig('nowhere.yaml', {}))
  t.equal(error.message, 'cannot read nowhere.yaml: no such file')
  t.equal(error.exitCode, 1)
  t.end()
})

void t.test('an alias bomb is refused', (t) => {
  const levels = Array.from({ length: 12 }, (_, n) =>
    n === 0
      ? 'l0: &l0 [x]'
      : `l${n}: &l${n} [${Array(10)
          .fill(`*l${n - 1}`)
          .join(', ')}]`,
  )
  const file = join(t.testdir({ 'config.yaml': levels.join('\n') }), 'config.yaml')
  t.equal(
    failure(() => loadConfig(file, {})).message,
    'configuration: has an alias that cannot be resolved, or too many of them',
  )
  t.end()
})

function failure(run: () => unknown): StartupError {
  try {
    run()
  } catch (error) {
    if (error instanceof StartupError) return error
    throw error
  }
  throw new Error('nothing was refused')
}

/** What a good configuration becomes: interpolated, filled with defaults, frozen. */
import { join } from 'node:path'
import t from 'tap'
import { type Config, configFrom, loadConfig } from '../../src/config.ts'
import { StartupError } from '../../src/errors.ts'

const MINIMAL = `
redis: { url: "redis://127.0.0.1:6379" }
upstreams: { openai: { family: openai, prefix: /openai, url: "https://api.example.com" } }
`

interface Fixtures {
  testdir(files: Record<string, string>): string
}

function load(
  t: Fixtures,
  yaml: string,
  env: Record<string, string> = {},
  files: Record<string, string> = {},
): Config {
  return loadConfig(join(t.testdir({ 'config.yaml': yaml, ...files }), 'config.yaml'), env)
}

void t.test('only redis and upstreams are required: everything else has the default of the contract', (t) => {
  const dir = t.testdir({ 'config.yaml': MINIMAL })
  t.strictSame(loadConfig(join(dir, 'config.yaml'), {}), {
    listen: {
      host: '127.0.0.1',
      port: 8080,
      headSeconds: 15,
      requestSeconds: 60,
      connections: 20_000,
    },
    admin: {
      host: '127.0.0.1',
      port: 8081,
      session: { idleMinutes: 30, absoluteHours: 12 },
      trustProxy: [],
    },
    redis: { url: 'redis://127.0.0.1:6379', patienceSeconds: 3 },
    creditsPerUsd: 100,
    upstreams: {
      openai: {
        family: 'openai',
        prefix: '/openai',
        url: 'https://api.example.com',
        timeouts: { connectSeconds: 10, firstByteSeconds: 600, idleSeconds: 300 },
        keepAliveSeconds: 30,
        onStoreDown: 'closed',
      },
    },
    prices: { unknownModel: 'reject', models: {} },
    auth: { userHeader: 'x-tollgate-user', jwt: [] },
    onStoreDown: 'closed',
    leaseSeconds: 60,
    journal: { dir: join(dir, 'data/journal'), maxBytes: 67_108_864 },
    limits: {
      bodyBytes: 33_554_432,
      bufferedBytes: 536_870_912,
      concurrent: 10_000,
      drainBytes: 1_048_576,
      drainSeconds: 60,
      drainConcurrent: 64,
    },
    timeouts: { connectSeconds: 10, firstByteSeconds: 600, idleSeconds: 300 },
    notifications: {
      mailDir: join(dir, 'data/mail'),
      allowTargets: [],
      deliver: true,
      attempts: 15,
      backoffSeconds: 5,
      maxBackoffSeconds: 3600,
      concurrency: 10,
      perDestination: 4,
      perSecond: 25,
      lockSeconds: 30,
      sweepSeconds: 30,
    },
    retentionDays: 62,
    shutdownGraceSeconds: 5,
    shutdownSeconds: 60,
    log: { level: 'info', calls: { sample: 0 } },
  })
  t.end()
})

void t.test('nothing in a loaded configuration can be changed', (t) => {
  const config = load(t, MINIMAL)
  const openai = config.upstreams['openai'] as { timeouts: { idleSeconds: number } }
  t.throws(() => ((config.listen as { port: number }).port = 1), TypeError)
  t.throws(() => (openai.timeouts.idleSeconds = 1), TypeError)
  t.throws(() => (config.auth.jwt as unknown[]).push({}), TypeError)
  t.end()
})

void t.test('an upstream overrides single timeouts and takes the others from the top', (t) => {
  const config = load(
    t,
    `
redis: { url: "redis://127.0.0.1:6379" }
timeouts: { firstByteSeconds: 30 }
upstreams:
  openai: { family: openai, prefix: /openai, url: "https://api.example.com", timeouts: { idleSeconds: 0.5 } }
`,
  )
  t.strictSame(config.upstreams['openai']?.timeouts, {
    connectSeconds: 10,
    firstByteSeconds: 30,
    idleSeconds: 0.5,
  })
  t.end()
})

void t.test('a section that was left empty counts as absent', (t) => {
  t.equal(load(t, `${MINIMAL}admin:\nlimits:\n  # concurrent: 1\n`).admin.port, 8081)
  t.end()
})

void t.test('prefixes are compared by segments: /open and /openai live side by side', (t) => {
  const config = load(
    t,
    `${MINIMAL.trimEnd().replace(/ }$/, ',')} open: { family: openai, prefix: /open, url: "http://b" } }`,
  )
  t.equal(config.upstreams['open']?.prefix, '/open')
  t.end()
})

void t.test('paths in the file are relative to the file', (t) => {
  const dir = t.testdir({
    etc: { 'config.yaml': MINIMAL.replace(/redis: .*/, 'redis: { embedded: ../data/redis }') },
  })
  const config = loadConfig(join(dir, 'etc/config.yaml'), {})
  t.strictSame(config.redis, { embedded: join(dir, 'data/redis'), patienceSeconds: 3 })
  t.equal(config.journal.dir, join(dir, 'etc/data/journal'))
  t.end()
})

void t.test('a cluster has user, password and certificates of its own', (t) => {
  const dir = t.testdir({
    'ca.pem': '-----BEGIN CERTIFICATE-----',
    'key.pem': '-----BEGIN EC PRIVATE KEY-----',
    'config.yaml': MINIMAL.replace(
      /redis: .*/,
      `redis:
  cluster: ["a:1"]
  username: tollgate
  password: "\${REDIS_PASSWORD}"
  tls: { ca: ca.pem, cert: ca.pem, key: key.pem, serverName: redis.internal }`,
    ),
    'short.yaml': MINIMAL.replace(/redis: .*/, 'redis: { cluster: ["a:1"], tls: true }'),
    'url.yaml': MINIMAL.replace(
      /redis: .*/,
      'redis: { url: "rediss://a", password: p, tls: { ca: ca.pem } }',
    ),
  })
  t.strictSame(loadConfig(join(dir, 'config.yaml'), { REDIS_PASSWORD: 'p@ss:/?#' }).redis, {
    cluster: ['a:1'],
    patienceSeconds: 3,
    username: 'tollgate',
    password: 'p@ss:/?#',
    tls: {
      ca: join(dir, 'ca.pem'),
      cert: join(dir, 'ca.pem'),
      key: join(dir, 'key.pem'),
      serverName: 'redis.internal',
    },
  })
  t.strictSame(loadConfig(join(dir, 'short.yaml'), {}).redis, {
    cluster: ['a:1'],
    patienceSeconds: 3,
    tls: {},
  })
  t.strictSame(loadConfig(join(dir, 'url.yaml'), {}).redis, {
    url: 'rediss://a',
    patienceSeconds: 3,
    password: 'p',
    tls: { ca: join(dir, 'ca.pem') },
  })
  t.end()
})

void t.test(
  'mail must be encrypted, unless the server is on this machine or the operator says otherwise',
  (t) => {
    const cases = [
      ['url: "smtp://127.0.0.1:1025"', 'optional'],
      ['url: "smtp://localhost"', 'optional'],
      ['url: "smtp://[::1]"', 'optional'],
      ['url: "smtp://127.0.0.1.example.com"', 'required'],
      ['url: "smtp://mail.example.com"', 'required'],
      ['url: "smtps://mail.example.com"', 'required'],
      ['url: "smtp://mail:1025", startTls: optional', 'optional'],
      ['url: "smtp://127.0.0.1", startTls: required', 'required'],
    ] as const
    for (const [keys, startTls] of cases) {
      const config = load(
        t,
        `${MINIMAL}notifications: { smtp: { ${keys}, from: "Tollgate <noreply@example.com>" } }`,
      )
      t.equal(config.notifications.smtp?.startTls, startTls, keys)
    }
    t.end()
  },
)

void t.test('messages may be allowed to go to addresses, ranges and names', (t) => {
  const allowTargets = [
    '127.0.0.1',
    '10.0.0.0/8',
    '::1',
    'fd00::/8',
    'hooks.internal',
    'mailhook',
    '3com.example',
  ]
  const config = load(t, `${MINIMAL}notifications: { allowTargets: ${JSON.stringify(allowTargets)} }`)
  t.strictSame(config.notifications.allowTargets, allowTargets)
  t.end()
})

void t.test('a certificate authority is checked when the file is loaded', (t) => {
  const pem = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n'
  const yaml = MINIMAL.replace('url: "https', 'ca: ca.pem, url: "https')
  const dir = t.testdir({ 'config.yaml': yaml, 'ca.pem': pem })
  t.equal(loadConfig(join(dir, 'config.yaml'), {}).upstreams['openai']?.ca, join(dir, 'ca.pem'))
  t.end()
})

void t.test('the environment fills in strings, and numbers where a number is wanted', (t) => {
  const config = load(
    t,
    `${MINIMAL}
listen:
  port: \${PORT}
admin: { operatorToken: "\${TOKEN}-\${SUFFIX}", port: "\${ADMIN_PORT}" }
leaseSeconds: "\${LEASE}"
`,
    { PORT: '9090', TOKEN: '0123456789', SUFFIX: 'abcdef', ADMIN_PORT: '0', LEASE: '1.5' },
  )
  t.equal(config.listen.port, 9090)
  t.equal(config.admin.port, 0)
  t.equal(config.leaseSeconds, 1.5)
  t.equal(config.admin.operatorToken, '0123456789-abcdef')
  t.end()
})

void t.test('an all-digit secret from the environment stays a string', (t) => {
  const config = load(t, `${MINIMAL}admin: { operatorToken: "\${TOKEN}" }`, { TOKEN: '01234567890123456789' })
  t.equal(config.admin.operatorToken, '01234567890123456789')
  t.end()
})

void t.test(
  'a file fills in a string, relative to the configuration, without the line break at its end',
  (t) => {
    const config = load(
      t,
      `${MINIMAL}admin: { operatorToken: "\${file:token.txt}" }`,
      {},
      { 'token.txt': '0123456789abcdef\r\n' },
    )
    t.equal(config.admin.operatorToken, '0123456789abcdef')
    t.end()
  },
)

void t.test('$${ stands for ${ itself, and what was filled in is not read again', (t) => {
  const yaml = MINIMAL.replace('prefix:', () => 'apiKey: "a$${B}${C}", prefix:')
  t.equal(load(t, yaml, { B: 'no', C: '${B}' }).upstreams['openai']?.apiKey, 'a${B}${B}')
  t.end()
})

void t.test('what cannot be filled in is refused by its key', (t) => {
  const table: [string, string][] = [
    ['${NOBODY}', 'admin.operatorToken: the environment variable NOBODY is not set'],
    ['${file:none}', 'admin.operatorToken: cannot read none: no such file'],
    ['${file:.}', 'admin.operatorToken: cannot read .: is a folder'],
    ['${A B}', 'admin.operatorToken: ${A B} is neither a variable nor file:path'],
    ['${}', 'admin.operatorToken: ${} is neither a variable nor file:path'],
    ['${UNCLOSED', 'admin.operatorToken: has a ${ without its }'],
    ['${EMPTY}', 'admin.operatorToken: must have at least 16 characters'],
  ]
  for (const [token, line] of table) {
    t.throws(
      () => load(t, `${MINIMAL}admin: { operatorToken: "${token}" }`, { EMPTY: '' }),
      new StartupError(line, 1),
      token,
    )
  }
  t.throws(
    () => load(t, `${MINIMAL}auth: { jwt: [{ issuer: a, jwksUrl: "https://a", audience: "\${NOBODY}" }] }`),
    new StartupError('auth.jwt[0].audience: the environment variable NOBODY is not set', 1),
    'in a list',
  )
  t.throws(
    () => load(t, `${MINIMAL}listen: { port: "\${PORT}" }`, { PORT: 'http' }),
    new StartupError('listen.port: must be a whole number from 0 to 65535', 1),
    'not a number',
  )
  t.end()
})

void t.test('an error never repeats a value, which may be a secret', (t) => {
  const secret = 'hunter2 hunter2 hunter2'
  for (const yaml of [
    `${MINIMAL}admin: { operatorToken: "${secret}" }`,
    MINIMAL.replace('https://api.example.com', `https://user:${secret}@api.example.com`),
    MINIMAL.replace('redis://127.0.0.1:6379', `redis://:${secret}@x:port`),
  ]) {
    t.throws(() => load(t, yaml), { message: /^(?!.*hunter2).+$/ })
  }
  t.end()
})

void t.test('plain data in the format of the file makes the same configuration, and is not changed', (t) => {
  const input = {
    redis: { embedded: 'redis' },
    upstreams: { openai: { family: 'openai', prefix: '/openai', url: 'http://127.0.0.1:1' } },
  }
  const before = structuredClone(input)
  const config = configFrom(input, { dir: '/srv' })
  t.strictSame(config.redis, { embedded: '/srv/redis', patienceSeconds: 3 })
  t.strictSame(input, before)
  t.throws(() => configFrom({ ...input, x: 1 }, { dir: '/srv' }), { message: /^x: is not a known key/ })
  t.end()
})

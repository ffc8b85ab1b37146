/** The gateway stands inside of a network, and admins of organizations type URLs: nothing of that network is reachable by them. */
import type { LookupAddress } from 'node:dns'
import t from 'tap'
import type { LookUpAll } from '../../src/notifications/channels/guarded-agent.ts'
import { isPublicAddress } from '../../src/notifications/channels/targets.ts'
import { makeCertificate } from '../support/certificate.ts'
import { noticeOf, sendersOf, targetOf } from '../support/notices.ts'
import { startReceiver } from '../support/receiver.ts'

const NOT_PUBLIC = 'it was not called: its address is not one of the public internet'

/** Names of the tests' own, as an attacker's name server would have them. */
function names(table: Readonly<Record<string, readonly string[]>>): LookUpAll {
  return (hostname, done) => {
    const addresses = table[hostname]
    if (addresses === undefined) done(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }), [])
    else
      done(
        null,
        addresses.map((address): LookupAddress => ({ address, family: address.includes(':') ? 6 : 4 })),
      )
  }
}

const ADDRESSES: Readonly<Record<string, readonly string[]>> = {
  loopback: ['127.0.0.1', '127.255.255.254', '::1'],
  'this host': ['0.0.0.0', '0.1.2.3', '::'],
  private: ['10.0.0.1', '172.16.0.1', '172.31.255.254', '192.168.1.1'],
  'link-local, where clouds keep their secrets': ['169.254.169.254', '169.254.170.2', 'fe80::1', 'febf::1'],
  'unique local': ['fc00::1', 'fd00:ec2::254'],
  'site local': ['fec0::1'],
  'of a carrier': ['100.64.0.1', '100.100.100.200', '100.127.255.254'],
  multicast: ['224.0.0.1', '239.255.255.255', 'ff02::1'],
  broadcast: ['255.255.255.255'],
  reserved: [
    '192.0.0.1',
    '192.0.2.1',
    '198.18.0.1',
    '198.51.100.1',
    '203.0.113.1',
    '240.0.0.1',
    '2001:db8::1',
    '100::1',
  ],
  'IPv4 in IPv6, mapped': ['::ffff:127.0.0.1', '::ffff:7f00:1', '::ffff:8.8.8.8', '0:0:0:0:0:ffff:a9fe:a9fe'],
  'IPv4 in IPv6, compatible': ['::127.0.0.1', '::7f00:1'],
  'IPv4 in IPv6, translated': [
    '64:ff9b::127.0.0.1',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b:1::1',
    '::ffff:0:127.0.0.1',
  ],
  'IPv4 in IPv6, tunnelled': ['2002:7f00:1::', '2001:0:7f00:1::'],
  'outside of what is handed out': ['4000::1', '::2', '1::1'],
  'served to machines of a cloud': ['168.63.129.16'],
  'no address': [
    '',
    'localhost',
    '127.1',
    '2130706433',
    '0x7f.0.0.1',
    '1.2.3.4.5',
    '127.0.0.1:80',
    'fe80::1%eth0',
  ],
}

void t.test('only addresses of the public internet are public', (t) => {
  for (const [what, addresses] of Object.entries(ADDRESSES))
    for (const address of addresses) t.equal(isPublicAddress(address), false, `${what}: ${address}`)
  for (const address of [
    '8.8.8.8',
    '172.15.0.1',
    '172.32.0.1',
    '100.63.255.255',
    '169.253.0.1',
    '2606:4700::1111',
  ])
    t.equal(isPublicAddress(address), true, address)
  t.end()
})

/** Every form in which an address can be written in a URL; the URL parser brings them into the usual one. */
const LITERALS = [
  '127.0.0.1',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0x7f.0.0.1',
  '0177.0.0.1',
  '127.0.0.1.',
  '①②⑦.⓪.⓪.①',
  '%31%32%37.0.0.1',
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '0251.0376.0251.0376',
  '10.0.0.1',
  '192.168.1.1',
  '0.0.0.0',
  '0',
  '[::1]',
  '[::]',
  '[0:0:0:0:0:0:0:1]',
  '[::ffff:127.0.0.1]',
  '[::ffff:7f00:1]',
  '[::ffff:a9fe:a9fe]',
  '[64:ff9b::7f00:1]',
  '[fd00::1]',
  '[fe80::1]',
]

for (const literal of LITERALS) {
  void t.test(
    `an address that is not public is refused when it is called, and when it is saved: ${literal}`,
    async (t) => {
      const receiver = await startReceiver()
      const { target, urlProblem } = sendersOf(t, { allowTargets: [] })
      for (const scheme of ['http', 'https']) {
        const url = `${scheme}://${literal}:${receiver.port}/`
        t.same(await target.send(noticeOf('limit'), targetOf(url)), {
          status: 'failed',
          error: NOT_PUBLIC,
          permanent: true,
          retryAfterMs: null,
          isUnavailable: false,
        })
        t.match(urlProblem('webhook', url), /public internet|https/)
      }
      t.equal(receiver.connections, 0, 'nothing was connected')
    },
  )
}

void t.test(
  'a name that resolves to what is not public is refused, whatever else it resolves to',
  async (t) => {
    const receiver = await startReceiver()
    const table: Record<string, readonly string[]> = {
      'both.example': ['8.8.8.8', '127.0.0.1'],
      'last.example': ['2606:4700::1111', '::1'],
    }
    for (const [index, address] of Object.values(ADDRESSES).flat().entries())
      table[`n${index}.example`] = [address]
    const { target } = sendersOf(t, { allowTargets: [], lookUp: names(table) })
    for (const [name, addresses] of Object.entries(table)) {
      for (const scheme of ['http', 'https']) {
        const result = await target.send(noticeOf('limit'), targetOf(`${scheme}://${name}:${receiver.port}/`))
        const error = scheme === 'https' ? NOT_PUBLIC : /^it was not called: /
        t.match(result, { status: 'failed', permanent: true, error }, addresses.join(' '))
      }
    }
    t.equal(receiver.connections, 0)
  },
)

void t.test('localhost is refused by the system’s own names as well', async (t) => {
  const receiver = await startReceiver()
  const { target, urlProblem } = sendersOf(t, { allowTargets: [] })
  t.match(urlProblem('webhook', 'https://localhost./'), 'public internet')
  for (const host of ['localhost', 'LOCALHOST']) {
    const url = `https://${host}:${receiver.port}/`
    t.match(await target.send(noticeOf('limit'), targetOf(url)), {
      status: 'failed',
      permanent: true,
      error: NOT_PUBLIC,
    })
    t.match(urlProblem('webhook', url), 'public internet')
  }
  t.equal(receiver.connections, 0)
})

void t.test(
  'a name that changes between check and call gains nothing: one look-up, and its answer is what is called',
  async (t) => {
    const inside = await startReceiver()
    let lookUps = 0
    const rebinding: LookUpAll = (_hostname, done) => {
      lookUps += 1
      // Another one from the second look-up on: where there were two, the check would see another one than the call.
      done(null, [{ address: lookUps === 1 ? '127.0.0.2' : '127.0.0.1', family: 4 }])
    }
    const { target } = sendersOf(t, { allowTargets: ['127.0.0.2/32'], lookUp: rebinding })
    const url = `http://rebind.example:${inside.port}/`
    // Nobody listens on the first: what matters is that it is not the other one that was called.
    t.match(await target.send(noticeOf('limit'), targetOf(url)), { status: 'failed', permanent: false })
    t.equal(lookUps, 1)
    t.match(await target.send(noticeOf('limit'), targetOf(url)), {
      status: 'failed',
      permanent: true,
      error: NOT_PUBLIC,
    })
    t.equal(inside.connections, 0)
  },
)

void t.test('a redirect to what is not public is not followed', async (t) => {
  const inside = await startReceiver()
  const outside = await startReceiver()
  const { target } = sendersOf(t)
  for (const location of [inside.url, 'http://169.254.169.254/latest/meta-data/', 'http://[::1]/']) {
    for (const status of [301, 302, 303, 307, 308]) {
      outside.answer = (response) => void response.writeHead(status, { location }).end()
      t.match(await target.send(noticeOf('limit'), targetOf(outside.url)), { status: 'failed' })
    }
  }
  t.equal(inside.connections, 0)
})

void t.test('what the operator allows is called: by address, by range, by name, and only that', async (t) => {
  const receiver = await startReceiver()
  const lookUp = names({
    'hook.example': ['127.0.0.1'],
    'other.example': ['127.0.0.1'],
    'v6.example': ['::ffff:127.0.0.1'],
  })
  const cases: readonly [string[], string, boolean][] = [
    [['127.0.0.1'], '127.0.0.1', true],
    [['127.0.0.1/32'], '127.0.0.1', true],
    [['127.0.0.0/8'], 'hook.example', true],
    [['127.0.0.0/8'], 'v6.example', false],
    [['127.0.0.2/32'], '127.0.0.1', false],
    [['::/0'], '127.0.0.1', false],
    [['hook.example'], 'hook.example', true],
    [['Hook.Example.'], 'hook.example', true],
    [['hook.example'], 'other.example', false],
    [['hook.example'], '127.0.0.1', false],
    [['example'], 'hook.example', false],
  ]
  for (const [allowTargets, host, isCalled] of cases) {
    const { target } = sendersOf(t, { allowTargets, lookUp })
    const result = await target.send(noticeOf('limit'), targetOf(`http://${host}:${receiver.port}/`))
    t.equal(result.status, isCalled ? 'sent' : 'failed', `${allowTargets.join(' ')} → ${host}`)
  }
})

void t.test(
  'the name stays what TLS verifies and what the Host header says; the address is the one that was checked',
  async (t) => {
    const certificate = makeCertificate('DNS:hooks.example')
    const receiver = await startReceiver({ certificate })
    const lookUp = names({ 'hooks.example': ['127.0.0.1'], 'stranger.example': ['127.0.0.1'] })
    const { target } = sendersOf(t, { lookUp, ca: certificate.cert })
    const send = (host: string) =>
      target.send(noticeOf('limit'), targetOf(`https://${host}:${receiver.port}/`))
    t.same(await send('hooks.example'), { status: 'sent' })
    t.match(receiver.posts, [
      { servername: 'hooks.example', headers: { host: `hooks.example:${receiver.port}` } },
    ])
    t.match(await send('stranger.example'), { status: 'failed', error: /certificate/ })
    const untrusting = sendersOf(t, { lookUp })
    const url = `https://hooks.example:${receiver.port}/`
    t.match(await untrusting.target.send(noticeOf('limit'), targetOf(url)), {
      status: 'failed',
      error: /certificate/,
    })
    t.equal(receiver.posts.length, 1)
  },
)

void t.test('a public address is called by https only', async (t) => {
  const lookUp = names({ 'public.example': ['8.8.8.8'] })
  const { target } = sendersOf(t, { allowTargets: [], lookUp })
  const result = await target.send(noticeOf('limit'), targetOf('http://public.example/'))
  t.match(result, { status: 'failed', permanent: true, error: 'it was not called: it is not https' })
})

void t.test('a name that does not resolve fails for now', async (t) => {
  const { target } = sendersOf(t, { allowTargets: [], lookUp: names({ 'empty.example': [] }) })
  for (const host of ['nowhere.example', 'empty.example'])
    t.match(await target.send(noticeOf('limit'), targetOf(`https://${host}/`)), {
      status: 'failed',
      permanent: false,
      error: 'its name does not resolve',
    })
})

void t.test('a URL that cannot be called is refused when it is saved, with what is wrong', (t) => {
  const { urlProblem } = sendersOf(t, { allowTargets: ['10.0.0.0/8', 'mailhook', 'slack.internal'] })
  const webhooks: readonly [string, RegExp | null][] = [
    ['https://hooks.example.com/a?b=c', null],
    ['https://hooks.example.com:8443/', null],
    ['https://8.8.8.8/', null],
    ['https://[2606:4700::1111]/', null],
    ['http://10.1.2.3:25/hook', null],
    ['http://mailhook:3000/', null],
    ['http://hooks.example.com/', /must be an https URL/],
    ['ftp://hooks.example.com/', /must be an https URL/],
    ['javascript:alert(1)', /must be an https URL/],
    ['hooks.example.com', /must be an absolute URL/],
    ['https://', /must be an absolute URL/],
    ['https://a b/', /must be an absolute URL/],
    ['https://hooks.example.com/\r\nx: y', /must be an absolute URL/],
    ['https://me:secret@hooks.example.com/', /must not hold credentials/],
    ['https://me@10.1.2.3/', /must not hold credentials/],
    ['https://hooks.example.com/#part', /must not have a fragment/],
    ['https://hooks.example.com:25/', /must be on port 443/],
    ['https://hooks.example.com:0/', /must be on port 443/],
    ['https://db.internal/', /public internet/],
    ['https://printer.local/', /public internet/],
    ['https://a.localhost/', /public internet/],
    [`https://hooks.example.com/${'x'.repeat(2_000)}`, /at most 2000 characters/],
  ]
  for (const [url, problem] of webhooks) {
    if (problem === null) t.equal(urlProblem('webhook', url), null, url)
    else t.match(urlProblem('webhook', url), problem, JSON.stringify(url.slice(0, 60)))
  }
  const slack: readonly [string, RegExp | null][] = [
    ['https://hooks.slack.com/services/T0/B0/x', null],
    ['https://hooks.slack-gov.com/services/T0/B0/x', null],
    ['https://slack.internal/services/x', null],
    ['https://hooks.slack.com/workflows/T0/B0/x', /incoming webhook/],
    ['https://hooks.slack.com/', /incoming webhook/],
    ['https://hooks.slack.com/…abcd', /must be the whole URL/],
    ['https://slack.internal/…abcd', /must be the whole URL/],
    ['https://hooks.example.com/services/T0/B0/x', /incoming webhook/],
    ['https://hooks.slack.com.example.com/services/T0/B0/x', /incoming webhook/],
    ['https://127.0.0.1/services/T0/B0/x', /incoming webhook/],
    ['http://hooks.slack.com/services/T0/B0/x', /must be an https URL/],
  ]
  for (const [url, problem] of slack) {
    if (problem === null) t.equal(urlProblem('slack', url), null, url)
    else t.match(urlProblem('slack', url), problem, url)
  }
  t.end()
})

import { Webhook } from 'standardwebhooks'
import t from 'tap'
import * as keys from '../../src/store/keys.ts'
import { startReceiver } from '../support/receiver.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin({ allowTargets: ['127.0.0.1/32'], publicUrl: 'https://tollgate.example.com' })
const HOOK = 'https://hooks.example.com/tollgate?team=1'
const SLACK = 'https://hooks.slack.com/services/T00/B00/abcdefWXYZ'

const pathOf = (org: string, id: unknown = '') =>
  `/v1/orgs/${org}/channels${id === '' ? '' : `/${String(id)}`}`
const withIfMatch = (tag: string | null) => ({
  authorization: 'Bearer operator-token-of-the-tests',
  'if-match': tag ?? '',
})
async function audited(org: string): Promise<Record<string, unknown>[]> {
  const { body } = await admin.call('GET', `/v1/orgs/${org}/audit`)
  return (body.items ?? []).filter(({ action }) => String(action).startsWith('channel.'))
}

void t.test('a webhook’s secret is shown in the answer to POST and never again', async (t) => {
  const org = await admin.org()
  const made = await admin.call('POST', pathOf(org), { kind: 'webhook', url: HOOK })
  t.equal(made.status, 201)
  const { secret, ...shown } = made.body
  t.match(secret, /^whsec_[A-Za-z0-9+/]{43}=$/)
  t.match(shown, {
    id: /^ch_/,
    kind: 'webhook',
    name: null,
    url: HOOK,
    enabled: true,
    previousSecretUntil: null,
    createdAt: /Z$/,
  })
  t.same((await admin.call('GET', pathOf(org))).body, { items: [shown], next: null })
  const read = await admin.call('GET', pathOf(org, shown['id']))
  t.same(read.body, shown)
  t.equal(read.headers.get('etag'), made.headers.get('etag'))
  t.notMatch(JSON.stringify(await audited(org)), 'whsec_')
})

void t.test('a Slack URL, which is a secret in itself, is never shown whole', async (t) => {
  const org = await admin.org()
  const made = await admin.call('POST', pathOf(org), {
    kind: 'slack',
    url: SLACK,
    name: 'Ops',
    enabled: false,
  })
  t.match(made.body, { kind: 'slack', name: 'Ops', enabled: false, url: 'https://hooks.slack.com/…WXYZ' })
  t.notHas(made.body, { secret: '' })
  const { id } = made.body
  await admin.call('PATCH', pathOf(org, id), { url: SLACK.replace('abcdef', 'ghijkl') })
  await admin.call('DELETE', pathOf(org, id))
  t.equal((await audited(org)).length, 3)
  t.notMatch(JSON.stringify(await audited(org)), /abcdef|ghijkl/)
  // What was read is not what may be saved.
  const again = await admin.call('POST', pathOf(org), { kind: 'slack', url: made.body['url'] })
  t.match(again.body, { status: 400, errors: [{ field: 'url', message: 'must be the whole URL' }] })
})

void t.test('what is absent from a PATCH stays; a kind does not change', async (t) => {
  const org = await admin.org()
  const made = await admin.call('POST', pathOf(org), { kind: 'webhook', url: HOOK, name: 'Pager' })
  const { secret, ...before } = made.body
  const path = pathOf(org, before['id'])
  const off = await admin.call('PATCH', path, { enabled: false })
  t.same(off.body, { ...before, enabled: false })
  const renamed = await admin.call('PATCH', path, { name: null, url: `${HOOK}&x=2` })
  t.same(renamed.body, { ...before, enabled: false, name: null, url: `${HOOK}&x=2` })
  t.match((await admin.call('PATCH', path, { kind: 'slack' })).body, {
    status: 400,
    errors: [{ field: 'kind' }],
  })
  const stored = JSON.parse(
    (await admin.redis.hget(keys.channels(org), String(before['id']))) ?? '',
  ) as object
  t.match(stored, { secrets: { current: secret, previous: null } })
})

void t.test(
  'A2: a save on a stale version is refused with the current one, and changes nothing',
  async (t) => {
    const org = await admin.org()
    const made = await admin.call('POST', pathOf(org), { kind: 'webhook', url: HOOK })
    const path = pathOf(org, made.body['id'])
    const stale = made.headers.get('etag')
    const saved = await admin.send('PATCH', path, withIfMatch(stale), { name: 'First' })
    t.equal(saved.status, 200)
    const current = saved.headers.get('etag')
    t.not(current, stale)
    for (const [method, body] of [
      ['PATCH', { name: 'Second' }],
      ['DELETE', undefined],
    ] as const) {
      const late = await admin.send(method, path, withIfMatch(stale), body)
      t.match(
        late,
        { status: 412, body: { code: 'precondition_failed', current: { name: 'First' } } },
        method,
      )
      t.equal(late.headers.get('etag'), current)
      t.notMatch(JSON.stringify(late.body), 'whsec_')
    }
    t.equal((await admin.send('DELETE', path, withIfMatch(current))).status, 204)
    t.equal((await admin.call('GET', path)).status, 404)
  },
)

void t.test('A3: every change stands in the audit log, with what was before and is after', async (t) => {
  const org = await admin.org(['boss'])
  const key = await admin.adminKey(org, 'boss')
  const { body } = await admin.call('POST', pathOf(org), { kind: 'webhook', url: HOOK }, key)
  const { secret, ...first } = body
  t.ok(secret)
  await admin.call('PATCH', pathOf(org, first['id']), { enabled: false }, key)
  await admin.call('DELETE', pathOf(org, first['id']))
  const second = { ...first, enabled: false }
  const target = first['id']
  t.match(await audited(org), [
    { actor: 'operator', action: 'channel.delete', target, before: second, after: null },
    { actor: 'boss', action: 'channel.update', target, before: first, after: second },
    { actor: 'boss', action: 'channel.create', target, before: null, after: first },
  ])
})

void t.test('a URL that must not be called is refused beside its field, at POST and at PATCH', async (t) => {
  const org = await admin.org()
  const urls = [
    'http://hooks.example.com/',
    'https://10.0.0.1/',
    'https://169.254.169.254/latest/meta-data/',
    'https://[::1]/',
    'https://[::ffff:7f00:1]:8443/',
    'https://2130706434/',
    'https://localhost/',
    'https://me:pw@hooks.example.com/',
    'https://hooks.example.com:22/',
    'nonsense',
    '',
    `https://hooks.example.com/${'x'.repeat(2_000)}`,
  ]
  const { body } = await admin.call('POST', pathOf(org), { kind: 'webhook', url: HOOK })
  for (const url of urls) {
    const made = await admin.call('POST', pathOf(org), { kind: 'webhook', url })
    t.match(made.body, { status: 400, code: 'invalid_request', errors: [{ field: 'url' }] }, url.slice(0, 60))
    const changed = await admin.call('PATCH', pathOf(org, body['id']), { url })
    t.match(changed.body, { status: 400, errors: [{ field: 'url' }] })
  }
  const wrong = await admin.call('POST', pathOf(org), { kind: 'slack', url: HOOK })
  t.match(wrong.body, { status: 400, errors: [{ field: 'url', message: /hooks\.slack\.com/ }] })
  t.equal((await admin.call('GET', pathOf(org))).body.items?.length, 1)
  t.match(await admin.call('POST', pathOf(org), { kind: 'email', url: HOOK }), { status: 400 })
})

void t.test('after a rotation the old secret signs as well, for a day', async (t) => {
  const receiver = await startReceiver()
  const org = await admin.org()
  const made = await admin.call('POST', pathOf(org), { kind: 'webhook', url: receiver.url })
  const path = pathOf(org, made.body['id'])
  const rotated = await admin.call('PATCH', path, { rotateSecret: true })
  t.equal(rotated.status, 200)
  t.match(rotated.body['secret'], /^whsec_/)
  t.not(rotated.body['secret'], made.body['secret'])
  const left = Date.parse(String(rotated.body['previousSecretUntil'])) - Date.now()
  t.ok(left > 23 * 3_600_000 && left <= 24 * 3_600_000 + 1_000, `${left} ms`)
  t.notHas((await admin.call('GET', path)).body, { secret: '' })
  t.same((await admin.call('POST', `${path}/test`)).body, { status: 'sent', error: null })
  const [post] = receiver.posts
  if (post === undefined) return t.fail('nothing came')
  for (const secret of [made.body['secret'], rotated.body['secret']]) {
    t.match(new Webhook(String(secret)).verify(post.body, post.headers as Record<string, string>), {
      type: 'channel.test',
    })
  }
  const slack = await admin.call('POST', pathOf(org), { kind: 'slack', url: SLACK })
  const refused = await admin.call('PATCH', pathOf(org, slack.body['id']), { rotateSecret: true })
  t.match(refused.body, { status: 400, errors: [{ field: 'rotateSecret' }] })
})

void t.test(
  'a test is sent as such, also where the channel is off, and its outcome is the answer',
  async (t) => {
    const receiver = await startReceiver()
    const org = await admin.org()
    for (const kind of ['webhook', 'slack']) {
      const made = await admin.call('POST', pathOf(org), {
        kind,
        url: `${receiver.url}/${kind}`,
        enabled: false,
      })
      const path = `${pathOf(org, made.body['id'])}/test`
      t.same((await admin.call('POST', path)).body, { status: 'sent', error: null })
      t.match(receiver.posts.at(-1), { path: `/${kind}`, body: /test/i })
      receiver.answer = (response) => void response.writeHead(500).end('internal details')
      const failed = await admin.call('POST', path)
      t.match(failed, { status: 200, body: { status: 'failed', error: /500/ } })
      t.notMatch(JSON.stringify(failed.body), 'internal details')
      receiver.answer = (response) => void response.end('ok')
    }
    const ids = receiver.posts.flatMap(({ headers }) => headers['webhook-id'] ?? [])
    t.equal(new Set(ids).size, 2, 'each test has an id of its own')
  },
)

void t.test('an organization may send ten tests a minute, over all of its channels', async (t) => {
  const receiver = await startReceiver()
  const [org, other] = [await admin.org(), await admin.org()]
  const tests: string[] = []
  for (let i = 0; i < 2; i += 1) {
    const made = await admin.call('POST', pathOf(org), { kind: 'webhook', url: receiver.url })
    tests.push(`${pathOf(org, made.body['id'])}/test`)
  }
  const answers = await Promise.all(
    Array.from({ length: 24 }, (_, i) => admin.call('POST', tests[i % 2] ?? '')),
  )
  t.equal(answers.filter(({ status }) => status === 200).length, 10)
  t.equal(receiver.posts.length, 10)
  for (const { status, body, headers } of answers.filter((answer) => answer.status !== 200)) {
    t.match({ status, body }, { status: 429, body: { code: 'too_many_tests' } })
    const seconds = Number(headers.get('retry-after'))
    t.ok(seconds >= 1 && seconds <= 60)
  }
  const made = await admin.call('POST', pathOf(other), { kind: 'webhook', url: receiver.url })
  t.match(await admin.call('POST', `${pathOf(other, made.body['id'])}/test`), { status: 200 })
  await admin.redis.del(keys.channelTests(org))
  t.match(await admin.call('POST', tests[0] ?? ''), { status: 200 }, 'a minute later')
})

void t.test('an organization has at most 50 channels, however they are added at once', async (t) => {
  const org = await admin.org()
  const made = await Promise.all(
    Array.from({ length: 55 }, () => admin.call('POST', pathOf(org), { kind: 'webhook', url: HOOK })),
  )
  t.equal(made.filter(({ status }) => status === 201).length, 50)
  t.match(made.find(({ status }) => status !== 201)?.body, { status: 409, code: 'too_many' })
  const ids: unknown[] = []
  let next: string | null = ''
  while (next !== null) {
    const page = await admin.call('GET', `${pathOf(org)}?limit=20${next === '' ? '' : `&cursor=${next}`}`)
    ids.push(...(page.body.items ?? []).map(({ id }) => id))
    next = page.body['next'] as string | null
  }
  t.equal(new Set(ids).size, 50)
  t.same(ids, [...ids].sort())
})

void t.test('A1: admins of the organization may, members and other admins may not', async (t) => {
  const [org, other] = [await admin.org(['boss'], ['ada']), await admin.org(['chief'])]
  const { body } = await admin.call('POST', pathOf(org), { kind: 'webhook', url: HOOK })
  const tokens = [
    [await admin.adminKey(other, 'chief'), 404],
    ['stranger', 401],
  ] as const
  for (const [token, status] of tokens) {
    for (const [method, path, payload] of [
      ['GET', pathOf(org), undefined],
      ['POST', pathOf(org), { kind: 'webhook', url: HOOK }],
      ['GET', pathOf(org, body['id']), undefined],
      ['PATCH', pathOf(org, body['id']), { enabled: false }],
      ['POST', `${pathOf(org, body['id'])}/test`, undefined],
      ['DELETE', pathOf(org, body['id']), undefined],
    ] as const) {
      t.equal((await admin.call(method, path, payload, token)).status, status, `${method} ${path}`)
    }
  }
  t.equal((await admin.call('GET', pathOf(org), undefined, await admin.adminKey(org, 'boss'))).status, 200)
  for (const [method, path] of [
    ['GET', pathOf(org, 'ch_none')],
    ['PATCH', pathOf(org, 'ch_none')],
    ['DELETE', pathOf(org, 'ch_none')],
    ['POST', `${pathOf(org, 'ch_none')}/test`],
    ['GET', pathOf('nowhere')],
  ] as const) {
    const answer = await admin.call(method, path, method === 'PATCH' ? { enabled: false } : undefined)
    t.equal(answer.status, 404, `${method} ${path}`)
  }
  const nowhere = await admin.call('POST', pathOf('nowhere'), { kind: 'webhook', url: HOOK })
  t.equal(nowhere.status, 404)
})

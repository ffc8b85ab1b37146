import { Webhook, WebhookVerificationError } from 'standardwebhooks'
import t from 'tap'
import type { UnixMs } from '../../src/core/units.ts'
import { noticeOf, SECRET, sendersOf, targetOf } from '../support/notices.ts'
import { startReceiver, type ReceivedPost } from '../support/receiver.ts'

const OLD_SECRET = `whsec_${Buffer.alloc(32, 9).toString('base64')}`

/** What a receiver does with each message. */
function verify({ body, headers }: ReceivedPost, secret = SECRET): unknown {
  return new Webhook(secret).verify(body, headers as Record<string, string>)
}

void t.test(
  'N2: a webhook is what Standard Webhooks says: the library verifies it, and reads the event',
  async (t) => {
    const receiver = await startReceiver()
    const { target } = sendersOf(t)
    const notice = noticeOf('limit')
    t.same(await target.send(notice, targetOf(`${receiver.url}/hook?a=1`)), { status: 'sent' })
    const [post] = receiver.posts
    if (post === undefined) return t.fail('nothing came')
    t.match(post, { method: 'POST', path: '/hook?a=1' })
    t.match(post.headers, {
      'content-type': 'application/json; charset=utf-8',
      'webhook-id': 'c-limit-1',
      'webhook-timestamp': /^\d{10}$/,
      'webhook-signature': /^v1,[A-Za-z0-9+/]{43}=$/,
      host: `127.0.0.1:${receiver.port}`,
    })
    t.same(verify(post), {
      type: 'user.limit.reached',
      timestamp: notice.crossing.occurredAt,
      data: notice.crossing,
    })
  },
)

void t.test('N2: a repeat has the same id and the same body, byte for byte', async (t) => {
  const receiver = await startReceiver()
  let now = Date.now()
  const { target } = sendersOf(t, { now: () => now })
  await target.send(noticeOf('share'), targetOf(receiver.url))
  now += 60_000
  await target.send(noticeOf('share'), targetOf(receiver.url))
  const [first, second] = receiver.posts
  t.equal(first?.body, second?.body)
  t.equal(first?.headers['webhook-id'], second?.headers['webhook-id'])
  t.not(first?.headers['webhook-timestamp'], second?.headers['webhook-timestamp'])
  for (const post of receiver.posts) t.ok(verify(post))
})

void t.test('what was tampered with or is replayed fails at the receiver', async (t) => {
  const receiver = await startReceiver()
  const { target } = sendersOf(t)
  await target.send(noticeOf('limit'), targetOf(receiver.url))
  const [post] = receiver.posts
  if (post === undefined) return t.fail('nothing came')
  const forged: Record<string, ReceivedPost> = {
    'another body': { ...post, body: post.body.replace('"ada"', '"eve"') },
    'another id': { ...post, headers: { ...post.headers, 'webhook-id': 'c-limit-2' } },
    'a fresh timestamp': {
      ...post,
      headers: {
        ...post.headers,
        'webhook-timestamp': String(Number(post.headers['webhook-timestamp']) + 1),
      },
    },
    'no signature': { ...post, headers: { ...post.headers, 'webhook-signature': '' } },
  }
  for (const [what, message] of Object.entries(forged))
    t.throws(() => verify(message), WebhookVerificationError, what)
  t.throws(() => verify(post, OLD_SECRET), WebhookVerificationError, 'another secret')

  const past = sendersOf(t, { now: () => Date.now() - 6 * 60_000 })
  await past.target.send(noticeOf('limit'), targetOf(receiver.url))
  const replayed = receiver.posts[1]
  if (replayed === undefined) return t.fail('nothing came')
  t.throws(() => verify(replayed), /too old/, 'sent six minutes ago')
})

void t.test('after a rotation both secrets verify until the old one’s day is over', async (t) => {
  const receiver = await startReceiver()
  let now = Date.now()
  const { target } = sendersOf(t, { now: () => now })
  const until = (now + 60_000) as UnixMs
  const rotated = targetOf(receiver.url, {
    secrets: { current: SECRET, previous: { secret: OLD_SECRET, until } },
  })
  await target.send(noticeOf('limit'), rotated)
  now = until
  await target.send(noticeOf('limit'), rotated)
  const [during, after] = receiver.posts
  if (during === undefined || after === undefined) return t.fail('nothing came')
  t.ok(verify(during, SECRET))
  t.ok(verify(during, OLD_SECRET))
  t.ok(verify(after, SECRET))
  t.throws(() => verify(after, OLD_SECRET), WebhookVerificationError)
})

void t.test(
  '2xx is a success, 410 is for good, everything else is for now; Retry-After is honoured',
  async (t) => {
    const receiver = await startReceiver()
    const { target } = sendersOf(t)
    const cases: readonly [number, Record<string, string>, object][] = [
      [200, {}, { status: 'sent' }],
      [201, {}, { status: 'sent' }],
      [204, {}, { status: 'sent' }],
      [301, { location: '/elsewhere' }, { permanent: false, error: /redirects are not followed/ }],
      [307, { location: '/elsewhere' }, { permanent: false, error: /redirects are not followed/ }],
      [400, {}, { permanent: false }],
      [404, {}, { permanent: false }],
      [410, {}, { permanent: true }],
      [429, { 'retry-after': '17' }, { permanent: false, retryAfterMs: 17_000 }],
      [503, { 'retry-after': '1' }, { permanent: false, retryAfterMs: 1_000 }],
      [500, { 'retry-after': '17' }, { permanent: false, retryAfterMs: null }],
      [429, { 'retry-after': 'soon' }, { permanent: false, retryAfterMs: null }],
      [429, { 'retry-after': '999999999' }, { permanent: false, retryAfterMs: 86_400_000 }],
    ]
    for (const [status, headers, expected] of cases) {
      receiver.answer = (response) => void response.writeHead(status, headers).end()
      t.match(await target.send(noticeOf('limit'), targetOf(receiver.url)), expected, String(status))
    }
    t.equal(receiver.posts.length, cases.length, 'one request each: none was repeated or redirected')
  },
)

void t.test(
  'an answer that does not come, or never ends, is given up; what it says is not repeated',
  async (t) => {
    const receiver = await startReceiver()
    const { target } = sendersOf(t, { timeoutMs: 250 })
    const send = () => target.send(noticeOf('limit'), targetOf(receiver.url))
    receiver.answer = () => undefined
    t.match(await send(), { status: 'failed', permanent: false, error: 'it did not answer within 0.25 s' })
    receiver.answer = (response) => void response.writeHead(500).write('x')
    t.match(await send(), { status: 'failed', permanent: false, error: 'it did not answer within 0.25 s' })
    receiver.answer = (response) => {
      const more = (): void => void response.write('secret'.repeat(1_000), () => setImmediate(more))
      response.on('error', () => undefined).writeHead(500)
      more()
    }
    t.match(await send(), { status: 'failed', permanent: false, error: 'it answered 500' })
    receiver.answer = (response) => void response.writeHead(200, { 'x-large': 'x'.repeat(20_000) }).end()
    t.match(await send(), { status: 'failed', permanent: false, error: 'its answer is too large' })
    receiver.answer = (response) => void response.socket?.destroy()
    t.match(await send(), { status: 'failed', permanent: false, error: 'the connection was closed' })
  },
)

void t.test('a success counts, however its answer ends', async (t) => {
  const receiver = await startReceiver()
  const { target } = sendersOf(t, { timeoutMs: 2_000 })
  receiver.answer = (response) => {
    response.writeHead(200, { 'content-length': 1_000 }).write('half', () => response.socket?.destroy())
  }
  t.same(await target.send(noticeOf('limit'), targetOf(receiver.url)), { status: 'sent' })
})

void t.test('a receiver that is not there fails for now, and its address is not told', async (t) => {
  const receiver = await startReceiver()
  const { target } = sendersOf(t)
  const nowhere = await target.send(noticeOf('limit'), targetOf('http://127.0.0.1:1/'))
  t.match(nowhere, { status: 'failed', permanent: false, error: 'the connection was refused' })
  t.equal(receiver.posts.length, 0)
})

void t.test('a test has a type of its own, so that no receiver acts on what did not happen', async (t) => {
  const receiver = await startReceiver()
  const { target } = sendersOf(t)
  await target.send(noticeOf('limit', { test: true }), targetOf(receiver.url))
  const [post] = receiver.posts
  if (post === undefined) return t.fail('nothing came')
  t.match(verify(post), { type: 'channel.test', data: { test: true } })
})

import t from 'tap'
import { HOSTILE, noticeOf, sendersOf, targetOf } from '../support/notices.ts'
import { startReceiver } from '../support/receiver.ts'

const slack = { kind: 'slack', secrets: null } as const

interface Block {
  readonly type: string
  readonly text?: { readonly text: string }
  readonly fields?: readonly { readonly text: string }[]
  readonly elements?: readonly { readonly type: string; readonly url?: string; readonly text: unknown }[]
}

void t.test('N3: a Slack message has its blocks: header, facts, bar, link, context', async (t) => {
  const receiver = await startReceiver()
  const { target } = sendersOf(t)
  t.same(await target.send(noticeOf('share'), targetOf(`${receiver.url}/services/T0/B0/x`, slack)), {
    status: 'sent',
  })
  const [post] = receiver.posts
  t.match(post, {
    method: 'POST',
    path: '/services/T0/B0/x',
    headers: { 'content-type': /^application\/json/ },
  })
  const { text, blocks } = JSON.parse(post?.body ?? '') as { text: string; blocks: Block[] }
  t.equal(text, 'Acme Research has used 75% of its credit allowance')
  t.same(
    blocks.map(({ type }) => type),
    ['header', 'section', 'section', 'section', 'section', 'actions', 'context'],
  )
  t.equal(blocks[2]?.text?.text, `${'▰'.repeat(12)}${'▱'.repeat(4)}  75.1% of 10,000 credits`)
  t.same(
    blocks[3]?.fields?.map((field) => field.text),
    [
      '*Organization*\nAcme Research',
      '*Usage*\n7,512.25 of 10,000 credits',
      '*Alert*\n75%, which is 7,500 credits',
      '*Billing period*\n1 November 2026 to 30 November 2026',
      '*Resets*\n1 December 2026, 00:00 (Europe/Berlin)',
    ],
  )
  t.match(blocks[5]?.elements, [{ type: 'button', url: 'https://tollgate.example.com/limits' }])
  t.match(JSON.stringify(blocks[6]), 'c-share-1')
})

void t.test('N3: what people typed stays text in Slack', async (t) => {
  const receiver = await startReceiver()
  const { target } = sendersOf(t)
  for (const text of HOSTILE) {
    await target.send(noticeOf('limit', { orgName: text, userName: text }), targetOf(receiver.url, slack))
    const body = receiver.posts.at(-1)?.body ?? ''
    const { blocks } = JSON.parse(body) as { blocks: Block[] }
    for (const field of blocks[3]?.fields ?? []) t.notMatch(field.text, /[<>]/)
  }
  t.equal(receiver.posts.length, HOSTILE.length)
})

void t.test('without a public URL there is no button', async (t) => {
  const receiver = await startReceiver()
  const { target } = sendersOf(t)
  await target.send(noticeOf('share', { pageUrl: null }), targetOf(receiver.url, slack))
  t.notMatch(receiver.posts[0]?.body, 'actions')
})

void t.test('Retry-After of Slack is honoured; what Slack refuses for good is not tried again', async (t) => {
  const receiver = await startReceiver()
  const { target } = sendersOf(t)
  const cases: readonly [number, string, Record<string, string>, object][] = [
    [200, 'ok', {}, { status: 'sent' }],
    [429, '', { 'retry-after': '30' }, { permanent: false, retryAfterMs: 30_000 }],
    [503, '', { 'retry-after': '2' }, { permanent: false, retryAfterMs: 2_000 }],
    [500, 'rollup_error', {}, { permanent: false, retryAfterMs: null }],
    [400, 'invalid_payload', {}, { permanent: true, error: 'Slack answered 400: invalid_payload' }],
    [403, 'action_prohibited', {}, { permanent: true }],
    [404, 'no_service', {}, { permanent: true, error: 'Slack answered 404: no_service' }],
    [410, 'channel_is_archived', {}, { permanent: true }],
    [404, '<html>\r\nnot Slack at all', {}, { permanent: true, error: 'Slack answered 404' }],
    [302, '', { location: 'http://169.254.169.254/' }, { permanent: false }],
  ]
  for (const [status, text, headers, expected] of cases) {
    receiver.answer = (response) => void response.writeHead(status, headers).end(text)
    t.match(
      await target.send(noticeOf('share'), targetOf(receiver.url, slack)),
      expected,
      `${status} ${status}`,
    )
  }
})

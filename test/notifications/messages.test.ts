import t from 'tap'
import { mailText } from '../../src/notifications/messages/email.ts'
import { escapeHtml } from '../../src/notifications/messages/html.ts'
import { sampleNotice } from '../../src/notifications/messages/sample.ts'
import { escapeMrkdwn, slackMessage } from '../../src/notifications/messages/slack.ts'
import { subjectLine, typed } from '../../src/notifications/messages/words.ts'
import { CROSSINGS, HOSTILE, noticeOf } from '../support/notices.ts'

/** What each message must say, whoever reads it and in whatever form: kind, reader, subject, facts. */
const SAYS: readonly (readonly [string, string, string, readonly string[]])[] = [
  [
    'share',
    'boss',
    'Acme Research has used 75% of its credit allowance',
    [
      '7,512.25 of 10,000 credits',
      '75%, which is 7,500 credits',
      '75.1% of 10,000 credits',
      'Nothing is blocked',
    ],
  ],
  [
    'amount',
    'boss',
    'Acme Research has used 12,000 credits',
    ['12,345.678901 of 10,000 credits', '123.4% of 10,000 credits'],
  ],
  [
    'user',
    'boss',
    'Ada Lovelace has used 500 credits at Acme Research',
    ['Ada Lovelace (ada)', '512.5 credits', 'This alert blocks no calls'],
  ],
  ['user', 'ada', 'You have used 500 credits at Acme Research', ['512.5 credits', 'You can go on working']],
  [
    'limit',
    'boss',
    'Ada Lovelace has reached the limit of 1,000 credits at Acme Research',
    ['1,000 of 1,000 credits', '1,240.5 credits', 'are refused until', 'Raise the limit'],
  ],
  [
    'limit',
    'ada',
    'You have reached your limit of 1,000 credits at Acme Research',
    ['1,000 of 1,000 credits', 'ask an admin of your organization'],
  ],
  [
    'zero',
    'boss',
    'Ada Lovelace has reached the limit of 0 credits at Acme Research',
    ['The limit is 0 credits.'],
  ],
]
const EVERYWHERE = [
  'Acme Research',
  '1 November 2026 to 30 November 2026',
  '1 December 2026, 00:00 (Europe/Berlin)',
  '12 November 2026, 14:03 (Europe/Berlin)',
]

for (const [kind, reader, subject, facts] of SAYS) {
  void t.test(
    `N3: ${kind} for ${reader} says what happened, to whom, usage, threshold, period, reset`,
    (t) => {
      const mail = mailText(noticeOf(kind), reader)
      t.equal(mail.subject, subject)
      for (const fact of [...EVERYWHERE, ...facts]) {
        t.ok(mail.text.includes(fact), `text: ${fact}`)
        t.ok(mail.html.includes(escapeHtml(fact)), `html: ${fact}`)
      }
      t.end()
    },
  )
}

void t.test('N3: admins are sent to the page that answers it, who is meant to the own standing', (t) => {
  const links = (reader: string) =>
    Array.from(mailText(noticeOf('user'), reader).html.matchAll(/href="([^"]*)"/g), ([, url]) => url)
  t.same(links('boss'), ['https://tollgate.example.com/limits', 'https://tollgate.example.com/usage'])
  t.same(links('ada'), ['https://tollgate.example.com/'])
  const below = mailText(noticeOf('user', { pageUrl: 'https://example.com/tollgate/' }), 'boss')
  t.match(below.text, 'https://example.com/tollgate/limits')
  const without = mailText(noticeOf('user', { pageUrl: null }), 'boss')
  t.notMatch(without.html, 'href')
  t.notMatch(without.text, 'http')
  t.end()
})

void t.test(
  'N3: whatever people typed, the elements of a mail are the same, and their text is what was typed',
  (t) => {
    const tagsOf = (html: string) => html.match(/<[^>]*>/g)
    for (const kind of ['share', 'user', 'limit']) {
      const plain = tagsOf(mailText(noticeOf(kind), 'boss').html)
      for (const [index, text] of HOSTILE.entries()) {
        const notice = noticeOf(kind, { orgName: text, userName: text, timezone: 'Europe/Berlin' })
        const mail = mailText(notice, 'boss')
        t.same(tagsOf(mail.html), plain, `${kind}: name ${index}`)
        t.ok(mail.html.includes(escapeHtml(typed(text))), 'it can be read')
        t.notMatch(mail.subject, /[\p{Cc}\p{Zl}\p{Zp}]/u, 'a subject is one line')
        t.ok(mail.subject.length <= 150, `${mail.subject.length} characters`)
        t.equal(
          mail.text.split('\n').length,
          mailText(noticeOf(kind), 'boss').text.split('\n').length,
          'lines',
        )
      }
    }
    t.end()
  },
)

void t.test('N3: in Slack, nobody is mentioned and nothing linked by what people typed', (t) => {
  for (const text of HOSTILE) {
    const message = slackMessage(noticeOf('limit', { orgName: text, userName: text }))
    const markup: string[] = []
    const visit = (node: unknown): void => {
      if (typeof node !== 'object' || node === null) return
      if ('type' in node && node.type === 'mrkdwn' && 'text' in node) {
        markup.push(String(node.text))
        t.equal((node as { verbatim?: boolean }).verbatim, true)
      }
      Object.values(node).forEach(visit)
    }
    visit(message.blocks)
    markup.push(message.text)
    t.ok(markup.length >= 7)
    for (const part of markup) t.notMatch(part, /[<>]|&(?!amp;|lt;|gt;)/, part)
  }
  t.equal(escapeMrkdwn('a & b <c> &lt;'), 'a &amp; b &lt;c&gt; &amp;lt;')
  t.end()
})

void t.test('N3: Slack messages stay within what Slack takes', (t) => {
  for (const kind of Object.keys(CROSSINGS)) {
    for (const text of HOSTILE) {
      const long = text.repeat(20)
      const { blocks } = slackMessage(noticeOf(kind, { orgName: long, userName: long }))
      t.ok(blocks.length <= 50)
      for (const block of blocks as readonly {
        type: string
        text?: { text: string }
        fields?: { text: string }[]
      }[]) {
        if (block.type === 'header') t.ok((block.text?.text.length ?? 0) <= 150)
        if (block.type === 'section') t.ok((block.text?.text.length ?? 0) <= 3_000)
        t.ok((block.fields?.length ?? 0) <= 10)
        for (const { text } of block.fields ?? []) t.ok(text.length <= 2_000)
      }
    }
  }
  t.end()
})

void t.test('a name in a message is one line, bounded, and cannot turn what follows', (t) => {
  t.equal(typed('  Ada\r\n\tLovelace '), 'Ada Lovelace')
  t.equal(typed('a\u202eb\u2066c\u200f'), 'abc')
  t.equal(typed('\ud83d'), '')
  t.equal(typed('👩‍👩‍👧 Zoë'), '👩‍👩‍👧 Zoë')
  t.equal(Array.from(typed('👍'.repeat(200))).length, 80)
  t.equal(Array.from(subjectLine('x'.repeat(1_000))).length, 150)
  t.end()
})

void t.test('a test says that it is one, in every form', (t) => {
  const period = noticeOf('share').crossing.period
  const notice = sampleNotice(
    { id: 'acme', name: 'Acme', timezone: 'UTC', period },
    { id: 'test_1', at: '2026-11-12T13:03:07Z', pageUrl: null },
  )
  const { subject, text, html } = mailText(notice, 'boss')
  t.match(subject, /^\[Test\] /)
  for (const form of [text, html, JSON.stringify(slackMessage(notice))]) t.match(form, 'Nothing was crossed')
  t.end()
})

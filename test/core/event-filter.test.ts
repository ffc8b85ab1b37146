import t from 'tap'
import { EventFilter } from '../../src/core/event-filter.ts'
import { parseJson } from '../../src/core/text.ts'
import { openai } from '../../src/families/openai/openai.ts'

const KEPT = [
  'data: {"choices":[{"delta":{"content":"é usage \\"usage\\""}}],"usage":null}',
  ': comment',
  'data: [DONE]',
]
const DROPPED = 'data: {"choices":[],"usage":{"prompt_tokens":1}}'

function filter(chunks: readonly Buffer[]): Buffer {
  const filtering = new EventFilter('"usage"', (data) => openai(null).isUsageEvent(parseJson(data)))
  return Buffer.concat([...chunks.map((chunk) => Buffer.from(filtering.push(chunk))), filtering.finish()])
}

for (const [name, end] of [
  ['LF', '\n\n'],
  ['CRLF', '\r\n\r\n'],
  ['CR', '\r\r'],
] as const) {
  void t.test(`only the usage event is taken out of a stream with ${name}, wherever it is split`, (t) => {
    const whole = Buffer.from(
      [KEPT[0], DROPPED, KEPT[1], DROPPED, KEPT[2]].map((event) => `${event}${end}`).join(''),
    )
    const want = KEPT.map((event) => `${event}${end}`).join('')
    for (let at = 0; at <= whole.length; at += 1) {
      const out = filter([whole.subarray(0, at), whole.subarray(at)]).toString()
      if (out !== want) t.equal(out, want, `split at ${at}`)
    }
    t.equal(filter(Array.from(whole, (byte) => Buffer.from([byte]))).toString(), want, 'byte by byte')
    t.end()
  })
}

void t.test('a complete event leaves in the turn that completed it', (t) => {
  const filtering = new EventFilter('"usage"', () => false)
  t.equal(filtering.push(Buffer.from('data: 1\n\ndata: 2')).toString(), 'data: 1\n\n')
  t.equal(filtering.push(Buffer.from('\n\n')).toString(), 'data: 2\n\n')
  t.end()
})

void t.test('an event longer than any usage report is not held back, and passes whole', (t) => {
  const filtering = new EventFilter('"usage"', () => true)
  const long = `data: "usage"${'x'.repeat(70_000)}`
  t.equal(filtering.push(Buffer.from(long)).length, long.length)
  t.equal(filtering.push(Buffer.from('yz\n\nda')).toString(), 'yz\n\n')
  t.end()
})

void t.test('a usage event that no empty line ended is taken out at the end of the stream', (t) => {
  t.equal(filter([Buffer.from(`${KEPT[2] ?? ''}\n\n${DROPPED}`)]).toString(), 'data: [DONE]\n\n')
  t.end()
})

void t.test(
  'behind an event that passes, the next one is looked at again, wherever its end is split',
  (t) => {
    for (const end of ['\n\n', '\r\n\r\n', '\r\r']) {
      const long = `data: ${'x'.repeat(70_000)}`
      const ends = Array.from(end)
      const pieces = [long, ...ends, DROPPED, ...ends, KEPT[2] ?? '', ...ends]
      t.equal(filter(pieces.map((piece) => Buffer.from(piece))).length, long.length + 12 + 2 * end.length)
    }
    t.end()
  },
)

void t.test('an event that comes in more pieces than are kept apart stays whole, and in order', (t) => {
  const text = `data: ${Array.from({ length: 1_000 }, (_, index) => index).join(' ')}\n\n`
  t.equal(filter(Array.from(text, (character) => Buffer.from(character))).toString(), text)
  t.end()
})

void t.test('a key that is null is no usage report, and nobody is asked about its event', (t) => {
  const asked: string[] = []
  const filtering = new EventFilter('"usage"', (data) => asked.push(data) > 0)
  for (const event of ['{"usage":null}', '{"usage" : null,"a":1}']) {
    const chunk = Buffer.from(`data: ${event}\n\n`)
    t.equal(filtering.push(chunk), chunk, event)
  }
  t.same(asked, [])
  t.equal(filtering.push(Buffer.from('data: {"usage":null,"b":{"usage":{}}}\n\n')).length, 0)
  t.same(asked, ['{"usage":null,"b":{"usage":{}}}'])
  t.end()
})

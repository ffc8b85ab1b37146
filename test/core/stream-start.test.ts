/** Event streams and JSON, told apart by their first bytes, and the filter that waits for them. */
import t from 'tap'
import { EventFilter, filterOfStream } from '../../src/core/event-filter.ts'
import { kindOfStart } from '../../src/core/stream-start.ts'

void t.test(
  'a stream would be taken for JSON, or JSON for a stream: the first bytes tell, as soon as they can',
  (t) => {
    const cases: readonly (readonly [string, ReturnType<typeof kindOfStart>])[] = [
      ['', null],
      ['d', null],
      ['data', null],
      ['data:', 'events'],
      ['\r\n\n event: x', 'events'],
      [': comment', 'events'],
      ['id:1', 'events'],
      ['retry: 1', 'events'],
      ['\ufeff', null],
      ['\ufeffdata:', 'events'],
      ['\ufeff {', 'json'],
      [' \n[', 'json'],
      ['datum', 'unknown'],
      ['"text"', 'unknown'],
      ['<html>', 'unknown'],
      [' '.repeat(5_000), 'unknown'],
    ]
    for (const [text, kind] of cases)
      t.equal(kindOfStart(Buffer.from(text)), kind, JSON.stringify(text.slice(0, 20)))
    t.end()
  },
)

void t.test('a byte would be lost or kept back: what passes is the same wherever it is cut', (t) => {
  const report = 'data: {"usage":{"a":1}}\n\n'
  const cases: readonly (readonly [text: string, isLabelled: boolean, want: string])[] = [
    [`: hi\n\n${report}data: [DONE]\n\n`, false, ': hi\n\ndata: [DONE]\n\n'],
    [`\ufeff${report}data: [DONE]\n\n`, false, 'data: [DONE]\n\n'],
    ['{"usage":{"a":1}}\n\n', true, '{"usage":{"a":1}}\n\n'],
    [`oops\n\n${report}`, false, `oops\n\n${report}`],
    [`oops\n\n${report}`, true, 'oops\n\n'],
    ['da', true, 'da'],
    ['', true, ''],
  ]
  for (const [text, isLabelled, want] of cases) {
    const bytes = Buffer.from(text)
    for (let at = 0; at <= bytes.length; at += 1) {
      const filter = filterOfStream(new EventFilter('"usage"', (data) => data.includes('usage')), isLabelled)
      const passed = [filter.push(bytes.subarray(0, at)), filter.push(bytes.subarray(at)), filter.finish()]
      const got = Buffer.concat(passed).toString()
      if (got.replace('\ufeff', '') !== want)
        t.fail(`${JSON.stringify(text)} cut at ${at}: ${JSON.stringify(got)}`)
    }
  }
  t.pass()
  t.end()
})

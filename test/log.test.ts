/** `serve --pretty`: the log for people. */
import t from 'tap'
import { createPrinter } from '../src/log-pretty.ts'

const print = createPrinter(false)

function entry(facts: Readonly<Record<string, unknown>>): string {
  return JSON.stringify({
    level: 30,
    time: Date.UTC(2026, 10, 12, 13, 3, 7, 123),
    pid: 1,
    hostname: 'h',
    ...facts,
  })
}

void t.test('time, level, message, then what belongs to it', (t) => {
  t.equal(
    print(entry({ msg: 'call', status: 402, code: 'x_y', ms: { total: 1.5 }, text: 'two words' })),
    '13:03:07.123 INFO  call status=402 code=x_y ms={total=1.5} text="two words"\n',
  )
  t.equal(print(entry({ level: 50, msg: 'oh' })), '13:03:07.123 ERROR oh\n')
  t.end()
})

void t.test('what was thrown stands below with its stack', (t) => {
  t.equal(
    print(entry({ level: 50, msg: 'failed', err: { message: 'm', stack: 'Error: m\n    at f' } })),
    '13:03:07.123 ERROR failed\n    Error: m\n        at f\n',
  )
  t.end()
})

void t.test('nothing in an entry can command a terminal or pretend to be another line', (t) => {
  const shown = print(entry({ msg: 'a\nb\u001b[2Jc', user: 'x\u2028y\u009b1m' }))
  t.notMatch(shown.slice(0, -1), /[\n\u001b\u2028\u009b]/)
  t.match(shown, 'a\\u000ab\\u001b[2Jc')
  t.end()
})

void t.test('in color only where there is a terminal; what is no entry is passed on', (t) => {
  t.match(createPrinter(true)(entry({ msg: 'x' })), /\u001b\[32mINFO/)
  t.equal(print('plain text\n'), 'plain text\n')
  t.end()
})

/** The log: what must not be in it, and `serve --pretty` for people. */
import { Redis } from 'ioredis'
import { pino } from 'pino'
import t from 'tap'
import { showError } from '../../src/gateway/log.ts'
import { createPrinter } from '../../src/gateway/log-pretty.ts'
import { startRedis } from '../support/redis.ts'

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

void t.test('a password that the store refuses is in no entry, however deep its error stands', async (t) => {
  const server = await startRedis({ args: ['--requirepass', 'right'] })
  t.teardown(() => server.stop())
  const redis = new Redis(server.url, { password: 'hunter2', lazyConnect: true, retryStrategy: () => null })
  const failure = new Promise<Error>((resolve) => redis.once('error', resolve))
  await redis.connect().catch(() => undefined)
  const error = await failure
  t.match(error, { command: { args: ['hunter2'] } }, 'ioredis puts it there')
  const lines: string[] = []
  const logger = pino({ serializers: { err: showError } }, { write: (line) => void lines.push(line) })
  logger.warn({ err: error }, 'as it is')
  logger.warn({ err: new AggregateError([error], 'none answers') }, 'one of each node')
  logger.warn({ err: Object.assign(new Error('all failed'), { lastNodeError: error }) }, 'the last one')
  t.equal(lines.length, 3)
  for (const line of lines) {
    t.match(line, 'WRONGPASS')
    t.notMatch(line, 'hunter2')
  }
})

void t.test(
  'an error that holds something without an end is logged, as a certificate that is its own issuer',
  (t) => {
    const certificate: Record<string, unknown> = { raw: Buffer.alloc(3) }
    certificate['issuerCertificate'] = certificate
    const lines: string[] = []
    const logger = pino({ serializers: { err: showError } }, { write: (line) => void lines.push(line) })
    logger.error({
      err: Object.assign(new Error('misnamed'), { cert: certificate, command: 'AUTH hunter2' }),
    })
    t.match(lines.join(''), 'misnamed')
    t.notMatch(lines.join(''), 'hunter2')
    t.end()
  },
)

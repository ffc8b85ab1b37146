import Fastify from 'fastify'
import t from 'tap'
import { csvReply, csvRow, type CsvCell } from '../../src/admin/csv.ts'

void t.test('a row is quoted where RFC 4180 asks for it, and ends in CRLF', (t) => {
  t.equal(csvRow(['ada', 12.5, null, '']), 'ada,12.5,,\r\n')
  t.equal(
    csvRow(['a,b', 'say "hi"', 'two\nlines', 'cr\rhere']),
    '"a,b","say ""hi""","two\nlines","cr\rhere"\r\n',
  )
  t.end()
})

void t.test(
  'text that a spreadsheet would run as a formula becomes text; a negative number stays one',
  (t) => {
    for (const start of ['=', '+', '-', '@', '\t', '\r', '\n', '＝', '＋', '－', '＠']) {
      t.match(csvRow([`${start}1+1`]), /^"?'/, JSON.stringify(start))
    }
    t.equal(csvRow(['=cmd|"/c calc"!A1']), `"'=cmd|""/c calc""!A1"\r\n`)
    t.equal(csvRow(['-5', -5, -0.000001]), "'-5,-5,-0.000001\r\n")
    t.equal(
      csvRow(['a=b', '1-2', 'ada@example.com']),
      'a=b,1-2,ada@example.com\r\n',
      'only the first character counts',
    )
    t.end()
  },
)

async function* count(rows: number): AsyncGenerator<CsvCell[]> {
  for (let at = 1; at <= rows; at += 1) yield await Promise.resolve([`user-${at}`, at / 2])
}

async function* failing(after: number): AsyncGenerator<CsvCell[]> {
  yield* count(after)
  throw new Error('the store went away')
}

void t.test(
  'a file is streamed with its name; a failure before its first row is an error like any other',
  async (t) => {
    const app = Fastify()
    t.teardown(() => app.close())
    app.get('/many', (_request, reply) => csvReply(reply, 'usage org/"1', ['user', 'credits'], count(20_000)))
    app.get('/none', (_request, reply) => csvReply(reply, 'none', ['user'], count(0)))
    app.get('/broken', (_request, reply) => csvReply(reply, 'broken', ['user'], failing(0)))
    app.get('/cut', (_request, reply) => csvReply(reply, 'cut', ['user'], failing(20_000)))
    const url = await app.listen({ port: 0, host: '127.0.0.1' })

    const many = await fetch(`${url}/many`)
    t.equal(many.headers.get('content-type'), 'text/csv; charset=utf-8; header=present')
    t.equal(many.headers.get('content-disposition'), 'attachment; filename="usage_org__1.csv"')
    const lines = (await many.text()).split('\r\n')
    t.equal(lines.length, 20_002)
    t.same(lines.slice(0, 2), ['user,credits', 'user-1,0.5'])
    t.same(lines.slice(-2), ['user-20000,10000', ''])
    t.equal(await (await fetch(`${url}/none`)).text(), 'user\r\n')
    t.equal((await fetch(`${url}/broken`)).status, 500)
    await t.rejects(
      fetch(`${url}/cut`).then((response) => response.text()),
      'half a file is never a whole one',
    )
  },
)

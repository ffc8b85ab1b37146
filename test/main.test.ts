/** The command line, run as a process: what it prints and how it exits. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'

const MAIN = new URL('../dist/main.js', import.meta.url).pathname
const ROOT = new URL('..', import.meta.url)
const GOOD = `
redis: { url: "redis://127.0.0.1:6379" }
upstreams: { openai: { family: openai, prefix: /openai, url: "https://api.example.com" } }
`

interface Outcome {
  readonly code: number
  readonly stdout: string
  readonly stderr: string
}

function tollgate(...args: string[]): Promise<Outcome> {
  return new Promise((resolve) => {
    execFile(process.execPath, [MAIN, ...args], { cwd: ROOT }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout, stderr })
    })
  })
}

void t.test('--help names every command', async (t) => {
  const { code, stdout, stderr } = await tollgate('--help')
  t.equal(code, 0)
  t.equal(stderr, '')
  for (const command of ['serve', 'check-config', 'schema', 'demo', '--version']) t.match(stdout, command)
})

void t.test('--version is the version of the package', async (t) => {
  const { version } = JSON.parse(readFileSync(new URL('package.json', ROOT), 'utf8')) as { version: string }
  t.strictSame(await tollgate('--version'), { code: 0, stdout: `${version}\n`, stderr: '' })
})

void t.test('check-config says ok and exits 0', async (t) => {
  const file = join(t.testdir({ 'good.yaml': GOOD }), 'good.yaml')
  t.strictSame(await tollgate('check-config', file), { code: 0, stdout: `${file}: ok\n`, stderr: '' })
})

void t.test(
  'a bad configuration is one line that names the key, and exit code 1, for every command that reads one',
  async (t) => {
    const file = join(t.testdir({ 'bad.yaml': GOOD.replace('https://', '') }), 'bad.yaml')
    const expected = {
      code: 1,
      stdout: '',
      stderr: 'upstreams.openai.url: must be an absolute http(s) URL\n',
    }
    t.strictSame(await tollgate('check-config', file), expected)
    t.strictSame(await tollgate('serve', '--config', file), expected)
    t.strictSame(await tollgate('check-config', 'nowhere.yaml'), {
      code: 1,
      stdout: '',
      stderr: 'cannot read nowhere.yaml: no such file\n',
    })
  },
)

void t.test('schema prints what is published, or writes it', async (t) => {
  const published = readFileSync(new URL('config/schema.json', ROOT), 'utf8')
  t.strictSame(await tollgate('schema'), { code: 0, stdout: published, stderr: '' })
  const file = join(t.testdir({}), 'schema.json')
  t.strictSame(await tollgate('schema', '--out', file), { code: 0, stdout: '', stderr: '' })
  t.equal(readFileSync(file, 'utf8'), published)
})

const REFUSED: readonly (readonly [args: readonly string[], line: RegExp])[] = [
  [[], /^no command given; see tollgate --help$/],
  [['start'], /^unknown command start; see tollgate --help$/],
  [['serve'], /^usage: tollgate serve --config FILE$/],
  [['serve', 'config.yaml'], /see tollgate --help$/],
  [['serve', '--port', '1'], /^Unknown option '--port'.*see tollgate --help$/],
  [['check-config'], /^usage: tollgate check-config FILE$/],
  [['check-config', 'a', 'b'], /^usage: tollgate check-config FILE$/],
  [['schema', '--out', '/nowhere/schema.json'], /^cannot write \/nowhere\/schema\.json: ENOENT/],
  [['schema', '--out'], /see tollgate --help$/],
]

for (const [args, line] of REFUSED) {
  void t.test(`tollgate ${args.join(' ')} is refused on one line, with exit code 1`, async (t) => {
    const { code, stdout, stderr } = await tollgate(...args)
    t.equal(code, 1)
    t.equal(stdout, '')
    t.match(stderr.slice(0, -1), line)
    t.equal(stderr.indexOf('\n'), stderr.length - 1)
  })
}

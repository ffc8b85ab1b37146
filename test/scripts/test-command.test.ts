/** `npm test` on small projects: what it says of files that pass, fail, crash or hang, and when it exits with 1. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Parser } from 'tap-parser'
import t, { type Test } from 'tap'
import { until } from '../support/until.ts'
import { createProject, type ProjectOptions } from './project.ts'

const PASSES = `
  import t from 'tap'
  import { two } from '../src/two.ts'
  void t.test('two', async (t) => { t.equal(two, 2); t.match(import.meta.url, /\\/test\\/passes\\.test\\.ts$/) })
`
const FAILS = `
  import t from 'tap'
  const one: number = 1
  void t.test('outer', async (t) => {
    t.pass('this holds')
    await t.test('inner', async (t) => { t.equal(one, 2, 'one is two') })
  })
`
const CRASHES = `
  import t from 'tap'
  t.pass('before')
  console.error('it was the disk')
  process.exit(7)
`
/** Starts a program that outlives it, and never ends. */
const HANGS = `
  import { spawn } from 'node:child_process'
  import { writeFileSync } from 'node:fs'
  import t from 'tap'
  void t.test('waits for nothing', async () => {
    const child = spawn(process.execPath, ['-e', 'setInterval(() => undefined, 1000)'], { stdio: 'ignore' })
    writeFileSync('child.pid', String(child.pid))
    await new Promise(() => setInterval(() => undefined, 1000))
  })
`
const TWO = { 'src/two.ts': 'export const two: number = 2' }

function projectOf(t: Test, options: ProjectOptions): ReturnType<typeof createProject> {
  const project = createProject({ ...options, files: { ...TWO, ...options.files } })
  t.teardown(project.remove)
  return project
}

const lastLine = (text: string): string | undefined => text.trimEnd().split('\n').at(-1)

/** The text behind the last line about a file. */
const ending = (text: string): string => text.slice(text.lastIndexOf('files left'))

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

void t.test('all passes: steps with their times, a line per file, the sums, and 0', async (t) => {
  const project = projectOf(t, {
    files: { 'test/passes.test.ts': PASSES, 'test/again.test.ts': PASSES.replace('passes\\', 'again\\') },
  })
  const { code, out, err } = await project.run('scripts/test.mjs').ended
  t.equal(code, 0)
  t.equal(err, '')
  for (const step of ['Building', 'Checking types', 'Linting', 'Testing'])
    t.match(out, new RegExp(`^\\[[1-4]/4\\] ${step}: done \\([0-9.]+ s\\)$`, 'm'))
  t.match(out, /^ ok {2}test\/\w+\.test\.ts \([0-9.]+ s, 2 passed\); 1 file left$/m)
  t.match(out, /^ ok {2}test\/\w+\.test\.ts \([0-9.]+ s, 2 passed\); 0 files left$/m)
  t.notMatch(out, /TAP version/)
  t.equal(lastLine(out), '4 passed, 0 failed')
})

void t.test('what fails is told again at the end, with its text: assertions, crashes, hangs', async (t) => {
  const project = projectOf(t, {
    files: {
      'test/passes.test.ts': PASSES,
      'test/fails.test.ts': FAILS,
      'test/crashes.test.ts': CRASHES,
      'test/hangs.test.ts': HANGS,
      'test/empty.test.ts': '',
      'test/broken.test.ts': 'import { three } from "../src/three.ts"\nthree()',
    },
  })
  const { code, out } = await project.run('scripts/test.mjs', '--timeout=2').ended
  t.equal(code, 1)
  t.match(out, /^FAIL test\/fails\.test\.ts \([0-9.]+ s, 1 passed, 1 failed\); \d files? left$/m)
  const end = ending(out)
  t.match(
    end,
    /test\/fails\.test\.ts › outer > inner > one is two\n\n {3}--- expected\n {3}\+\+\+ actual\n.*\n {3}-2\n {3}\+1\n/,
  )
  t.match(end, /\n {3}Test\.<anonymous> \(test\/fails\.test\.ts:6:\d+\)\n/, 'where it is, in the source')
  t.match(end, /test\/crashes\.test\.ts › The file exited with 7[^]*it was the disk/)
  t.match(end, /test\/hangs\.test\.ts › waits for nothing > timeout!/)
  t.match(end, /test\/empty\.test\.ts › The file tests nothing\./)
  t.match(end, /test\/broken\.test\.ts › The file cannot be compiled\.[^]*three\.ts/)
  t.equal(lastLine(out), '4 passed, 5 failed')
  const pid = Number(readFileSync(join(project.dir, 'child.pid'), 'utf8'))
  await t.resolves(
    until(() => !isAlive(pid)),
    'what a file started ends with it',
  )
})

void t.test('a failed check: its output is shown, the tests run, and the exit code is 1', async (t) => {
  const scripts = {
    typecheck: 'echo "main.ts(1,2): wrong" && exit 2',
    lint: 'echo "main.ts is ugly" >&2 && exit 1',
  }
  const project = projectOf(t, { scripts, files: { 'test/passes.test.ts': PASSES } })
  const { code, out, err } = await project.run('scripts/test.mjs').ended
  t.equal(code, 1)
  t.match(err, /^main\.ts\(1,2\): wrong$/m)
  t.match(err, /^main\.ts is ugly$/m)
  t.match(ending(out), /npm test › Checking types\n\n {3}main\.ts\(1,2\): wrong/)
  t.match(ending(out), /npm test › Linting\n\n {3}main\.ts is ugly/)
  t.equal(lastLine(out), '2 passed, 2 failed')
})

void t.test('a failed build: nothing is tested', async (t) => {
  const scripts = { build: 'echo no disk && exit 1' }
  const project = projectOf(t, { scripts, files: { 'test/passes.test.ts': PASSES } })
  const { code, out } = await project.run('scripts/test.mjs').ended
  t.equal(code, 1)
  t.notMatch(out, /Testing/)
  t.match(out, /npm test › Building\n\n {3}no disk/)
  t.equal(lastLine(out), '0 passed, 1 failed')
})

void t.test('named files and globs run without lint; where nothing matches, it fails', async (t) => {
  const files = { 'test/passes.test.ts': PASSES, 'test/fails.test.ts': FAILS }
  const project = projectOf(t, { files, scripts: { lint: 'false' } })
  const one = await project.run('scripts/test.mjs', 'test/passes.test.ts').ended
  t.equal(one.code, 0)
  t.equal(lastLine(one.out), '2 passed, 0 failed')
  const glob = await project.run('scripts/test.mjs', 'test/*s.test.ts').ended
  t.equal(glob.code, 1)
  t.equal(lastLine(glob.out), '3 passed, 1 failed')
  const none = await project.run('scripts/test.mjs', 'test/nothing.test.ts').ended
  t.equal(none.code, 1)
  t.match(none.out, /npm test › No test ran\./)
  t.equal(lastLine(none.out), '0 passed, 1 failed')
})

void t.test('--tap: stdout is TAP and nothing else', async (t) => {
  const files = {
    'test/passes.test.ts': PASSES,
    'test/fails.test.ts': FAILS,
    'test/crashes.test.ts': CRASHES,
  }
  const project = projectOf(t, { files, scripts: { typecheck: 'false' } })
  const { code, out, err } = await project.run('scripts/test.mjs', '--tap').ended
  t.equal(code, 1)
  const points: [string, boolean][] = []
  const extra: string[] = []
  const parser = new Parser()
  parser.on('assert', ({ name, ok }: { name: string; ok: boolean }) => points.push([name, ok]))
  parser.on('extra', (text: string) => extra.push(text))
  parser.end(out)
  t.same(Object.fromEntries(points), {
    'Checking types': false,
    'test/passes.test.ts': true,
    'test/fails.test.ts': false,
    'test/crashes.test.ts': false,
  })
  t.same(extra, [])
  t.equal(lastLine(err), '4 passed, 3 failed')
})

void t.test('the file that took longest comes first, and one without a time before it', async (t) => {
  const names = ['a', 'b', 'c', 'd']
  const files = Object.fromEntries(names.map((name) => [`test/${name}.test.ts`, CRASHES.replace('7', '0')]))
  const times = { 'test/a.test.ts': 5, 'test/b.test.ts': 900, 'test/d.test.ts': 70 }
  const project = projectOf(t, {
    files: { ...files, '.tap/test-times.json': JSON.stringify(times) },
    jobs: 1,
  })
  const { out } = await project.run('scripts/test.mjs').ended
  const order = [...out.matchAll(/test\/(\w)\.test\.ts \(/g)].map(([, name]) => name)
  t.same(order, ['c', 'b', 'd', 'a'])
})

for (const [signal, expected] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  void t.test(`${signal} ends what runs, with all that it started`, async (t) => {
    const project = projectOf(t, { files: { 'test/hangs.test.ts': HANGS }, clockRate: 20 })
    const { process, out, ended } = project.run('scripts/test.mjs')
    await until(() => /\[4\/4\] Testing … 1 of 1 files left, hangs \(/.test(out()), {
      what: 'a log says every ten seconds what runs',
    })
    const file = join(project.dir, 'child.pid')
    await until(() => existsSync(file) && readFileSync(file, 'utf8') !== '')
    process.kill(signal)
    t.equal((await ended).code, expected)
    const pid = Number(readFileSync(file, 'utf8'))
    await t.resolves(
      until(() => !isAlive(pid)),
      'its child is gone',
    )
  })
}

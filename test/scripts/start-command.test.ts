/** `npm start` on small projects: what it says while it installs and builds. */
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { until } from '../support/until.ts'
import { createProject, type ProjectOptions } from './project.ts'

const LOCK = JSON.stringify({
  packages: {
    '': {},
    'node_modules/one': { version: '1.0.0' },
    'node_modules/two': { version: '1.0.0' },
    'node_modules/for-another-system': { version: '1.0.0', optional: true, os: ['none'] },
  },
})
const INSTALLED = JSON.stringify({
  packages: { 'node_modules/one': { version: '1.0.0' }, 'node_modules/two': { version: '1.0.0' } },
})
const INSTALL = `mkdir -p node_modules/one node_modules/two && echo {} > node_modules/one/package.json && cp installed.json node_modules/.package-lock.json`

function projectOf(t: Test, options: ProjectOptions): ReturnType<typeof createProject> {
  const files = { 'package-lock.json': LOCK, 'installed.json': INSTALLED, ...options.files }
  const project = createProject({ install: INSTALL, ...options, files })
  t.teardown(project.remove)
  return project
}

void t.test('it installs, builds and starts, and says so; the second time it only starts', async (t) => {
  const project = projectOf(t, {})
  const first = await project.run('scripts/start.mjs', '--port', '1').ended
  t.equal(first.code, 0)
  // On a slow machine a log also says how far a step is.
  const lines = first.out.split('\n').filter((line) => !/ … .*\(/.test(line))
  t.same(
    lines.map((line) => line.replace(/\([0-9.]+ s\)/, '(time)')),
    [
      '[1/2] Installing packages …',
      '[1/2] Installing packages: done (time)',
      '[2/2] Building …',
      '[2/2] Building: done (time)',
      'started with demo --port 1',
      '',
    ],
  )
  const second = await project.run('scripts/start.mjs').ended
  t.equal(second.out, 'started with demo\n')
})

void t.test('where npm fails, its output is shown, with what to do', async (t) => {
  const project = projectOf(t, { install: 'echo no network >&2; exit 1' })
  const { code, out, err } = await project.run('scripts/start.mjs').ended
  t.equal(code, 1)
  t.match(out, /Installing packages: failed \(/)
  t.match(err, /^no network\nnpm ci failed; above is why\./)
})

void t.test('where the build fails, its output is shown', async (t) => {
  const project = projectOf(t, { scripts: { build: 'echo main.ts is wrong; exit 1' } })
  const { code, err } = await project.run('scripts/start.mjs').ended
  t.equal(code, 1)
  t.equal(err, 'main.ts is wrong\nThe build failed.\n')
})

void t.test('the progress of an installation is the number of packages that are there', async (t) => {
  const install = `
    mkdir -p node_modules/one node_modules/two && echo {} > node_modules/one/package.json
    until test -e go; do sleep 0.02; done; echo {} > node_modules/two/package.json
    until test -e end; do sleep 0.02; done
  `
  const watch = `
    import { packages } from './scripts/needs.mjs'
    await packages.meet((describe) => setInterval(() => console.log(describe()), 20).unref())
  `
  const project = projectOf(t, { install, files: { 'watch.mjs': watch } })
  const { out, ended } = project.run('watch.mjs')
  for (const [count, file] of [
    [1, 'go'],
    [2, 'end'],
  ] as const) {
    await until(() => out().includes(`${count} of at most 2 packages unpacked\n`))
    writeFileSync(join(project.dir, file), '')
  }
  t.equal((await ended).code, 0)
})

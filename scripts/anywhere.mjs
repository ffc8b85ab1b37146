/**
 * `npm run test:anywhere`: runs every test file under the conditions of other machines and other days. Each row of the
 * matrix is a slow machine or a date. Finished rows are remembered, so that an interrupted run continues.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import {
  build,
  chromium,
  compiler,
  fakeClock,
  faketime,
  meet,
  packages,
  prometheus,
  redis,
  unmet,
} from './needs.mjs'
import { createSteps } from './steps.mjs'
import { checkNode, endOnSignals, giveUp, ROOT, signalGroup, start } from './system.mjs'

const USAGE = `Usage: npm run test:anywhere -- [options] [FILE…]

  --row NAME   only this row; may be given several times
  --list       the rows, and which of them have passed
  --reset      forgets which rows have passed, then runs all of them
  --help       show this

With files, the rows run only these, and nothing is remembered.
`

/**
 * `at` is the time at which a row begins; the clock runs on from there. Rows for a change of the clock begin a quarter
 * of an hour before it. `perFile`: each test file begins at that time anew, because the interesting minute passes
 * during the first files.
 */
const ROWS = [
  { name: 'busy', what: 'beside two processes that burn a core each', burners: 2 },
  { name: 'one-core', what: 'on one core', cores: 1 },
  { name: 'month-last', what: 'the last half hour of a month', at: '2027-01-31T23:25:00Z' },
  { name: 'month-first', what: 'first day of a month', at: '2027-02-01T00:01:00Z' },
  { name: 'leap-day', what: '29 February', at: '2028-02-29T12:00:00Z' },
  { name: 'year-last', what: '31 December', at: '2026-12-31T12:00:00Z' },
  {
    name: 'clock-back',
    what: 'Berlin’s hour comes twice',
    at: '2026-10-25T00:45:00Z',
    zone: 'Europe/Berlin',
  },
  { name: 'clock-forward', what: 'Berlin skips an hour', at: '2027-03-28T00:45:00Z', zone: 'Europe/Berlin' },
  {
    name: 'clock-back-west',
    what: 'New York’s hour comes twice',
    at: '2026-11-01T05:45:00Z',
    zone: 'America/New_York',
  },
  { name: 'midnight', what: 'half a minute before a month ends', at: '2027-06-30T23:59:30Z', perFile: true },
]

/** As many at once as package.json configures for tap. */
const { jobs: JOBS, timeout: TIMEOUT_S } = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).tap
/** Timeouts detect files that hang: a file that shares its core with three others is only slow. */
const SLOWER = 4
const FOLDER = join(ROOT, '.anywhere')
const STATE = join(FOLDER, 'state.json')

const { values, positionals: onlyFiles } = readArguments()
if (values.help) {
  process.stdout.write(USAGE)
  process.exit(0)
}
process.chdir(ROOT)
if (values.reset) rmSync(FOLDER, { recursive: true, force: true })
const state = readState()
if (values.list) {
  for (const row of ROWS) say(`${row.name.padEnd(16)} ${row.what.padEnd(44)} ${outcomeOf(row)}`)
  process.exit(0)
}
const rows = values.row === undefined ? ROWS : values.row.map(rowNamed)
endOnSignals()
await prepare()
const { bundle, runTestFile } = await import('./test-files.mjs')

const files = onlyFiles.length > 0 ? onlyFiles : testFiles()
const compiled = await bundle(files)
let isGood = true
for (const row of rows) {
  const remembered = state[row.name]
  if (onlyFiles.length === 0 && values.row === undefined && hasPassed(remembered)) continue
  const results = await runRow(row, onlyFiles.length === 0 ? unfinished(remembered) : [])
  isGood &&= failuresOf(results).length === 0
}
if (onlyFiles.length === 0) {
  printTable(rows)
  isGood = rows.every(({ name }) => hasPassed(state[name]))
}
process.exit(isGood ? 0 : 1)

function readArguments() {
  try {
    return parseArgs({
      allowPositionals: true,
      options: {
        row: { type: 'string', multiple: true },
        list: { type: 'boolean' },
        reset: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    })
  } catch (error) {
    return giveUp(`${error.message}\n\n${USAGE}`, 1)
  }
}

function testFiles() {
  return readdirSync('test', { recursive: true })
    .filter((name) => name.endsWith('.test.ts'))
    .map((name) => `test/${name}`)
    .sort()
}

function rowNamed(name) {
  return (
    ROWS.find((row) => row.name === name) ??
    giveUp(`No row ${name}; there are ${ROWS.map((row) => row.name).join(', ')}.`, 1)
  )
}

async function prepare() {
  if (process.platform !== 'linux') giveUp('Dates and cores can be had for a process on Linux only.', 2)
  checkNode()
  const missing = unmet([redis, chromium, prometheus, compiler, faketime, packages])
  const needs = build.isMet() ? missing : [...missing, build]
  await meet(needs, createSteps(needs.length))
}

// --- the machine and the date ---------------------------------------------------------------------------------------

/** The environment of one test file and of its children. `startedAt` is when its row began. */
function environmentOf({ at, zone, perFile }, startedAt) {
  const env = { ...process.env }
  if (zone !== undefined) env.TZ = zone
  if (at === undefined) return env
  const ahead = Math.round((Date.parse(at) - (perFile ? Date.now() : startedAt)) / 1_000)
  return {
    ...env,
    // Redis' allocator reads the time before libfaketime is ready, which hangs; the C library's allocator does not.
    LD_PRELOAD: [fakeClock(), 'libc.so.6', process.env.LD_PRELOAD].filter(Boolean).join(':'),
    FAKETIME: `${ahead < 0 ? '' : '+'}${ahead}`,
    DONT_FAKE_MONOTONIC: '1',
  }
}

/** The command that starts Node: `taskset` of util-linux, with the first of the allowed cores. */
function prefixOf({ cores }) {
  if (cores === undefined) return []
  const { stdout } = spawnSync('taskset', ['-cp', String(process.pid)], { encoding: 'utf8' })
  const first = /(\d+)[-,\d]*\s*$/.exec(stdout ?? '')?.[1] ?? giveUp('taskset (util-linux) is needed.', 2)
  return ['taskset', '-c', first]
}

// --- rows -----------------------------------------------------------------------------------------------------------

/** Runs the files that have no result yet; resolves to all results, and saves each as it comes. */
async function runRow(row, before) {
  say(`\n${row.name}: ${row.what}`)
  const results = Object.fromEntries(before)
  const waiting = files.filter((file) => results[file] === undefined)
  const logs = join(FOLDER, row.name)
  if (before.length === 0) rmSync(logs, { recursive: true, force: true })
  mkdirSync(logs, { recursive: true })
  const burners = Array.from({ length: row.burners ?? 0 }, () =>
    start(process.execPath, ['-e', 'for (;;);'], { stdio: 'ignore' }),
  )
  const startedAt = Date.now()
  const next = async () => {
    for (let file = waiting.shift(); file !== undefined; file = waiting.shift()) {
      const log = join(logs, `${file.replaceAll('/', '+')}.tap`)
      const result = await runFile(row, file, startedAt, log)
      results[file] = result
      const counts = `${result.passed} passed${result.isGood ? '' : `, FAILED: see ${log.slice(ROOT.length)}`}`
      say(`  ${file}  ${seconds(result.ms)}  ${counts}  (${waiting.length} left)`)
      if (onlyFiles.length === 0) remember(row, results)
    }
  }
  await Promise.all(Array.from({ length: JOBS }, next))
  for (const burner of burners) signalGroup(burner, 'SIGKILL')
  return results
}

/** Runs one file; keeps its output if it failed. */
async function runFile(row, file, startedAt, log) {
  const { passed, failures, tap, output, ms } = await runTestFile(compiled.get(file), TIMEOUT_S * SLOWER, {
    env: environmentOf(row, startedAt),
    prefix: prefixOf(row),
  })
  const titles = failures.map(({ title }) => `# failed: ${title}`).join('\n')
  if (failures.length > 0) writeFileSync(log, `${tap}\n${output}\n${titles}\n`)
  return { isGood: failures.length === 0, ms: Math.round(ms), passed, failed: failures.length }
}

// --- what is remembered ---------------------------------------------------------------------------------------------

function readState() {
  try {
    return JSON.parse(readFileSync(STATE, 'utf8'))
  } catch {
    return {}
  }
}

function remember({ name }, results) {
  const isFinished = files.every((file) => results[file] !== undefined)
  state[name] = { isFinished, commit: commit(), results }
  writeFileSync(STATE, JSON.stringify(state, null, 1))
}

function commit() {
  const { stdout } = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' })
  return (stdout ?? '').trim() || 'unknown'
}

function failuresOf(results) {
  return Object.entries(results).filter(([, { isGood }]) => !isGood)
}

function hasPassed(kept) {
  return kept?.isFinished === true && failuresOf(kept.results).length === 0
}

/** The results of an interrupted row; a row that finished with failures begins anew. */
function unfinished(kept) {
  return kept === undefined || kept.isFinished ? [] : Object.entries(kept.results)
}

function outcomeOf({ name }) {
  const kept = state[name]
  if (kept === undefined) return 'not run'
  if (!kept.isFinished) return `stopped after ${Object.keys(kept.results).length} files (${kept.commit})`
  return `${hasPassed(kept) ? 'passed' : 'failed'} (${kept.commit})`
}

function seconds(ms) {
  return `${(ms / 1_000).toFixed(1)} s`
}

function printTable(shown) {
  const sum = (results, field) => results.reduce((all, result) => all + result[field], 0)
  const cells = [['row', 'what', 'commit', 'minutes of tests', 'assertions', 'files passed', 'files failed']]
  for (const { name, what } of shown) {
    const { results, commit: at } = state[name]
    const all = Object.values(results)
    const failed = failuresOf(results).length
    const minutes = (sum(all, 'ms') / JOBS / 60_000).toFixed(1)
    cells.push([name, what, at, minutes, sum(all, 'passed'), all.length - failed, failed])
  }
  say('')
  for (const [head, ...rest] of cells) say(`| ${[head, ...rest].join(' | ')} |`)
  for (const { name } of shown)
    for (const [file] of failuresOf(state[name].results)) say(`failed: ${name} ${file}`)
}

function say(line) {
  process.stdout.write(`${line}\n`)
}

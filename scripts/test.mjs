/**
 * `npm test`: runs all checks from a fresh clone. `npm test -- FILE…` checks the types, builds and runs these files.
 * `--tap` writes TAP to stdout and everything else to stderr; `--timeout=SECONDS` limits each file (0: no limit).
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { build, chromium, compiler, meet, packages, prometheus, redis, unmet } from './needs.mjs'
import { createSteps, duration } from './steps.mjs'
import { checkNode, endOnSignals, giveUp, ROOT, runQuietly, runScript } from './system.mjs'

/** How long each file took in its last run. */
const TIMES = '.tap/test-times.json'

process.chdir(ROOT)
checkNode()
endOnSignals()
const configured = readJson('package.json').tap
const { named, isTap, timeoutSeconds } = readArguments()
const out = isTap ? process.stderr : process.stdout

const mustBuild = !build.isMet()
const missing = unmet([redis, chromium, prometheus, compiler, packages])
const checks = [
  // The build comes first, because tests wait for it: they run gateways from dist/ as processes.
  ...(mustBuild ? [build] : []),
  { title: 'Checking types', meet: () => runScript('typecheck') },
  ...(named.length === 0 ? [{ title: 'Linting', meet: () => runScript('lint') }] : []),
]
const steps = createSteps(missing.length + checks.length + 1, { out })
const since = performance.now()
await meet(missing, steps)

const { bundle, longestFirst, runTestFile } = await import('./test-files.mjs')
const { failureText, fileLine, progressText, tapOf } = await import('./test-report.mjs')
const inSlot = createSlots(configured.jobs)
const total = { passed: 0, failed: 0, points: 0 }
const failureTexts = []
const skips = []

tap('TAP version 14\n')
const checked = checks.map((check) => inSlot(() => runCheck(check)))
if (!mustBuild || (await checked[0])) await steps.run('Testing', testAll)
await Promise.all(checked)
if (total.passed + total.failed === 0) fail('npm test', { title: 'No test ran.' })
tap(`1..${total.points}\n`)

for (const text of [...skips, ...failureTexts]) steps.print(`\n${text}`)
steps.print(`\nAll of it took ${duration(since)}.`)
steps.print(`${total.passed} passed, ${total.failed} failed`)
process.exitCode = total.failed === 0 ? 0 : 1

function readArguments() {
  try {
    const { values, positionals } = parseArgs({
      options: { tap: { type: 'boolean' }, timeout: { type: 'string' } },
      allowPositionals: true,
    })
    const timeoutSeconds = Number(values.timeout ?? configured.timeout)
    if (!(timeoutSeconds >= 0)) giveUp('--timeout takes a number of seconds.', 2)
    return { named: positionals, isTap: values.tap === true, timeoutSeconds }
  } catch (error) {
    return giveUp(error.message, 2)
  }
}

/** Lets `count` run at once; others wait in the order of their arrival. */
function createSlots(count) {
  const waiting = []
  let free = count
  return async function inSlot(work) {
    if (free > 0) free -= 1
    else await new Promise((resolve) => waiting.push(resolve))
    try {
      return await work()
    } finally {
      const next = waiting.shift()
      if (next === undefined) free += 1
      else next()
    }
  }
}

async function runCheck({ title, meet }) {
  const { isDone, output } = await steps.run(title, meet)
  if (!isDone) {
    total.points += 1
    tap(`not ok ${total.points} - ${title}\n`)
    fail('npm test', { title }, output)
  }
  return isDone
}

async function testAll(showProgress) {
  // tap reads its own configuration, and accepts files, folders and globs.
  const list = await runQuietly(process.execPath, ['node_modules/.bin/tap', 'list', ...named])
  if (!list.isDone) return list
  const timesMs = readJson(TIMES) ?? {}
  const files = longestFirst(list.output.split('\n'), timesMs)
  const compiled = await bundle(files)
  const running = new Map()
  let left = files.length
  showProgress(() => progressText(left, files.length, running))

  async function testFile(file) {
    running.set(file, performance.now())
    const result = await runTestFile(compiled.get(file), timeoutSeconds)
    running.delete(file)
    left -= 1
    steps.print(fileLine(file, result, left))
    record(file, result)
    timesMs[file] = Math.round(result.ms)
    return result.failures.length === 0
  }
  const areGood = await Promise.all(files.map((file) => inSlot(() => testFile(file))))
  mkdirSync(dirname(TIMES), { recursive: true })
  writeFileSync(TIMES, JSON.stringify(timesMs, null, 1))
  return { isDone: areGood.every(Boolean), output: '' }
}

function record(file, result) {
  total.points += 1
  tap(tapOf(total.points, file, result))
  total.passed += result.passed
  for (const [index, failure] of result.failures.entries())
    fail(file, failure, index === result.failures.length - 1 ? result.output : '')
  for (const { title, reason } of result.skipped) skips.push(`skipped: ${file} › ${title} (${reason})`)
}

function fail(where, failure, output = '') {
  total.failed += 1
  failureTexts.push(failureText(total.failed, where, failure, output))
}

function tap(text) {
  if (isTap) process.stdout.write(text)
}

function readJson(file) {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch {
    return undefined
  }
}

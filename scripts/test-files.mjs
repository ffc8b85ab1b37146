/** Runs test files: bundles them, runs each as a process, and parses its TAP. */
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { build } from 'esbuild'
import { Parser } from 'tap-parser'
import { ROOT, signalGroup, start } from './system.mjs'

/** tap ends a file at its timeout and reports what was still open. After this much more time the file is killed. */
const KILL_AFTER_MS = 60_000
/** How much of a file's other output is kept, for the report if the file fails. */
const MOST_OUTPUT = 16_384

/**
 * Compiles test files, and their imports from this repository, to JavaScript that Node loads without a loader. That
 * takes half the processor time that tsx needs until a file's first assertion. Packages are not bundled, and
 * `import.meta` remains that of the source. Returns the compiled file of each, or the reason why there is none.
 */
export async function bundle(files) {
  const folder = join(ROOT, `.tap/tests-${process.pid}`)
  removeAbandoned()
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const compiled = (file) => join(folder, file.replace(/\.[cm]?[jt]sx?$/, '.mjs'))
  try {
    await compile(files, folder)
    return new Map(files.map((file) => [file, { entry: compiled(file) }]))
  } catch {
    // Compiled one by one, so that only the files with errors fail.
    const each = files.map(async (file) => {
      const error = await compile([file], folder).then(
        () => undefined,
        ({ message }) => message,
      )
      return [file, error === undefined ? { entry: compiled(file) } : { error }]
    })
    return new Map(await Promise.all(each))
  }
}

/** Removes the folders of runs that were killed before they could do it. */
function removeAbandoned() {
  if (!existsSync(join(ROOT, '.tap'))) return
  for (const name of readdirSync(join(ROOT, '.tap'))) {
    const pid = Number(/^tests-(\d+)$/.exec(name)?.[1])
    if (pid > 0 && !isAlive(pid)) rmSync(join(ROOT, '.tap', name), { recursive: true, force: true })
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch (error) {
    // It runs, but under another user.
    return error.code === 'EPERM'
  }
}

function compile(files, folder) {
  return build({
    absWorkingDir: ROOT,
    entryPoints: files,
    outbase: ROOT,
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    splitting: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    logLevel: 'silent',
    define: { 'import.meta': 'metaOfModule' },
    plugins: [keepAddresses],
  })
}

/** Gives each module a constant with its address, which `define` puts in place of `import.meta`. */
const keepAddresses = {
  name: 'keep import.meta',
  setup({ onLoad }) {
    onLoad({ filter: /\.[cm]?[jt]sx?$/ }, ({ path }) => {
      const meta = { url: pathToFileURL(path).href, filename: path, dirname: dirname(path) }
      return {
        // On the first line, so that the lines of the source keep their numbers.
        contents: `const metaOfModule = ${JSON.stringify(meta)};${readFileSync(path, 'utf8')}`,
        loader: path.endsWith('x') ? 'tsx' : 'ts',
      }
    })
  },
}

/**
 * The longest file first, so that no long file runs alone at the end. Files without a known time come before all
 * others.
 */
export function longestFirst(files, timesMs) {
  // The folders at the end of the alphabet hold the longest files.
  const backwards = [...files].sort().reverse()
  return backwards.sort((a, b) => (timesMs[b] ?? Infinity) - (timesMs[a] ?? Infinity) || 0)
}

/**
 * Runs a compiled test file, for at most `timeoutSeconds` (0: without a limit), under `prefix` if another program has
 * to start Node. Resolves to the number of passed assertions, the `failures` (title and diagnostics), what was skipped,
 * the TAP, and the other output of the file.
 */
export function runTestFile({ entry, error }, timeoutSeconds, { env = process.env, prefix = [] } = {}) {
  const result = { passed: 0, failures: [], skipped: [], tap: '', output: '', ms: 0 }
  if (error !== undefined) {
    result.failures.push({ title: 'The file cannot be compiled.' })
    return Promise.resolve({ ...result, output: error })
  }
  const since = performance.now()
  const [command, ...args] = [...prefix, process.execPath, '--enable-source-maps', entry]
  const child = start(command, args, {
    stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    env: { ...env, TAP_TIMEOUT: String(timeoutSeconds) },
  })
  const write = (chunk) => (result.output = `${result.output}${chunk}`.slice(-MOST_OUTPUT))
  const parser = new Parser()
  const flaws = tally(parser, result)
  parser.on('extra', write)
  child.stderr.setEncoding('utf8').on('data', write)
  child.stdout.setEncoding('utf8').on('data', (chunk) => {
    result.tap += chunk
    parser.write(chunk)
  })

  let isKilled = false
  let timer
  function endAfter(ms) {
    clearTimeout(timer)
    const kill = () => {
      isKilled = true
      signalGroup(child, 'SIGKILL')
    }
    if (ms > 0) timer = setTimeout(kill, ms + KILL_AFTER_MS)
  }
  endAfter(timeoutSeconds * 1000)
  // A file may set another timeout; tap sends it to the parent process.
  child.on('message', (message) => typeof message?.setTimeout === 'number' && endAfter(message.setTimeout))

  return new Promise((resolve) => {
    child.once('error', (error) => flaws.push(error.message))
    child.once('close', (code, signal) => {
      clearTimeout(timer)
      parser.end()
      result.ms = performance.now() - since
      if (isKilled) flaws.unshift('did not end within its timeout, and was killed')
      else if (signal !== null && signal !== 'SIGALRM') flaws.unshift(`was ended by ${signal}`)
      else if (code !== 0 && result.failures.length === 0) flaws.unshift(`exited with ${code ?? signal}`)
      else if (result.passed + result.failures.length + result.skipped.length === 0)
        flaws.push('tests nothing')
      // A file that ends itself at its timeout has reported that, and leaves its TAP incomplete.
      if (signal === 'SIGALRM' && result.failures.length > 0) flaws.length = 0
      if (flaws.length > 0) result.failures.push({ title: `The file ${[...new Set(flaws)].join('; ')}.` })
      resolve(result)
    })
  })
}

/**
 * Adds a parser's assertions to `result`, including those of its subtests. Returns what is wrong with the TAP itself.
 */
function tally(parser, result, flaws = []) {
  let failuresBefore = 0
  parser.on('child', (child) => {
    failuresBefore = result.failures.length
    tally(child, result, flaws)
  })
  parser.on('assert', ({ ok, skip, todo, closingTestPoint, fullname, diag }) => {
    // The final line of a subtest is not an assertion, unless the subtest failed without one.
    if (closingTestPoint && (ok || result.failures.length > failuresBefore)) return
    if (skip !== false || todo !== false) result.skipped.push({ title: fullname, reason: skip || todo })
    else if (ok) result.passed += 1
    else result.failures.push({ title: fullname, diag: diag ?? {} })
  })
  parser.on('bailout', (reason) => flaws.push(`bailed out${reason ? `: ${reason}` : ''}`))
  parser.on('complete', ({ failures }) => {
    for (const { tapError } of failures) if (tapError) flaws.push(`wrote incomplete TAP (${tapError})`)
  })
  return flaws
}

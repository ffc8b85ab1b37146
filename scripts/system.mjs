/**
 * What `npm start` and `npm test` need from this machine, brought about where it is missing: packages, a build, a Redis.
 * Only Node's own modules are used here, because this runs before anything is installed.
 */
import { spawn, spawnSync } from 'node:child_process'
import {
  accessSync,
  constants,
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OLDEST_NODE = [20, 19]
const OLDEST_REDIS = 7
/** What the two halves of the build write: the compiler the gateway, the bundler the page. */
const BUILT = ['dist/main.js', 'dist/web/index.html'].map((file) => join(ROOT, file))

/** One line about what happens now, when it takes more than a moment. */
export function say(line) {
  process.stdout.write(`${line}\n`)
}

/** Ends with one line that says what to do. */
export function giveUp(line, exitCode) {
  process.stderr.write(`${line}\n`)
  process.exit(exitCode)
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])
  if (isOld) giveUp(`Node ${OLDEST_NODE.join('.')} or newer is needed; this is ${process.versions.node}.`, 1)
}

/** Installs exactly what package-lock.json says, unless it is there already. */
export function ensurePackages() {
  if (isInstalled()) return
  say('Installing packages …')
  // Without include=dev, NODE_ENV=production would leave out the compiler.
  const isDone = runQuietly(...npm('ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'))
  must(
    isDone,
    'npm ci failed; above is why. It needs the network, once: what is installed is not asked for again.',
  )
}

/** Compares the lock file with the record that npm keeps of what it has installed. */
function isInstalled() {
  try {
    const wanted = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
    const found = JSON.parse(readFileSync(join(ROOT, 'node_modules/.package-lock.json'), 'utf8')).packages
    return Object.entries(wanted).every(([path, entry]) => {
      if (path === '') return true
      // Packages for other systems stand in the lock file only.
      if (found[path] === undefined)
        return entry.optional === true || entry.devOptional === true || entry.peer === true
      return found[path].version === entry.version && found[path].integrity === entry.integrity
    })
  } catch {
    return false
  }
}

/** Builds the gateway and its page into dist/, unless both are newer than every source. Returns whether it worked. */
export function build() {
  const sources = ['src', 'scripts/web-bundle.mjs', 'tsconfig.json', 'tsconfig.build.json', 'package.json']
  if (BUILT.every((file) => existsSync(file)) && newest(sources) <= Math.min(...BUILT.map(modified)))
    return true
  say('Building …')
  // What belongs to sources that are gone must not stay.
  rmSync(join(ROOT, 'dist'), { recursive: true, force: true })
  const isBuilt = runQuietly(...npm('run', '--silent', 'build'))
  // The compiler writes its output in spite of errors; the next start must not take that for a build.
  if (!isBuilt) for (const file of BUILT) rmSync(file, { force: true })
  return isBuilt
}

const modified = (path) => statSync(path).mtimeMs

function newest(paths) {
  return Math.max(
    ...paths
      .map((path) => join(ROOT, path))
      .flatMap((path) =>
        statSync(path).isDirectory()
          ? readdirSync(path, { recursive: true }).map((name) => modified(join(path, name)))
          : [modified(path)],
      ),
  )
}

/** Sees to a Valkey or Redis of version 7 or newer on PATH; ends with exit code 2 where there can be none. */
export function ensureRedis() {
  if (hasRedis()) return
  const hint = `Tollgate needs Valkey or Redis ${OLDEST_REDIS} or newer. Install it with: apt-get install redis-server (or: brew install valkey)`
  if (!canUseApt()) giveUp(hint, 2)
  say('No Redis here: installing redis-server with apt …')
  if (!aptInstall('redis-server') || !hasRedis()) giveUp(hint, 2)
}

function hasRedis() {
  return ['valkey-server', 'redis-server'].flatMap(onPath).some((program) => {
    const { stdout } = spawnSync(program, ['--version'], { encoding: 'utf8', timeout: 5_000 })
    return Number(/\bv=(\d+)/.exec(stdout ?? '')?.[1] ?? 0) >= OLDEST_REDIS
  })
}

/** Sees to a Chromium for the tests of the page. */
export function ensureChromium() {
  if (['chromium', 'chromium-browser', 'google-chrome'].flatMap(onPath).length > 0) return
  const hint =
    'The tests of the page need Chromium. Install it with: apt-get install chromium (or: brew install chromium)'
  if (!canUseApt()) giveUp(hint, 2)
  say('No Chromium here: installing it with apt …')
  if (!aptInstall('chromium')) giveUp(hint, 2)
}

/** Sees to the Prometheus that checks alert rules and the dashboard's queries. */
export function ensurePrometheus() {
  if (['prometheus', 'promtool'].every((name) => onPath(name).length > 0)) return
  const hint =
    'The tests of alerts and dashboard need Prometheus. Install it with: apt-get install prometheus (or: brew install prometheus)'
  if (!canUseApt()) giveUp(hint, 2)
  say('No Prometheus here: installing it with apt …')
  if (!aptInstall('prometheus')) giveUp(hint, 2)
}

/** Sees to the C compiler that builds what stands between a program and its system in some tests (test/support/shim.ts). */
export function ensureCompiler() {
  if (process.platform !== 'linux' || hasCompiler()) return
  const hint =
    'The tests of failing disks and clocks need a C compiler. Install it with: apt-get install gcc libc6-dev'
  if (!canUseApt()) giveUp(hint, 2)
  say('No C compiler here: installing gcc with apt …')
  if (!aptInstall('gcc', 'libc6-dev') || !hasCompiler()) giveUp(hint, 2)
}

/** One that finds the C library's headers, which are a package of their own. */
function hasCompiler() {
  const input = '#include <stdlib.h>\n#include <linux/types.h>\n'
  return spawnSync('cc', ['-x', 'c', '-E', '-'], { input, timeout: 10_000 }).status === 0
}

export function onPath(name) {
  return (process.env.PATH ?? '')
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, name))
    .filter((path) => {
      try {
        accessSync(path, constants.X_OK)
        return true
      } catch {
        return false
      }
    })
}

export const canUseApt = () => process.getuid?.() === 0 && onPath('apt-get').length > 0

/**
 * Installs a Debian package without starting the service that may come with it: a Redis on port 6379 is not what was
 * asked for. Debian asks /usr/sbin/policy-rc.d before it starts anything; 101 means no.
 */
export function aptInstall(...names) {
  const policy = '/usr/sbin/policy-rc.d'
  const isOurs = !existsSync(policy)
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    return (
      runQuietly('apt-get', ['update'], env) &&
      runQuietly('apt-get', ['install', '-y', '--no-install-recommends', ...names], env)
    )
  } finally {
    if (isOurs) rmSync(policy, { force: true })
  }
}

/** tap is made anew from its plugins after an install, because package.json leaves some of them out. */
export function ensureTap() {
  const wanted = JSON.parse(readFileSync(join(ROOT, 'package.json'), 'utf8')).tap?.plugin ?? []
  const built = readFileSync(join(ROOT, 'node_modules/@tapjs/test/test-built/dist/esm/index.js'), 'utf8')
  const isRight = wanted.every(
    (plugin) => built.includes(`"${plugin.replace('!', '')}"`) !== plugin.startsWith('!'),
  )
  if (isRight) return
  say('Preparing the test runner …')
  must(runQuietly(process.execPath, [join(ROOT, 'node_modules/.bin/tap'), 'build']), 'tap build failed.')
}

/** Runs a package.json script; its output is shown only where it fails. Returns whether it worked. */
export function runScript(name) {
  return runQuietly(...npm('run', '--silent', name))
}

function must(isDone, otherwise) {
  if (!isDone) giveUp(otherwise, 1)
}

function npm(...args) {
  const cli = process.env.npm_execpath
  // npm is a script of Node's: run with the Node that runs us, where npm started us.
  return cli?.endsWith('.js') ? [process.execPath, [cli, ...args]] : ['npm', args]
}

function runQuietly(command, args, env = process.env) {
  const result = spawnSync(command, args, { cwd: ROOT, env, encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 })
  if (result.status === 0) return true
  process.stderr.write(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}\n`)
  return false
}

/** Runs a program in the foreground, passes signals on to it, and resolves to its exit code. */
export function runInFront(command, args) {
  const child = spawn(command, args, { cwd: ROOT, stdio: 'inherit' })
  for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => child.kill(signal))
  process.on('SIGHUP', () => child.kill('SIGTERM'))
  stopWithNpm(child)
  return new Promise((resolve) => {
    child.on('error', (error) => giveUp(error.message, 1))
    child.on('exit', (code) => resolve(code ?? 1))
  })
}

/** npm runs us through a shell, and that shell passes no signal on: when it is gone, so are those who wanted this. */
function stopWithNpm(child) {
  if (process.env.npm_lifecycle_event === undefined) return
  const shell = process.ppid
  const look = setInterval(() => {
    if (process.ppid === shell) return
    clearInterval(look)
    child.kill('SIGTERM')
  }, 250)
  look.unref()
}

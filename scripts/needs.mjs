/**
 * The requirements of `npm start` and `npm test` on this machine, and how to install missing ones. A need has a
 * `title`, a check `isMet` and a function `meet` that fulfils it; if that fails, `hint` says what to do.
 */
import { spawnSync } from 'node:child_process'
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
import { giveUp, npm, ROOT, runQuietly, runScript } from './system.mjs'

const OLDEST_REDIS = 7
/** Files that the two parts of the build write: the gateway and its page. */
const BUILT = ['dist/main.js', 'dist/web/index.html'].map((file) => join(ROOT, file))

/** Fulfils these needs one after the other; ends the process if one cannot be fulfilled. */
export async function meet(needs, steps) {
  for (const need of needs) {
    const { isDone } = await steps.run(need.title, need.meet)
    if (!isDone || (need.debian !== undefined && !need.isMet())) giveUp(need.hint, need.exitCode)
  }
}

/** Returns those of the needs that are not fulfilled. Ends the process if one of them cannot be fulfilled here. */
export function unmet(needs) {
  const missing = needs.filter((need) => !need.isMet())
  for (const need of missing) if (need.debian !== undefined && !canUseApt()) giveUp(need.hint, need.exitCode)
  return missing
}

/** A program that apt installs if this user may run it. */
function program({ isMet, why, debian, brew }) {
  const otherwise = brew === undefined ? '' : ` (or: brew install ${brew})`
  return {
    title: `Installing ${debian[0]} with apt`,
    isMet,
    meet: () => aptInstall(debian),
    hint: `${why}. Install it with: apt-get install ${debian.join(' ')}${otherwise}`,
    exitCode: 2,
    debian,
  }
}

export const redis = program({
  isMet: hasRedis,
  why: `Tollgate needs Valkey or Redis ${OLDEST_REDIS} or newer`,
  debian: ['redis-server'],
  brew: 'valkey',
})

export const chromium = program({
  isMet: () => ['chromium', 'chromium-browser', 'google-chrome'].flatMap(onPath).length > 0,
  why: 'The tests of the page need Chromium',
  debian: ['chromium'],
  brew: 'chromium',
})

/** Prometheus checks alert rules and the dashboard's queries. */
export const prometheus = program({
  isMet: () => ['prometheus', 'promtool'].every((name) => onPath(name).length > 0),
  why: 'The tests of alerts and dashboard need Prometheus',
  debian: ['prometheus'],
  brew: 'prometheus',
})

/** The C compiler builds the shim libraries of some tests (test/support/shim.ts). */
export const compiler = program({
  isMet: () => process.platform !== 'linux' || hasCompiler(),
  why: 'The tests of failing disks and clocks need a C compiler',
  debian: ['gcc', 'libc6-dev'],
})

/** libfaketime moves the date for a program and its children. */
export const faketime = program({
  isMet: () => fakeClock() !== undefined,
  why: 'Moving the date needs libfaketime',
  debian: ['faketime'],
})

/** The library for multi-threaded programs, at Debian's path. */
export function fakeClock() {
  if (!existsSync('/usr/lib')) return undefined
  return ['.', ...readdirSync('/usr/lib')]
    .map((folder) => join('/usr/lib', folder, 'faketime/libfaketimeMT.so.1'))
    .find((path) => existsSync(path))
}

function hasRedis() {
  return ['valkey-server', 'redis-server'].flatMap(onPath).some((path) => {
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', timeout: 5_000 })
    return Number(/\bv=(\d+)/.exec(stdout ?? '')?.[1] ?? 0) >= OLDEST_REDIS
  })
}

/** Whether there is a compiler that finds the C library's headers, which are in a separate package. */
function hasCompiler() {
  const input = '#include <stdlib.h>\n#include <linux/types.h>\n'
  return spawnSync('cc', ['-x', 'c', '-E', '-'], { input, timeout: 10_000 }).status === 0
}

function onPath(name) {
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

const canUseApt = () => process.getuid?.() === 0 && onPath('apt-get').length > 0

/**
 * Installs a Debian package without starting its service: a running Redis on port 6379 is not wanted. Debian runs
 * /usr/sbin/policy-rc.d before it starts a service; exit code 101 forbids the start.
 */
async function aptInstall(names) {
  const policy = '/usr/sbin/policy-rc.d'
  const isOurs = !existsSync(policy)
  if (isOurs) writeFileSync(policy, '#!/bin/sh\nexit 101\n', { mode: 0o755 })
  try {
    const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const update = await runQuietly('apt-get', ['update'], { env })
    if (!update.isDone) return update
    return await runQuietly('apt-get', ['install', '-y', '--no-install-recommends', ...names], { env })
  } finally {
    if (isOurs) rmSync(policy, { force: true })
  }
}

/** Exactly the packages in package-lock.json. */
export const packages = {
  title: 'Installing packages',
  isMet: isInstalled,
  meet(showProgress) {
    const wanted = Object.keys(wantedPackages())
    // npm unpacks each package into its folder as it arrives. Some packages are optional, and some systems lack them.
    const unpacked = () => wanted.filter((path) => existsSync(join(ROOT, path, 'package.json'))).length
    showProgress(() => `${unpacked()} of at most ${wanted.length} packages unpacked`)
    // Without include=dev, NODE_ENV=production would leave out the compiler.
    return runQuietly(...npm('ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'))
  },
  hint: 'npm ci failed; above is why. It needs the network, once: what is installed is not asked for again.',
  exitCode: 1,
}

/** The packages of the lock file by their folder, without those for other systems. */
function wantedPackages() {
  const all = JSON.parse(readFileSync(join(ROOT, 'package-lock.json'), 'utf8')).packages
  const isFor = (list, mine) => list === undefined || list.includes(mine)
  return Object.fromEntries(
    Object.entries(all).filter(
      ([path, { os, cpu }]) => path !== '' && isFor(os, process.platform) && isFor(cpu, process.arch),
    ),
  )
}

/** Compares the lock file with npm's record of the installed packages. */
function isInstalled() {
  try {
    const found = JSON.parse(readFileSync(join(ROOT, 'node_modules/.package-lock.json'), 'utf8')).packages
    return Object.entries(wantedPackages()).every(([path, entry]) => {
      if (found[path] === undefined)
        return entry.optional === true || entry.devOptional === true || entry.peer === true
      return found[path].version === entry.version && found[path].integrity === entry.integrity
    })
  } catch {
    return false
  }
}

/** The gateway and its page in dist/, both newer than every source. */
export const build = {
  title: 'Building',
  isMet() {
    const scripts = ['scripts/server-bundle.mjs', 'scripts/web-bundle.mjs']
    const sources = ['src', ...scripts, 'tsconfig.json', 'tsconfig.build.json', 'package.json']
    return BUILT.every((file) => existsSync(file)) && newest(sources) <= Math.min(...BUILT.map(modified))
  },
  async meet() {
    // Removes the output of deleted sources.
    rmSync(join(ROOT, 'dist'), { recursive: true, force: true })
    const outcome = await runScript('build')
    // One part may have been built before the other failed; the next start must not treat that as a complete build.
    if (!outcome.isDone) for (const file of BUILT) rmSync(file, { force: true })
    return outcome
  },
  hint: 'The build failed.',
  exitCode: 1,
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

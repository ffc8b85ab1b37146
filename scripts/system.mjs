/**
 * How the scripts run programs on this machine. It uses only Node's own modules, because it runs before packages are
 * installed.
 */
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('..', import.meta.url))
const OLDEST_NODE = [20, 19]
const EXIT_CODES = { SIGHUP: 129, SIGINT: 130, SIGTERM: 143 }
/** How long programs may take to end after a signal. */
const GRACE_MS = 3_000
const NPM_POLL_MS = 250

/** Ends the process with a text that says what to do. */
export function giveUp(text, exitCode) {
  process.stderr.write(`${text}\n`)
  process.exit(exitCode)
}

export function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  const isOld = major < OLDEST_NODE[0] || (major === OLDEST_NODE[0] && minor < OLDEST_NODE[1])
  if (isOld) giveUp(`Node ${OLDEST_NODE.join('.')} or newer is needed; this is ${process.versions.node}.`, 1)
}

/** The running programs. Each leads a process group, so that its children end with it. */
const running = new Set()

/** Starts a program in its own process group. When the program exits, the rest of its group is ended. */
export function start(command, args, options) {
  const child = spawn(command, args, { cwd: ROOT, ...options, detached: true })
  running.add(child)
  child.once('exit', () => {
    running.delete(child)
    signalGroup(child, 'SIGKILL')
  })
  child.once('error', () => running.delete(child))
  return child
}

/** Signals a program and its children. */
export function signalGroup(child, signal) {
  // A program that failed to start has no pid.
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    if (error.code !== 'ESRCH') throw error
  }
}

/** Runs a program; resolves to whether it succeeded, and to its output. Never rejects. */
export function runQuietly(command, args, { env = process.env } = {}) {
  return new Promise((resolve) => {
    const child = start(command, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const chunks = []
    for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk))
    const end = (isDone, more) => resolve({ isDone, output: `${Buffer.concat(chunks)}${more}`.trim() })
    child.once('error', (error) => end(false, error.message))
    child.once('close', (code) => end(code === 0, ''))
  })
}

/** Runs a script of package.json in the same way as `runQuietly`. */
export function runScript(name) {
  return runQuietly(...npm('run', '--silent', name))
}

/** The command that runs npm with these arguments. */
export function npm(...args) {
  const cli = process.env.npm_execpath
  // npm is a Node script: it runs with this Node, if npm started this process.
  return cli?.endsWith('.js') ? [process.execPath, [cli, ...args]] : ['npm', args]
}

/** The program in the foreground, if there is one. */
let front

/** Ends this process on a signal, after every program that `start` or `runInFront` started has ended. */
export function endOnSignals() {
  for (const signal of Object.keys(EXIT_CODES)) process.on(signal, () => end(signal))
  whenNpmIsGone(() => end('SIGTERM'))
  process.on('exit', () => {
    for (const child of running) signalGroup(child, 'SIGKILL')
  })
}

let isEnding = false

function end(signal) {
  // This process exits with the foreground's exit code.
  if (front !== undefined) return front.kill(signal === 'SIGHUP' ? 'SIGTERM' : signal)
  const exitCode = EXIT_CODES[signal]
  // A second Ctrl-C ends the process at once.
  if (isEnding || running.size === 0) process.exit(exitCode)
  isEnding = true
  let left = running.size
  for (const child of running) {
    signalGroup(child, 'SIGTERM')
    child.once('exit', () => {
      left -= 1
      if (left === 0) process.exit(exitCode)
    })
  }
  setTimeout(() => process.exit(exitCode), GRACE_MS)
}

/** Runs a program in the foreground; resolves to its exit code. */
export function runInFront(command, args) {
  front = spawn(command, args, { cwd: ROOT, stdio: 'inherit' })
  return new Promise((resolve) => {
    front.on('error', (error) => giveUp(error.message, 1))
    front.on('exit', (code) => resolve(code ?? 1))
  })
}

/**
 * npm starts this process through a shell. A signal to npm ends the shell, but does not reach this process. The shell
 * is the parent process: when the parent changes, the shell is gone.
 */
function whenNpmIsGone(callback) {
  if (process.env.npm_lifecycle_event === undefined) return
  const parent = process.ppid
  const look = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(look)
    callback()
  }, NPM_POLL_MS)
  look.unref()
}

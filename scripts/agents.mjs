/**
 * `npm run test:agents`: installs Claude Code, Codex and Gemini CLI outside of the project, once, and runs each of them
 * through a gateway to simulated providers (test/agents). If the system allows it, everything runs in a network
 * namespace that has only the loopback address.
 */
import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { build, meet, packages, redis, unmet } from './needs.mjs'
import { createSteps } from './steps.mjs'
import { checkNode, endOnSignals, npm, ROOT, runInFront, runQuietly } from './system.mjs'

const USAGE = `Usage: npm run test:agents -- [claude] [codex] [gemini]

The agents are installed in $XDG_CACHE_HOME/tollgate-agents (~/.cache/tollgate-agents), about 900 MB.
`

const VERSIONS = {
  '@anthropic-ai/claude-code': '2.1.332',
  '@openai/codex': '0.171.0',
  '@google/gemini-cli': '0.61.0',
}
const FOLDER = join(process.env.XDG_CACHE_HOME ?? join(homedir(), '.cache'), 'tollgate-agents')
/** Written last, so that an interrupted installation is repeated. */
const DONE = join(FOLDER, 'installed.json')

const agents = {
  title: 'Installing the agents (about 900 MB, once)',
  isMet() {
    try {
      return readFileSync(DONE, 'utf8') === JSON.stringify(VERSIONS)
    } catch {
      return false
    }
  },
  async meet() {
    rmSync(DONE, { force: true })
    mkdirSync(FOLDER, { recursive: true })
    const description = { name: 'agents', private: true, version: '1.0.0', dependencies: VERSIONS }
    writeFileSync(join(FOLDER, 'package.json'), JSON.stringify(description))
    // Install scripts build parts that only a terminal needs, except the one that puts Claude Code's program in place.
    const flags = ['--prefix', FOLDER, '--ignore-scripts', '--no-audit', '--no-fund', '--loglevel=error']
    const installed = await runQuietly(...npm('install', ...flags))
    if (!installed.isDone) return installed
    const placed = await runQuietly(process.execPath, [
      join(FOLDER, 'node_modules/@anthropic-ai/claude-code/install.cjs'),
    ])
    if (placed.isDone) writeFileSync(DONE, JSON.stringify(VERSIONS))
    return placed
  },
  hint: 'The agents could not be installed; above is why. It needs the network, once.',
  exitCode: 1,
}

/**
 * The command that starts a program in its own network namespace; empty if this user or this system cannot create one.
 */
function isolation() {
  for (const flags of ['-n', '-rn']) {
    const prefix = ['unshare', flags, 'sh', '-c', 'ip link set lo up && exec "$@"', 'sh']
    const { status } = spawnSync(prefix[0], [...prefix.slice(1), 'true'], { stdio: 'ignore' })
    if (status === 0) return prefix
  }
  return []
}

const wanted = process.argv.slice(2)
if (wanted.some((name) => !['claude', 'codex', 'gemini'].includes(name))) {
  process.stdout.write(USAGE)
  process.exit(wanted.includes('--help') ? 0 : 1)
}
process.chdir(ROOT)
checkNode()
endOnSignals()
const missing = unmet([redis, packages, build, agents])
await meet(missing, createSteps(missing.length))
const prefix = isolation()
process.stdout.write(
  prefix.length > 0
    ? 'All of it runs in a network with nothing but the loopback address.\n'
    : 'No network of its own can be had here (unshare -n): agents get a proxy that lets nothing through.\n',
)
process.env.AGENTS_DIR = FOLDER
if (prefix.length > 0) process.env.AGENTS_ARE_ISOLATED = '1'
const [command, ...args] = [...prefix, process.execPath, '--import=tsx', 'test/agents/run.ts', ...wanted]
process.exit(await runInFront(command, args))

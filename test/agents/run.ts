/**
 * `npm run test:agents`: coding agents as their vendors ship them, through a gateway of our own, to simulated providers. Each
 * agent runs with a home and a folder of its own and reaches nothing but the gateway. scripts/agents.mjs installs them, and
 * tells us by AGENTS_DIR where.
 */
import { existsSync, mkdirSync, mkdtempSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { removeFolder } from '../support/folder.ts'
import { createOrg, startGateway, type TestGateway } from '../support/gateway.ts'
import { startRedis } from '../support/redis.ts'
import { AGENTS, COMPACT_FROM, type Agent, type Place, type Scene } from './agents.ts'
import { checksOf, type Check, type Run } from './checks.ts'
import { PRICES } from './conversation.ts'
import { demoChecks } from './demo.ts'
import { startOutside } from './outside.ts'
import { runProgram, type Ended } from './program.ts'
import { PROVIDERS_KEY, startProviders, usualTokens, type Providers } from './providers.ts'
import { report } from './report.ts'
import { isOfUser, nextTurn, type Words } from './script.ts'
import { startWire } from './wire.ts'

const INSTALLED = process.env['AGENTS_DIR'] ?? ''
const PROGRAMS = join(INSTALLED, 'node_modules/.bin')
const WORDS: Words = { answer: 'quince-4711', file: 'made-by-the-agent.txt' }

if (!existsSync(join(INSTALLED, 'node_modules'))) {
  process.stderr.write('AGENTS_DIR has no agents; npm run test:agents installs them\n')
  process.exit(2)
}
const only = process.argv.slice(2)
const wanted = AGENTS.filter(({ command }) => only.length === 0 || only.includes(command))

const redis = await startRedis()
const providers = await startProviders()
const gateway = await startGateway({
  redisUrl: redis.url,
  upstreamUrl: providers.url,
  config: {
    upstreams: Object.fromEntries(
      ['openai', 'anthropic', 'gemini'].map((family) => [
        family,
        { family, prefix: `/${family}`, url: `${providers.url}/${family}`, apiKey: PROVIDERS_KEY },
      ]),
    ),
    prices: {
      models: Object.fromEntries(AGENTS.flatMap(({ models }) => models).map((model) => [model, PRICES])),
    },
  },
})
const results: { agent: Agent; version: string; run: Run; checks: Check[] }[] = []
for (const agent of wanted) {
  process.stdout.write(`${agent.name} …\n`)
  const run = await runAgent(agent, gateway, providers)
  results.push({ agent, version: versionOf(agent), run, checks: checksOf(agent, run, WORDS) })
}
await gateway.stop()
await providers.stop()
await redis.stop()

process.stdout.write('npm start …\n')
const ofDemo = await demoChecks(
  wanted.map(({ command }) => command),
  PROGRAMS,
  cacheFolder(),
)
const checks = [...results.flatMap((result) => result.checks), ...ofDemo]
process.stdout.write(report(results, ofDemo))
process.exit(checks.every(({ isGood }) => isGood) ? 0 : 1)

async function runAgent(agent: Agent, at: TestGateway, asked: Providers): Promise<Run> {
  const org = await createOrg(at)
  const wire = await startWire(at.dataUrl)
  const outside = await startOutside()
  // Codex refuses a home below the folder for temporary files.
  const base = mkdtempSync(join(cacheFolder(), 'run-'))
  const place: Place = { gateway: wire.url, key: org.key, home: join(base, 'home') }
  const work = join(base, 'work')
  for (const folder of [place.home, work]) mkdirSync(folder)
  agent.configure?.(place)
  const first = asked.served.length
  const scenes = []
  for (const scene of agent.scenes) {
    if (scene.onlyIsolated === true && process.env['AGENTS_ARE_ISOLATED'] !== '1') continue
    asked.script = (question) => nextTurn(question, agent.tools, WORDS)
    asked.tokensOf = (n, question, turn) => {
      const tokens = usualTokens(n)
      const fills = turn.kind === scene.fillsContext && isOfUser(question)
      return fills ? { ...tokens, input: tokens.input + COMPACT_FROM } : tokens
    }
    const from = asked.served.length
    const ended = await runScene(agent, scene, place, work, outside.url)
    scenes.push({ scene, ...ended, served: asked.served.slice(from), files: filesIn(work) })
    for (const file of Object.values(filesIn(work))) removeFolder(file)
  }
  const used = await org.usedWhenIdle()
  const beforeLimit = wire.exchanges.length
  await at.admin('PUT', `/v1/orgs/${org.id}/user-limits/custom/ada`, { user: 'ada', limit: 0 })
  const [opening] = agent.scenes
  const limited = opening === undefined ? null : await runScene(agent, opening, place, work, outside.url)
  const refused = wire.exchanges.splice(beforeLimit)
  await wire.stop()
  await outside.stop()
  removeFolder(base)
  return {
    scenes,
    served: asked.served.slice(first),
    exchanges: wire.exchanges,
    chargedMicrocredits: Math.round(used * 1e6),
    outside: [...outside.wanted],
    atLimit: { text: limited === null ? '' : `${limited.output}\n${limited.errors}`, exchanges: refused },
  }
}

function cacheFolder(): string {
  const folder = join(process.env['XDG_CACHE_HOME'] ?? join(homedir(), '.cache'), 'tollgate-agents/runs')
  mkdirSync(folder, { recursive: true })
  return folder
}

/** The files that were to be made, by their name. */
function filesIn(work: string): Record<string, string> {
  const names = [WORDS.file, `helper-${WORDS.file}`].filter((name) => existsSync(join(work, name)))
  return Object.fromEntries(names.map((name) => [name, join(work, name)]))
}

/** An agent knows nothing of this machine but its own home, and finds a way out that leads nowhere. */
function runScene(agent: Agent, scene: Scene, place: Place, work: string, proxy: string): Promise<Ended> {
  return runProgram(join(PROGRAMS, agent.command), scene.args, work, {
    PATH: process.env['PATH'],
    HOME: place.home,
    TERM: 'xterm-256color',
    HTTP_PROXY: proxy,
    HTTPS_PROXY: proxy,
    NO_PROXY: '127.0.0.1,localhost',
    ...agent.environment(place),
    ...scene.environment,
  })
}

function versionOf(agent: Agent): string {
  const file = join(INSTALLED, 'node_modules', agent.package, 'package.json')
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

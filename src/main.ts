#!/usr/bin/env node
/** The command line: serve, check-config, schema, demo. Each command loads only what it needs, so that help is quick. */
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { StartupError } from './errors.ts'
import { version } from './package.ts'
import { isWorker } from './workers/messages.ts'

const USAGE = `Usage: tollgate <command>

  serve --config FILE    run the gateway
        [--workers N]    with N processes on the same ports, 1 to 64 (1)
        [--pretty]       with a log for people instead of JSON
  check-config FILE      check a configuration and say what is wrong with it
  schema [--out FILE]    print the JSON Schema of the configuration, or write it to FILE
  demo [--data DIR]      run a demo with a store, a simulated provider and keys, kept in DIR (./data)

Ask a running gateway, or change it; each shows what it takes, such as tollgate orgs --help:

  orgs, members, keys    organizations, their members, and the keys that these call with
  limits                 the hard cap of each user
  alerts                 tell admins when the organization, or a user, used so much
  users, usage           who used how much, and what was used
  adjust                 a refund or a charge
  audit                  who changed what

  --help                 show this
  --version              show the version

Exit codes: 0 ok, 1 bad configuration or input, 2 the store or a port cannot be had.
`

const MOST_WORKERS = 64

/** Where one key press reaches us twice, from the terminal and from npm, which passes it on, the two arrive together. */
const SAME_SIGNAL_MS = 200

const OLDEST_NODE = [20, 19] as const

/** What is missing in an older one would show only when it is used. */
function checkNode(): void {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const [oldest, oldestMinor] = OLDEST_NODE
  if (major > oldest || (major === oldest && minor >= oldestMinor)) return
  throw new StartupError(
    `Node ${OLDEST_NODE.join('.')} or later is needed; this is ${process.versions.node}`,
    1,
  )
}

async function run(argv: readonly string[]): Promise<void> {
  checkNode()
  const [command, ...rest] = argv
  if (command === undefined) throw new StartupError('no command given; see tollgate --help', 1)
  switch (command) {
    case 'serve':
      return serve(options(rest, ['config', 'workers'], ['pretty']))
    case 'check-config':
      return checkConfig(rest)
    case 'schema':
      return schema(options(rest, ['out'])['out'])
    case 'demo':
      return demo(options(rest, ['data'])['data'] ?? 'data')
    case '--help':
    case '-h':
    case 'help':
      process.stdout.write(USAGE)
      return
    case '--version':
    case '-v':
      process.stdout.write(`${version()}\n`)
      return
    default:
      return askGateway(command, argv)
  }
}

async function askGateway(command: string, argv: readonly string[]): Promise<void> {
  const { isCliCommand, runCli } = await import('./cli/cli.ts')
  if (!isCliCommand(command)) throw new StartupError(`unknown command ${command}; see tollgate --help`, 1)
  process.stdout.write(await runCli(argv, process.env))
}

async function serve({
  config,
  workers = '1',
  pretty = false,
}: {
  config?: string
  workers?: string
  pretty?: boolean
}): Promise<void> {
  // Workers are started with the command line of their primary, and learn everything else from it.
  if (isWorker()) return (await import('./workers/worker.ts')).runWorker()
  if (config === undefined) throw new StartupError('usage: tollgate serve --config FILE', 1)
  const count = workerCount(workers)
  const stopWith = stopOnSignal()
  const running = await (
    await import('./workers/serve.ts')
  ).startServing({ file: config, workers: count, pretty })
  stopWith(
    () => running.stop(),
    () => running.kill(),
  )
}

function workerCount(text: string): number {
  const count = /^[0-9]{1,2}$/.test(text) ? Number(text) : 0
  if (count >= 1 && count <= MOST_WORKERS) return count
  throw new StartupError(`--workers must be a whole number from 1 to ${MOST_WORKERS}, not ${text}`, 1)
}

async function checkConfig(args: readonly string[]): Promise<void> {
  const [file, ...others] = args
  if (file === undefined || file.startsWith('-') || others.length > 0) {
    throw new StartupError('usage: tollgate check-config FILE', 1)
  }
  const { loadConfig } = await import('./config.ts')
  loadConfig(file)
  process.stdout.write(`${file}: ok\n`)
}

async function schema(file: string | undefined): Promise<void> {
  const { publishedSchema } = await import('./config/published.ts')
  if (file === undefined) {
    process.stdout.write(publishedSchema())
    return
  }
  try {
    writeFileSync(file, publishedSchema())
  } catch (error) {
    throw new StartupError(
      `cannot write ${file}: ${error instanceof Error ? error.message : String(error)}`,
      1,
    )
  }
}

async function demo(dataDir: string): Promise<void> {
  const stopWith = stopOnSignal()
  const { startGateway } = await import('./gateway/gateway.ts')
  const { startDemo } = await import('./demo/demo.ts')
  const openaiApiKey = process.env['OPENAI_API_KEY'] ?? ''
  const running = await startDemo({
    dataDir,
    openaiApiKey: openaiApiKey === '' ? null : openaiApiKey,
    startGateway,
  })
  stopWith(() => running.stop())
  process.stdout.write(running.text(process.stdout.isTTY))
}

/**
 * SIGTERM or SIGINT stops in good order and exits 0; asked a second time, the process ends at once with 1. Returns what
 * tells how to stop: before that nothing is served, so the process just ends (an embedded store and workers notice and
 * end too). `kill` is called before the end at once.
 */
function stopOnSignal(): (stop: () => Promise<void>, kill?: () => void) => void {
  let stop: (() => Promise<void>) | null = null
  let kill: () => void = () => undefined
  let askedAt: number | null = null
  const onSignal = () => {
    if (stop === null) process.exit(0)
    if (askedAt === null) {
      askedAt = performance.now()
      stop().then(() => process.exit(0), fail)
    } else if (performance.now() - askedAt > SAME_SIGNAL_MS) {
      kill()
      process.exit(1)
    }
  }
  process.on('SIGTERM', onSignal)
  process.on('SIGINT', onSignal)
  return (how, atOnce = () => undefined) => {
    stop = how
    kill = atOnce
  }
}

/** Reads `--name VALUE` options, and `--flag`s; anything else is refused. */
function options<const N extends string, const F extends string = never>(
  args: readonly string[],
  names: readonly N[],
  flags: readonly F[] = [],
): Partial<Record<N, string> & Record<F, boolean>> {
  try {
    const known = Object.fromEntries([
      ...names.map((name) => [name, { type: 'string' as const }]),
      ...flags.map((flag) => [flag, { type: 'boolean' as const }]),
    ]) as Record<string, { type: 'string' | 'boolean' }>
    return parseArgs({ args: [...args], options: known, strict: true }).values as Partial<
      Record<N, string> & Record<F, boolean>
    >
  } catch (error) {
    const message = error instanceof Error ? error.message.split('\n')[0] : undefined
    throw new StartupError(`${message ?? 'bad arguments'}; see tollgate --help`, 1)
  }
}

/** What an operator can do something about is one line; anything else is our own mistake and comes with its stack. */
function fail(error: unknown): never {
  if (error instanceof StartupError) {
    process.stderr.write(`${error.message}\n`)
    process.exit(error.exitCode)
  }
  process.stderr.write(`${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`)
  process.exit(1)
}

run(process.argv.slice(2)).catch(fail)

/** The command line for people: `tollgate orgs list` and the like, over the admin API. */
import { parseArgs, type ParseArgsConfig } from 'node:util'
import { StartupError } from '../errors.ts'
import { createClient } from './client.ts'
import type { Command, Options } from './command.ts'
import { COMMANDS } from './commands.ts'

const DEFAULT_URL = 'http://127.0.0.1:8081'
/** The options of every command. */
const COMMON = { url: 'URL', token: 'TOKEN', json: true } as const

/** Prefix of arguments that must not be parsed as options; no argument can contain this character. */
const PLAIN = '\0'
const NEGATIVE = /^-\d/

/** Whether the command line begins with one of these commands. */
export const isCliCommand = (word: string): boolean =>
  Object.keys(COMMANDS).some((name) => name.split(' ')[0] === word)

/** Runs one command and returns what to print. Failures are thrown as `StartupError`. */
export async function runCli(argv: readonly string[], env: NodeJS.ProcessEnv): Promise<string> {
  if (argv.includes('--help') || argv.includes('-h')) return usage(argv[0] ?? '')
  const [name, command, rest] = commandOf(argv)
  const { args, options } = read(name, command, rest)
  const url = options['url'] ?? env['TOLLGATE_ADMIN_URL'] ?? DEFAULT_URL
  if (!/^https?:/.test(url) || !URL.canParse(url))
    throw new StartupError(`--url must be an http(s) URL, not ${url}`, 1)
  const client = createClient(url.replace(/\/+$/, ''), tokenOf(options, env), name.split(' ')[0] ?? '')
  const answer = await command.run(client, args, options)
  return options['json'] === undefined ? answer.text : `${JSON.stringify(answer.json, null, 2)}\n`
}

/** The first token that is set. Someone with the gateway's environment may act as the operator. */
function tokenOf(options: Options, env: NodeJS.ProcessEnv): string {
  const candidates = [options['token'], env['TOLLGATE_TOKEN'], env['TOLLGATE_OPERATOR_TOKEN']]
  const token = candidates.find((candidate) => candidate !== undefined && candidate !== '')
  if (token !== undefined) return token
  throw new StartupError('no token: set TOLLGATE_TOKEN to the operator token or to a key of scope admin', 1)
}

function commandOf(argv: readonly string[]): [string, Command, readonly string[]] {
  for (const words of [2, 1]) {
    const name = argv.slice(0, words).join(' ')
    const command = COMMANDS[name]
    if (command !== undefined) return [name, command, argv.slice(words)]
  }
  const [group = '', given] = argv
  const verbs = Object.keys(COMMANDS).flatMap((name) =>
    name.startsWith(`${group} `) ? [name.slice(group.length + 1)] : [],
  )
  throw new StartupError(
    `${given === undefined ? `tollgate ${group} what?` : `there is no tollgate ${group} ${given};`} use one of ${verbs.join(', ')}, and see tollgate ${group} --help`,
    1,
  )
}

function read(
  name: string,
  command: Command,
  rest: readonly string[],
): { args: string[]; options: Record<string, string | undefined> } {
  const known: NonNullable<ParseArgsConfig['options']> = Object.fromEntries(
    Object.entries({ ...command.options, ...COMMON }).map(([option, value]) => [
      option,
      { type: value === true ? 'boolean' : 'string' },
    ]),
  )
  const parsed = parse(name, rest, known)
  if (parsed.positionals.length !== command.args.length)
    throw new StartupError(`usage: ${lineOf(name, command)}`, 1)
  const options = Object.entries(parsed.values).map(([option, value]) => [
    option,
    typeof value === 'string' ? value.replace(PLAIN, '') : '',
  ])
  const args = parsed.positionals.map((arg) => arg.replace(PLAIN, ''))
  return { args, options: Object.fromEntries(options) as Record<string, string> }
}

function parse(name: string, args: readonly string[], options: NonNullable<ParseArgsConfig['options']>) {
  try {
    // `-12.5` is an amount, not an option.
    const plain = args.map((arg) => (NEGATIVE.test(arg) ? PLAIN + arg : arg))
    return parseArgs({ args: plain, options, strict: true, allowPositionals: true })
  } catch (error) {
    const message = error instanceof Error ? (error.message.split('\n')[0] ?? '') : String(error)
    throw new StartupError(`${message}; see tollgate ${name} --help`, 1)
  }
}

function usage(word: string): string {
  const commands = Object.entries(COMMANDS).filter(([name]) => name.split(' ')[0] === word)
  const lines = commands.map(([name, command]) => `  ${lineOf(name, command)}\n      ${command.help}`)
  return `Usage:\n${lines.join('\n')}\n\n  with --url URL (or TOLLGATE_ADMIN_URL), --token TOKEN (better TOLLGATE_TOKEN), --json\n`
}

function lineOf(name: string, { args, options }: Command): string {
  const optional = Object.entries(options).map(([option, value]) =>
    value === true ? `[--${option}]` : `[--${option} ${value}]`,
  )
  return ['tollgate', name, ...args, ...optional].join(' ')
}

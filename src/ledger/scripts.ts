/** The Lua scripts: read from `lua/` at start, with their includes put in, and run by their SHA-1. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { packageFile } from '../package.ts'
import type { RedisClient } from './connection.ts'

export const SCRIPT_NAMES = [
  'reserve',
  'settle',
  'free',
  'expire',
  'renew',
  'replay',
  'roll',
  'create-org',
  'configure',
  'delete-org',
  'put-member',
  'remove-member',
  'save-entry',
  'open-notices',
  'relayed',
  'plan-deliveries',
  'log-delivery',
  'redeliver',
  'save-alert',
  'delete-alert',
  'adjust',
  'check-user',
  'check-totals',
] as const
export type ScriptName = (typeof SCRIPT_NAMES)[number]

interface Script {
  readonly source: string
  readonly sha1: string
  /** Whether it takes its arguments as one JSON list (lua/include/packed.lua). */
  readonly isPacked: boolean
}

const INCLUDE = /^-- @include (\S+)$/gm

function load(name: ScriptName): Script {
  const body = readFileSync(packageFile(`lua/${name}.lua`), 'utf8')
  const source = body.replace(INCLUDE, (_line, file: string) =>
    readFileSync(packageFile(`lua/include/${file}.lua`), 'utf8').trimEnd(),
  )
  const sha1 = createHash('sha1').update(source).digest('hex')
  return { source, sha1, isPacked: body.includes('-- @include packed\n') }
}

const scripts = new Map<ScriptName, Script>()

function scriptOf(name: ScriptName): Script {
  let script = scripts.get(name)
  if (script === undefined) {
    script = load(name)
    scripts.set(name, script)
  }
  return script
}

/** The whole text that the server runs, includes and all. */
export function scriptSource(name: ScriptName): string {
  return scriptOf(name).source
}

/**
 * Runs a script on the node that holds its keys. The server's cache of scripts may be empty (a restart, SCRIPT FLUSH, a
 * new node): then, and only then, the whole source is sent, which is safe because NOSCRIPT means that nothing ran.
 */
export async function runScript(
  redis: RedisClient,
  name: ScriptName,
  keys: readonly string[],
  args: readonly (string | number)[],
): Promise<unknown> {
  const script = scriptOf(name)
  const sent = script.isPacked ? [packed(args)] : args
  try {
    return await redis.evalsha(script.sha1, keys.length, ...keys, ...sent)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return await redis.eval(script.source, keys.length, ...keys, ...sent)
  }
}

/** Half of a surrogate pair alone, which JSON writes as an escape that Redis refuses: with it would go the whole batch. */
const LONE_SURROGATE = /\p{Surrogate}/gu

function packed(args: readonly (string | number)[]): string {
  const text = JSON.stringify(args.map(String))
  if (!text.includes('\\ud')) return text
  return JSON.stringify(args.map((arg) => String(arg).replace(LONE_SURROGATE, '\ufffd')))
}

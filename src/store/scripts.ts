/** Loads the Lua scripts from `lua/`, adds the named input and the includes, and runs them by their SHA-1. */
import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { packageFile } from '../package.ts'
import type { RedisClient } from './connection.ts'
import { SIGNATURES, type ScriptName, type Signature, type Type } from './signatures.ts'

export type { ScriptName }
export const SCRIPT_NAMES = Object.keys(SIGNATURES) as readonly ScriptName[]

export type Arg = string | number
type Named<Names, Value> = Names extends readonly string[] ? Readonly<Record<Names[number], Value>> : never
type Valued<Fields> = Readonly<Record<keyof Fields, Arg>>

/** A script's input, by the names of its signature. */
export type Input<S extends Signature> = {
  readonly keys: Named<S['keys'], string>
} & (S extends { readonly keyLists: infer Names }
  ? { readonly keyLists: Named<Names, readonly string[]> }
  : unknown) &
  (S extends { readonly args: infer Fields } ? { readonly args: Valued<Fields> } : unknown) &
  (S extends { readonly lists: infer Names }
    ? { readonly lists: Named<Names, readonly string[]> }
    : unknown) &
  (S extends { readonly items: infer Fields } ? { readonly items: readonly Valued<Fields>[] } : unknown)

export type InputOf<N extends ScriptName> = Input<(typeof SIGNATURES)[N]>

/** The input type for code that handles every script. */
interface AnyInput {
  readonly keys: Readonly<Record<string, string>>
  readonly keyLists?: Readonly<Record<string, readonly string[]>>
  readonly args?: Readonly<Record<string, Arg>>
  readonly lists?: Readonly<Record<string, readonly string[]>>
  readonly items?: readonly Readonly<Record<string, Arg>>[]
}

interface Script {
  readonly source: string
  readonly sha1: string
}

const INCLUDE = /^-- @include (\S+)$/gm

function load(name: ScriptName): Script {
  const body = readFileSync(packageFile(`lua/${name}.lua`), 'utf8')
  const source = body
    .replace('\n', `\n${prelude(SIGNATURES[name])}\n`)
    .replace(INCLUDE, (_line, file: string) =>
      readFileSync(packageFile(`lua/include/${file}.lua`), 'utf8').trimEnd(),
    )
  return { source, sha1: createHash('sha1').update(source).digest('hex') }
}

/**
 * The Lua lines that give a script's input its names. ARGV is one JSON list: a batch has hundreds of texts, and sending
 * each separately costs client and server more than all other work on it. The list has the arguments, the lengths of
 * the lists of keys and of texts, these texts, and then the items, field by field.
 */
function prelude({ keys, keyLists = [], args = {}, lists = [], items }: Signature): string {
  const first = Object.keys(args).length
  const field = (name: string, type: Type, at: string): string =>
    `${name} = ${type === 'number' ? `tonumber(argv[${at}])` : `argv[${at}]`}`
  const named = Object.entries(args).map(([name, type], at) => field(name, type, String(at + 1)))
  const lines = [
    'local argv = cjson.decode(ARGV[1])',
    `local key = { ${keys.map((name, at) => `${name} = KEYS[${at + 1}]`).join(', ')} }`,
    `local arg = { ${named.join(', ')} }`,
  ]
  const lengths = first + keyLists.length + lists.length
  if (keyLists.length > 0) {
    lines.push(`local last_key = ${keys.length}`)
    keyLists.forEach((name, at) => {
      lines.push(
        `key.${name} = {}`,
        `for i = 1, tonumber(argv[${first + at + 1}]) do key.${name}[i] = KEYS[last_key + i] end`,
        `last_key = last_key + #key.${name}`,
      )
    })
  }
  lines.push(`local last_arg = ${lengths}`)
  lists.forEach((name, at) => {
    lines.push(
      `arg.${name} = {}`,
      `for i = 1, tonumber(argv[${first + keyLists.length + at + 1}]) do arg.${name}[i] = argv[last_arg + i] end`,
      `last_arg = last_arg + #arg.${name}`,
    )
  })
  if (items !== undefined) {
    const fields = Object.entries(items)
    const ofItem = fields.map(([name, type], at) => field(name, type, `at + ${at}`))
    lines.push(
      'local items = {}',
      `for at = last_arg + 1, #argv, ${fields.length} do`,
      `  items[#items + 1] = { ${ofItem.join(', ')} }`,
      'end',
    )
  }
  return lines.join('\n')
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

/** The complete text that the server runs, including the prelude and the includes. */
export function scriptSource(name: ScriptName): string {
  return scriptOf(name).source
}

/**
 * Runs a script on the node that holds its keys. The server's script cache may be empty (a restart, SCRIPT FLUSH, a new
 * node). Only then is the whole source sent, which is safe because NOSCRIPT means that nothing ran.
 */
export async function runScript<N extends ScriptName>(
  redis: RedisClient,
  name: N,
  input: InputOf<N>,
): Promise<unknown> {
  const script = scriptOf(name)
  const [keys, argv] = positional(SIGNATURES[name], input)
  try {
    return await redis.evalsha(script.sha1, keys.length, ...keys, argv)
  } catch (error) {
    if (!(error instanceof Error) || !error.message.startsWith('NOSCRIPT')) throw error
    return await redis.eval(script.source, keys.length, ...keys, argv)
  }
}

/** KEYS and the one ARGV, in the order that `prelude` reads them in. */
function positional(signature: Signature, input: AnyInput): [keys: string[], argv: string] {
  const keys = signature.keys.map((name) => given(input.keys[name], name))
  const argv: string[] = []
  for (const name in signature.args) argv.push(String(given(input.args?.[name], name)))
  for (const name of signature.keyLists ?? []) {
    const list = given(input.keyLists?.[name], name)
    argv.push(String(list.length))
    keys.push(...list)
  }
  const lists = (signature.lists ?? []).map((name) => given(input.lists?.[name], name))
  for (const list of lists) argv.push(String(list.length))
  for (const list of lists) argv.push(...list)
  for (const item of input.items ?? [])
    for (const name in signature.items) argv.push(String(given(item[name], name)))
  return [keys, packed(argv)]
}

function given<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`a script is called without ${name}`)
  return value
}

/** A lone surrogate. JSON writes it as an escape that Redis's JSON decoder refuses, and the whole batch would fail. */
const LONE_SURROGATE = /\p{Surrogate}/gu

function packed(argv: readonly string[]): string {
  const text = JSON.stringify(argv)
  if (!text.includes('\\ud')) return text
  return JSON.stringify(argv.map((arg) => arg.replace(LONE_SURROGATE, '\ufffd')))
}

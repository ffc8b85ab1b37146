/** The type of a command of the command line, and the helpers that commands share. */
import { StartupError } from '../errors.ts'
import type { Client } from './client.ts'
import { card, table, type Row } from './show.ts'

export interface Answer {
  /** What `--json` prints. */
  readonly json: unknown
  /** What people read. */
  readonly text: string
}

export type Options = Readonly<Record<string, string | undefined>>

export interface Command {
  /** Arguments in their order, in capitals. */
  readonly args: readonly string[]
  /** Options by name; true means that the option takes no value. */
  readonly options: Readonly<Record<string, string | true>>
  readonly help: string
  run(client: Client, args: readonly string[], options: Options): Promise<Answer>
}

/** Commands by the words that invoke them. */
export type Commands = Readonly<Record<string, Command>>

const MOST_A_PAGE = 200

export const org = (id = ''): string => `/orgs/${encodeURIComponent(id)}`
export const under = (id: string | undefined, ...rest: (string | undefined)[]): string =>
  [org(id), ...rest.map((part = '') => encodeURIComponent(part))].join('/')

export interface Page<T> {
  readonly items: T[]
  readonly next: string | null
}

/** The pages of a list, until they hold `most` items or there are no more. */
export async function* pages<P extends Page<object>>(
  client: Client,
  path: string,
  query: Options = {},
  most = Infinity,
): AsyncGenerator<P> {
  let cursor: string | null = null
  let left = most
  do {
    const limit = String(Math.min(left, MOST_A_PAGE))
    const search = new URLSearchParams(given({ limit, ...query, cursor: cursor ?? undefined }))
    const page: P = await client.ask('GET', `${path}?${search.toString()}`)
    yield page
    left -= page.items.length
    cursor = page.next
  } while (cursor !== null && left > 0)
}

/** All of a list, or its first `most`. */
export async function all<T extends object>(
  client: Client,
  path: string,
  query: Options = {},
  most = Infinity,
): Promise<T[]> {
  const items: T[] = []
  for await (const page of pages<Page<T>>(client, path, query, most)) items.push(...page.items)
  return items
}

export const listed = (items: readonly object[], columns: readonly string[]): Answer => ({
  json: items,
  text: table(items as readonly Row[], columns),
})
export const shown = (item: object): Answer => ({ json: item, text: card(item as Row) })
export const done = (text: string): Answer => ({ json: { done: true }, text: `${text}\n` })

/** The error of a command whose options would change nothing. */
export const nothingGiven = (options: string): StartupError =>
  new StartupError(`nothing to change: give ${options}`, 1)

/** Parses a number of the command line. The admin plane checks its range. */
export function number(name: string, text: string): number {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  throw new StartupError(`${name} must be a number, not ${text}`, 1)
}

/** How many items of a list to show; without it, all. */
export function most(text: string | undefined): number {
  if (text === undefined) return Infinity
  if (/^[1-9]\d{0,8}$/.test(text)) return Number(text)
  throw new StartupError(`--limit must be a whole number from 1 up, not ${text}`, 1)
}

/** Removes the fields that were not given. */
export function given<T extends object>(fields: T): { [K in keyof T]: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>
  }
}

/** Who is notified: `all`, or the ids of admins separated by commas. */
export const recipients = (text: string | undefined): 'all' | string[] | undefined =>
  text === undefined || text === 'all' ? text : text.split(',')

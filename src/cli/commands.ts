/** What the command line for people can do: each command is a few calls of the admin API. */
import { StartupError } from '../errors.ts'
import type { Client, Schemas } from './client.ts'
import { card, table, type Row } from './show.ts'

export interface Answer {
  /** What `--json` prints. */
  readonly json: unknown
  /** What people read. */
  readonly text: string
}

export interface Command {
  /** Arguments in their order, in capitals. */
  readonly args: readonly string[]
  /** By name: true takes no value. */
  readonly options: Readonly<Record<string, string | true>>
  readonly help: string
  run(
    client: Client,
    args: readonly string[],
    options: Readonly<Record<string, string | undefined>>,
  ): Promise<Answer>
}

const org = (id = ''): string => `/orgs/${encodeURIComponent(id)}`
const under = (id: string | undefined, ...rest: (string | undefined)[]): string =>
  [org(id), ...rest.map((part = '') => encodeURIComponent(part))].join('/')

/** All pages of a list. */
async function all<T extends object>(
  client: Client,
  path: string,
  query: Record<string, string | undefined> = {},
): Promise<T[]> {
  const items: T[] = []
  let cursor: string | null = null
  do {
    const given = Object.entries({ limit: '200', ...query, cursor: cursor ?? undefined })
    const search = new URLSearchParams(
      given.filter((pair): pair is [string, string] => pair[1] !== undefined),
    )
    const page: { items: T[]; next: string | null } = await client.ask('GET', `${path}?${search.toString()}`)
    items.push(...page.items)
    cursor = page.next
  } while (cursor !== null)
  return items
}

const listed = (items: readonly object[], columns: readonly string[]): Answer => ({
  json: items,
  text: table(items as readonly Row[], columns),
})
const shown = (item: object): Answer => ({ json: item, text: card(item as Row) })
const done = (text: string): Answer => ({ json: { done: true }, text: `${text}\n` })

/** A number of the command line; which numbers are allowed, the admin plane says. */
function number(name: string, text: string): number {
  if (/^-?\d+(\.\d+)?$/.test(text)) return Number(text)
  throw new StartupError(`${name} must be a number, not ${text}`, 1)
}

const given = (fields: object): object =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined))

const orgFields = (options: Readonly<Record<string, string | undefined>>): object => {
  const { name, allowance, admission, timezone } = options
  return given({
    name,
    allowance: allowance === undefined ? undefined : number('--allowance', allowance),
    admission,
    billing: timezone === undefined ? undefined : { timezone },
  })
}
const ORG_OPTIONS = { name: 'NAME', allowance: 'CREDITS', admission: 'strict|straddle', timezone: 'ZONE' }

const ORGS: Readonly<Record<string, Command>> = {
  'orgs list': {
    args: [],
    options: {},
    help: 'every organization',
    run: async (client) =>
      listed(await all<Schemas['Org']>(client, '/orgs'), ['id', 'name', 'allowance', 'used', 'held']),
  },
  'orgs show': {
    args: ['ORG'],
    options: {},
    help: 'one, with its period and use',
    run: async (client, [id]) => shown(await client.ask<Schemas['Org']>('GET', org(id))),
  },
  'orgs create': {
    args: ['ORG'],
    options: ORG_OPTIONS,
    help: 'make one',
    run: async (client, [id], options) =>
      shown(await client.ask<Schemas['Org']>('POST', '/orgs', { id, ...orgFields(options) })),
  },
  'orgs set': {
    args: ['ORG'],
    options: ORG_OPTIONS,
    help: 'change what is given',
    run: async (client, [id], options) =>
      shown(await client.ask<Schemas['Org']>('PATCH', org(id), orgFields(options))),
  },
  'orgs delete': {
    args: ['ORG'],
    options: {},
    help: 'with everything in it',
    run: async (client, [id = '']) => {
      await client.ask('DELETE', org(id))
      return done(`${id} is deleted.`)
    },
  },
}

const MEMBERS: Readonly<Record<string, Command>> = {
  'members list': {
    args: ['ORG'],
    options: { search: 'TEXT' },
    help: 'who belongs to it',
    run: async (client, [id], { search }) =>
      listed(await all<Schemas['Member']>(client, under(id, 'members'), { q: search }), [
        'user',
        'name',
        'email',
        'role',
      ]),
  },
  'members add': {
    args: ['ORG', 'USER'],
    options: { email: 'ADDRESS', name: 'NAME', role: 'admin|member' },
    help: 'add or replace a member',
    run: async (client, [id, user], { email, name, role }) =>
      shown(
        await client.ask<Schemas['Member']>('PUT', under(id, 'members', user), given({ email, name, role })),
      ),
  },
  'members remove': {
    args: ['ORG', 'USER'],
    options: {},
    help: 'refused at the very next call',
    run: async (client, [id, user = '']) => {
      await client.ask('DELETE', under(id, 'members', user))
      return done(`${user} is no member any more. What was used stays counted.`)
    },
  },
}

const KEYS: Readonly<Record<string, Command>> = {
  'keys list': {
    args: ['ORG'],
    options: {},
    help: 'keys, without their secret',
    run: async (client, [id]) =>
      listed(await all<Schemas['Key']>(client, under(id, 'keys')), [
        'id',
        'name',
        'user',
        'app',
        'scope',
        'hint',
        'createdAt',
      ]),
  },
  'keys create': {
    args: ['ORG', 'NAME'],
    options: { user: 'USER', app: true, sources: 'SOURCE,…', scope: 'traffic|admin' },
    help: 'for a user, an app or an admin',
    run: async (client, [id, name], { user, app, sources, scope }) => {
      const draft = given({
        name,
        user,
        app: app === undefined ? undefined : true,
        sources: sources?.split(','),
        scope,
      })
      const made = await client.ask<Schemas['CreatedKey']>('POST', under(id, 'keys'), draft)
      return { json: made, text: `${card(made)}\nKeep the key now: it is never shown again.\n` }
    },
  },
  'keys revoke': {
    args: ['ORG', 'ID'],
    options: {},
    help: 'make it useless',
    run: async (client, [id, key = '']) => {
      await client.ask('DELETE', under(id, 'keys', key))
      return done(`${key} is revoked.`)
    },
  },
}

const LIMITS: Readonly<Record<string, Command>> = {
  'limits show': {
    args: ['ORG'],
    options: {},
    help: 'the limit for every user',
    run: async (client, [id]) =>
      shown(await client.ask<Schemas['UserLimits']>('GET', under(id, 'user-limits'))),
  },
  'limits set': {
    args: ['ORG', 'CREDITS|off'],
    options: {},
    help: 'set the default limit, or switch limits off',
    run: async (client, [id, limit = '']) => {
      const path = under(id, 'user-limits')
      // The whole setting is saved, so what this command does not name has to be sent along.
      const before = await client.ask<Schemas['UserLimits']>('GET', path)
      const change =
        limit === 'off' ? { enabled: false } : { enabled: true, default: number('CREDITS', limit) }
      return shown(await client.ask<Schemas['UserLimits']>('PUT', path, { ...before, ...change }))
    },
  },
  'limits custom': {
    args: ['ORG'],
    options: {},
    help: 'users with a limit of their own (null is unlimited)',
    run: async (client, [id]) =>
      listed(await all<Schemas['CustomLimit']>(client, under(id, 'user-limits', 'custom')), [
        'user',
        'limit',
      ]),
  },
  'limits give': {
    args: ['ORG', 'USER', 'CREDITS|unlimited|default'],
    options: {},
    help: 'give one user another limit, or the default again',
    run: async (client, [id, user = '', limit = '']) => {
      const path = under(id, 'user-limits', 'custom', user)
      if (limit === 'default') {
        await client.ask('DELETE', path)
        return done(`${user} has the default limit.`)
      }
      const body = { limit: limit === 'unlimited' ? null : number('CREDITS', limit) }
      return shown(await client.ask<Schemas['CustomLimit']>('PUT', path, body))
    },
  },
}

const READING: Readonly<Record<string, Command>> = {
  users: {
    args: ['ORG'],
    options: { exceeding: true, search: 'TEXT' },
    help: 'who used how much; with --exceeding who is at the limit',
    run: async (client, [id], { exceeding, search }) => {
      const query = { exceeding: exceeding === undefined ? undefined : 'true', q: search }
      const users = await all<Schemas['UserUse']>(client, under(id, 'users'), query)
      return listed(users, ['user', 'name', 'used', 'counted', 'held', 'limit', 'exceeding'])
    },
  },
  usage: {
    args: ['ORG'],
    options: { by: 'user|source|model|day', from: 'YYYY-MM-DD', to: 'YYYY-MM-DD' },
    help: 'what was used',
    run: async (client, [id], { by, from, to }) => {
      const items = await all<Schemas['UsageItem']>(client, under(id, 'usage'), { by, from, to })
      return listed(items, ['key', 'credits', 'calls', 'inputTokens', 'outputTokens'])
    },
  },
  audit: {
    args: ['ORG'],
    options: { actor: 'USER', target: 'ID' },
    help: 'who changed what, newest first',
    run: async (client, [id], { actor, target }) => {
      const entries = await all<Schemas['AuditEntry']>(client, under(id, 'audit'), { actor, target })
      return listed(entries, ['at', 'actor', 'action', 'target', 'after'])
    },
  },
}

/** By the words that call them. */
export const COMMANDS: Readonly<Record<string, Command>> = {
  ...ORGS,
  ...MEMBERS,
  ...KEYS,
  ...LIMITS,
  ...READING,
}

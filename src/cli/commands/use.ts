/** `tollgate users`, `usage`, `adjust` and `audit`: usage, adjustments and changes of settings. */
import { StartupError } from '../../errors.ts'
import type { Schemas } from '../client.ts'
import {
  all,
  given,
  listed,
  most,
  number,
  pages,
  shown,
  under,
  type Commands,
  type Page,
} from '../command.ts'

interface UsagePage extends Page<Schemas['UsageItem']> {
  readonly total: Schemas['UsageTotal']
}

export const USE: Commands = {
  users: {
    args: ['ORG'],
    options: { exceeding: true, search: 'TEXT', limit: 'N' },
    help: 'who used how much, most first; with --exceeding who is at the limit',
    run: async (client, [id], { exceeding, search, limit }) => {
      const query = { exceeding: exceeding === undefined ? undefined : 'true', q: search }
      const users = await all<Schemas['UserUse']>(client, under(id, 'users'), query, most(limit))
      return listed(users, ['user', 'name', 'used', 'counted', 'held', 'limit', 'exceeding'])
    },
  },
  usage: {
    args: ['ORG'],
    options: { by: 'user|source|model|day', from: 'YYYY-MM-DD', to: 'YYYY-MM-DD', limit: 'N' },
    help: 'what was used, with the total of the whole range',
    run: async (client, [id], { by, from, to, limit }) => {
      const items: Schemas['UsageItem'][] = []
      let total: Schemas['UsageTotal'] | null = null
      for await (const page of pages<UsagePage>(client, under(id, 'usage'), { by, from, to }, most(limit))) {
        items.push(...page.items)
        total = page.total
      }
      const rows = total === null || items.length === 0 ? items : [...items, { key: 'total', ...total }]
      const { text } = listed(rows, ['key', 'credits', 'calls', 'inputTokens', 'outputTokens'])
      return { json: { items, total }, text }
    },
  },
  adjust: {
    args: ['ORG', 'USER', 'CREDITS'],
    options: { reason: 'TEXT', source: 'chat|workflow|agent_deployment', once: 'NAME' },
    help: 'add to what a user used, or with -CREDITS give back; asked again with the same --once it is done once',
    run: async (client, [id, user, credits = ''], { reason, source, once }) => {
      if (reason === undefined)
        throw new StartupError('say why with --reason TEXT; it stands in the audit log', 1)
      const adjustment = given({ user, credits: number('CREDITS', credits), source, reason })
      const headers = once === undefined ? {} : { 'idempotency-key': once }
      return shown(
        await client.ask<Schemas['Adjustment']>('POST', under(id, 'adjustments'), adjustment, headers),
      )
    },
  },
  audit: {
    args: ['ORG'],
    options: { actor: 'USER', target: 'ID', limit: 'N' },
    help: 'who changed what, newest first',
    run: async (client, [id], { actor, target, limit }) => {
      const query = { actor, target }
      const entries = await all<Schemas['AuditEntry']>(client, under(id, 'audit'), query, most(limit))
      return listed(entries, ['at', 'actor', 'action', 'target', 'after'])
    },
  },
}

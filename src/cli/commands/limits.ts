/** `tollgate limits`: the hard cap of each user. */
import type { Schemas } from '../client.ts'
import { all, done, listed, number, shown, under, type Commands } from '../command.ts'

export const LIMITS: Commands = {
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

/** `tollgate limits`: the hard cap of each user. */
import type { Schemas } from '../client.ts'
import { StartupError } from '../../errors.ts'
import { all, done, given, listed, number, recipients, shown, under, type Commands } from '../command.ts'

const EXCLUDABLE = ['workflow', 'agent_deployment'] as const

/** Turns the list of sources that the limit does not apply to into the switches of the API. */
function excluded(text: string | undefined): Schemas['UserLimits']['exclude'] | undefined {
  if (text === undefined) return undefined
  const names = text === 'none' ? [] : text.split(',')
  const unknown = names.find((name) => !EXCLUDABLE.some((source) => source === name))
  if (unknown !== undefined)
    throw new StartupError(`--exclude takes none, or of ${EXCLUDABLE.join(', ')}; not ${unknown}`, 1)
  return { workflow: names.includes('workflow'), agent_deployment: names.includes('agent_deployment') }
}

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
    options: { exclude: 'none|SOURCE,…', to: 'all|ADMIN,…' },
    help: 'set the default limit, or switch limits off; --exclude workflow,agent_deployment leaves their calls out of it',
    run: async (client, [id, limit = ''], { exclude, to }) => {
      const change = given({
        enabled: limit !== 'off',
        default: limit === 'off' ? undefined : number('CREDITS', limit),
        exclude: excluded(exclude),
        recipients: recipients(to),
      })
      return shown(await client.edit<Schemas['UserLimits']>(under(id, 'user-limits'), change))
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

/** `tollgate alerts`: alerts on the organization's usage and on each user's. Alerts notify and never refuse a call. */
import { StartupError } from '../../errors.ts'
import type { Schemas } from '../client.ts'
import {
  all,
  done,
  given,
  listed,
  nothingGiven,
  number,
  recipients,
  shown,
  under,
  type Commands,
} from '../command.ts'

/** `75%` is a part of the allowance; `7500` is a number of credits. */
function threshold(name: string, text: string): { type: 'percentage' | 'absolute'; threshold: number } {
  const percent = /^(.*)%$/.exec(text)?.[1]
  return percent === undefined
    ? { type: 'absolute', threshold: number(name, text) }
    : { type: 'percentage', threshold: number(name, percent) }
}

function yesNo(name: string, text: string | undefined): boolean | undefined {
  if (text === undefined) return undefined
  if (text === 'yes' || text === 'no') return text === 'yes'
  throw new StartupError(`${name} must be yes or no, not ${text}`, 1)
}

export const ALERTS: Commands = {
  'alerts list': {
    args: ['ORG'],
    options: {},
    help: 'alerts of the organization: where each fires now, and when it did in this period',
    run: async (client, [id]) =>
      listed(await all<Schemas['Alert']>(client, under(id, 'alerts')), [
        'id',
        'type',
        'threshold',
        'mark',
        'recipients',
        'firedAt',
      ]),
  },
  'alerts add': {
    args: ['ORG', 'PERCENT%|CREDITS'],
    options: { to: 'all|ADMIN,…' },
    help: 'tell admins when the organization used that much; at once where it did already',
    run: async (client, [id, at = ''], { to }) => {
      const alert = given({ ...threshold('PERCENT%|CREDITS', at), recipients: recipients(to) })
      return shown(await client.ask<Schemas['Alert']>('POST', under(id, 'alerts'), alert))
    },
  },
  'alerts set': {
    args: ['ORG', 'ID'],
    options: { at: 'PERCENT%|CREDITS', to: 'all|ADMIN,…' },
    help: 'change what is given; another threshold arms it again in this period',
    run: async (client, [id, alert], { at, to }) => {
      const change = given({
        ...(at === undefined ? {} : threshold('--at', at)),
        recipients: recipients(to),
      })
      if (Object.keys(change).length === 0) throw nothingGiven('--at or --to')
      return shown(await client.ask<Schemas['Alert']>('PATCH', under(id, 'alerts', alert), change))
    },
  },
  'alerts delete': {
    args: ['ORG', 'ID'],
    options: {},
    help: 'it never fires again',
    run: async (client, [id, alert = '']) => {
      await client.ask('DELETE', under(id, 'alerts', alert))
      return done(`${alert} is deleted.`)
    },
  },
  'alerts user-show': {
    args: ['ORG'],
    options: {},
    help: "the one alert of every user's use",
    run: async (client, [id]) =>
      shown(await client.ask<Schemas['UserAlerts']>('GET', under(id, 'user-alerts'))),
  },
  'alerts user-set': {
    args: ['ORG', 'CREDITS|off'],
    options: { to: 'all|ADMIN,…', 'tell-user': 'yes|no' },
    help: 'tell admins, and with --tell-user the user, when any user used that much; `off` keeps the settings',
    run: async (client, [id, at = ''], { to, 'tell-user': tellUser }) => {
      const change = given({
        enabled: at !== 'off',
        threshold: at === 'off' ? undefined : number('CREDITS', at),
        recipients: recipients(to),
        notifyUser: yesNo('--tell-user', tellUser),
      })
      return shown(await client.edit<Schemas['UserAlerts']>(under(id, 'user-alerts'), change))
    },
  },
}

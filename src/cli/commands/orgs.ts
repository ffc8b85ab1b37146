/** `tollgate orgs`: organizations, which only the operator manages. */
import type { Schemas } from '../client.ts'
import {
  all,
  done,
  given,
  listed,
  nothingGiven,
  number,
  org,
  shown,
  type Commands,
  type Options,
} from '../command.ts'
import { table } from '../show.ts'

const orgFields = (options: Options): object => {
  const { name, allowance, admission, timezone } = options
  return given({
    name,
    allowance: allowance === undefined ? undefined : number('--allowance', allowance),
    admission,
    billing: timezone === undefined ? undefined : { timezone },
  })
}
const ORG_OPTIONS = { name: 'NAME', allowance: 'CREDITS', admission: 'strict|straddle', timezone: 'ZONE' }

function reportText({
  checkedUsers,
  differences,
  found,
  repaired,
  complete,
}: Schemas['DriftReport']): string {
  const open = complete ? '' : 'What it holds in all could not be compared: too many calls are in flight.\n'
  if (found === 0) return `${checkedUsers} users checked: no counter differs.\n${open}`
  const rows = differences.map(({ user, ...rest }) => ({ user: user ?? '(organization)', ...rest }))
  const unseen = found > differences.length ? `, of which ${differences.length} are shown` : ''
  const rest = repaired === found ? 'all of them repaired' : `${repaired} repaired`
  const list = table(rows, ['user', 'counter', 'stored', 'recomputed'])
  return `${list}${checkedUsers} users checked: ${found} differences${unseen}, ${rest}.\n${open}`
}

export const ORGS: Commands = {
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
    run: async (client, [id], options) => {
      const change = orgFields(options)
      if (Object.keys(change).length === 0)
        throw nothingGiven('--name, --allowance, --admission or --timezone')
      return shown(await client.ask<Schemas['Org']>('PATCH', org(id), change))
    },
  },
  'orgs check': {
    args: ['ORG'],
    options: { repair: true },
    help: 'compare its counters with usage and open holds',
    run: async (client, [id], { repair }) => {
      const body = { repair: repair !== undefined }
      const report = await client.ask<Schemas['DriftReport']>('POST', `${org(id)}/drift-check`, body)
      return { json: report, text: reportText(report) }
    },
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

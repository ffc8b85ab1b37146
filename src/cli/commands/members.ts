/** `tollgate members` and `tollgate keys`: the members of an organization and their virtual keys. */
import type { Schemas } from '../client.ts'
import { all, done, given, listed, shown, under, type Commands } from '../command.ts'
import { card } from '../show.ts'

export const MEMBERS: Commands = {
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
      return done(`${user} is no longer a member. Earlier usage stays counted.`)
    },
  },
}

export const KEYS: Commands = {
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
    options: { user: 'USER', app: true, sources: 'SOURCE,…', scope: 'traffic|admin', bare: true },
    help: 'for a user, an app or an admin; with --bare nothing but the key is printed, for scripts',
    run: async (client, [id, name], { user, app, sources, scope, bare }) => {
      const draft = given({
        name,
        user,
        app: app === undefined ? undefined : true,
        sources: sources?.split(','),
        scope,
      })
      const made = await client.ask<Schemas['CreatedKey']>('POST', under(id, 'keys'), draft)
      if (bare !== undefined) return { json: made, text: `${made.key}\n` }
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

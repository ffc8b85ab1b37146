/** The command line for people, as people run it, against an admin plane that listens. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import * as keys from '../../src/ledger/keys.ts'
import { OPERATOR, startAdmin } from '../admin/harness.ts'

const MAIN = fileURLToPath(new URL('../../src/main.ts', import.meta.url))
const admin = await startAdmin()

interface Run {
  readonly code: number
  readonly out: string
  readonly err: string
}

function tollgate(args: readonly string[], env: Record<string, string> = {}): Promise<Run> {
  const given = { TOLLGATE_ADMIN_URL: admin.url, TOLLGATE_TOKEN: OPERATOR, ...env }
  return new Promise((resolve) => {
    execFile(
      process.execPath,
      ['--import=tsx', MAIN, ...args],
      { env: { PATH: process.env['PATH'], ...given } },
      (error, out, err) => resolve({ code: error === null ? 0 : Number(error.code), out, err }),
    )
  })
}

const line = (...args: string[]): Promise<Run> => tollgate(args)

void t.test('an organization is set up, read and deleted from the command line', async (t) => {
  const steps: [string, RegExp][] = [
    ['orgs create acme --name Acme --allowance 10000 --timezone Europe/Berlin', /allowance +10,000/],
    ['orgs list', /ID +NAME +ALLOWANCE +USED +HELD\nacme +Acme +10,000 +0 +0/],
    ['orgs set acme --allowance 20000', /allowance +20,000/],
    ['orgs show acme', /Europe\/Berlin/],
    ['members add acme ada --name Ada --email ada@example.com --role admin', /role +admin/],
    ['members add acme bob', /role +member/],
    ['members list acme --search ada', /USER +NAME +EMAIL +ROLE\nada +Ada +ada@example.com +admin\n$/],
    ['keys create acme laptop --user bob', /key +tg_\w+\n\nKeep the key now/],
    ['keys list acme', /laptop +bob +false +traffic/],
    ['limits set acme 1000', /enabled +true\ndefault +1,000/],
    ['limits give acme bob 2500.0', /limit +2,500/],
    ['limits give acme ada unlimited', /limit +-/],
    ['limits custom acme', /USER +LIMIT\nada +-\nbob +2,500/],
    ['limits give acme bob default', /bob has the default limit/],
    ['limits set acme off', /enabled +false\ndefault +1,000/],
    ['limits show acme', /default +1,000/],
    ['users acme', /USER +NAME +USED/],
    ['users acme --exceeding', /\(none\)/],
    ['usage acme --by source', /\(none\)|KEY/],
    ['audit acme --target bob', /operator +custom_limit.delete +bob/],
    ['members remove acme bob', /bob is no member any more/],
    ['orgs delete acme', /acme is deleted/],
  ]
  for (const [args, shown] of steps) {
    const { code, out, err } = await tollgate(args.split(' '))
    t.same([code, err], [0, ''], args)
    t.match(out, shown, args)
  }
})

void t.test('--json prints what the API answers', async (t) => {
  const org = await admin.org(['ada'], ['bob'])
  const { out } = await line('members', 'list', org, '--json')
  t.match(JSON.parse(out), [{ user: 'ada', role: 'admin' }, { user: 'bob' }])
  const made = JSON.parse(
    (await line('keys', 'create', org, 'ci', '--app', '--sources', 'workflow', '--json')).out,
  ) as {
    id: string
  }
  t.match(made, { app: true, sources: ['workflow'], key: /^tg_/ })
  t.match((await line('keys', 'revoke', org, made.id)).out, /is revoked/)
  t.match(await line('keys', 'revoke', org, made.id), { code: 1, err: /no such key/ })
})

void t.test(
  'what goes wrong is one line that says what to do next, with the exit code of its kind',
  async (t) => {
    const org = await admin.org(['ada'])
    const key = await admin.adminKey(org, 'ada')
    const cases: [string, Record<string, string>, number, RegExp][] = [
      [`orgs list`, { TOLLGATE_TOKEN: '' }, 1, /^no token: set TOLLGATE_TOKEN/],
      [`orgs list`, { TOLLGATE_TOKEN: 'wrong' }, 1, /Set TOLLGATE_TOKEN to the operator token/],
      [`orgs list`, { TOLLGATE_TOKEN: key }, 1, /Only the operator/],
      [
        `orgs list`,
        { TOLLGATE_ADMIN_URL: 'http://127.0.0.1:9' },
        2,
        /^cannot reach the admin plane at .*--url/,
      ],
      [`orgs list`, { TOLLGATE_ADMIN_URL: 'nonsense' }, 1, /^--url must be/],
      [`orgs show nobody`, {}, 1, /no such organization. See what there is with `tollgate orgs list`/],
      [`orgs show`, {}, 1, /^usage: tollgate orgs show ORG\n$/],
      [`orgs paint`, {}, 1, /tollgate orgs list/],
      [`orgs list --colour red`, {}, 1, /--colour.*--help/],
      [`limits set ${org} many`, {}, 1, /^CREDITS must be a number, not many/],
      [`limits set ${org} -- -1`, {}, 1, /^default must be >= 0/],
      [`keys create ${org} k --user eve`, {}, 1, /members add ORG USER/],
    ]
    for (const [args, env, code, message] of cases) {
      const run = await tollgate(args.split(' '), env)
      t.same([run.code, run.out], [code, ''], args)
      t.match(run.err, message, args)
    }
  },
)

void t.test(
  'names with control characters cannot command a terminal, and help needs no gateway',
  async (t) => {
    const org = await admin.org()
    await admin.redis.hset(keys.org(org), 'name', 'a\u001b[31mred')
    t.match((await line('orgs', 'show', org)).out, /name +a\?\[31mred/)
    const help = await tollgate(['limits', '--help'], { TOLLGATE_TOKEN: '', TOLLGATE_ADMIN_URL: '' })
    t.match(help.out, /tollgate limits give ORG USER CREDITS\|unlimited\|default/)
  },
)

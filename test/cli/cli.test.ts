/** The command line for people, as people run it, against an admin plane that listens. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { createClient } from '../../src/cli/client.ts'
import { COMMANDS } from '../../src/cli/commands.ts'
import * as keys from '../../src/store/keys.ts'
import { OPERATOR, startAdmin } from '../admin/harness.ts'

const MAIN = fileURLToPath(new URL('../../dist/main.js', import.meta.url))
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
      [MAIN, ...args],
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
    [
      'limits set acme 2000 --exclude workflow --to ada',
      /default +2,000\nrecipients +\["ada"\]\nexclude +\{"agent_deployment":false,"workflow":true\}/,
    ],
    ['limits set acme 3000', /default +3,000\nrecipients +\["ada"\]\nexclude [^\n]*"workflow":true/],
    ['limits set acme 3000 --exclude none', /"workflow":false/],
    ['alerts add acme 75%', /type +percentage\nthreshold +75\nrecipients +all\nmark +15,000/],
    ['alerts add acme 18000 --to ada', /type +absolute[^]*recipients +\["ada"\]/],
    [
      'alerts list acme',
      /ID +TYPE +THRESHOLD +MARK +RECIPIENTS +FIRED AT\n\S+ +percentage +75 +15,000 +all +-/,
    ],
    [
      'alerts user-set acme 500 --to ada --tell-user yes',
      /enabled +true\nthreshold +500[^]*notifyUser +true/,
    ],
    ['alerts user-set acme off', /enabled +false\nthreshold +500\nrecipients +\["ada"\]\nnotifyUser +true/],
    ['alerts user-show acme', /threshold +500/],
    ['adjust acme ada 12.5 --reason trial', /used +12.5/],
    ['adjust acme ada -2.5 --reason refund --once ticket-1', /used +10\n/],
    ['adjust acme ada -2.5 --reason refund --once ticket-1', /used +10\n/],
    [
      'usage acme --by source',
      /KEY +CREDITS +CALLS +INPUT TOKENS +OUTPUT TOKENS\nchat +10 +0 +0 +0\ntotal +10 /,
    ],
    ['users acme', /USER +NAME +USED/],
    ['users acme --exceeding', /\(none\)/],
    ['users acme --limit 1', /USER[^\n]*\nada [^\n]*\n$/],
    ['audit acme --limit 1 --target ada', /AT +ACTOR[^\n]*\n\S+ +operator +adjustment.create +ada [^\n]*\n$/],
    ['audit acme --target bob', /operator +custom_limit.delete +bob/],
    ['orgs check acme', /^2 users checked: no counter differs\.\n$/],
    ['orgs check acme --repair', /no counter differs/],
    ['members remove acme bob', /bob is no longer a member/],
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
  t.match((await line('keys', 'create', org, 'ci', '--app', '--bare')).out, /^tg_\w+\n$/)
  t.match((await line('keys', 'revoke', org, made.id)).out, /is revoked/)
  t.match(await line('keys', 'revoke', org, made.id), { code: 1, err: /no such key/ })
})

void t.test('alerts are changed and deleted by their id, and usage has its total for programs', async (t) => {
  const org = await admin.org(['ada'])
  const json = async (...args: string[]): Promise<unknown> => JSON.parse((await line(...args, '--json')).out)
  const { id } = (await json('alerts', 'add', org, '90%')) as { id: string }
  t.match(await json('alerts', 'set', org, id, '--at', '500'), { type: 'absolute', threshold: 500 })
  t.match(await json('alerts', 'set', org, id, '--to', 'ada'), { threshold: 500, recipients: ['ada'] })
  t.match((await line('alerts', 'delete', org, id)).out, /is deleted/)
  t.strictSame(await json('alerts', 'list', org), [])
  t.match(await json('usage', org), { items: [], total: { credits: 0 } })
  await line('adjust', org, 'ada', '3', '--reason', 'trial', '--source', 'workflow')
  t.match(await json('usage', org, '--by', 'source'), {
    items: [{ key: 'workflow', credits: 3 }],
    total: { credits: 3 },
  })
})

void t.test('a list of more than one page is read to its end, or up to the limit', async (t) => {
  const users = Array.from({ length: 201 }, (_, i) => `u${i}`)
  const org = await admin.org([], users)
  const count = async (...args: string[]): Promise<number> =>
    (JSON.parse((await line('users', org, '--json', ...args)).out) as unknown[]).length
  t.equal(await count(), 201)
  t.equal(await count('--limit', '201'), 201)
  t.equal(await count('--limit', '7'), 7)
})

void t.test('A2: a setting that somebody else saves meanwhile is changed, not overwritten', async (t) => {
  const org = await admin.org(['ada'])
  const client = createClient(admin.url, OPERATOR, 'limits')
  const path = `/orgs/${org}/user-limits`
  const text = { text: 'Ask Ada.', contact: null, hideAmounts: false }
  // The other's save falls between this one's read and write, once.
  const realFetch = globalThis.fetch
  t.teardown(() => (globalThis.fetch = realFetch))
  let meddled = false
  globalThis.fetch = async (input, init) => {
    if (init?.method === 'PUT' && !meddled) {
      meddled = true
      await createClient(admin.url, OPERATOR, 'limits').edit(path, { explanation: text })
    }
    return realFetch(input, init)
  }
  await client.edit(path, { default: 70 })
  t.match(await client.ask('GET', path), { default: 70, explanation: text })
})

void t.test(
  'what goes wrong is one line that says what to do next, with the exit code of its kind',
  async (t) => {
    const org = await admin.org(['ada'])
    const key = await admin.adminKey(org, 'ada')
    const cases: [string, Record<string, string>, number, RegExp][] = [
      [`orgs list`, { TOLLGATE_TOKEN: '' }, 1, /^no token: set TOLLGATE_TOKEN/],
      [`orgs list`, { TOLLGATE_TOKEN: '', TOLLGATE_OPERATOR_TOKEN: 'wrong' }, 1, /Set TOLLGATE_TOKEN/],
      [`orgs list`, { TOLLGATE_TOKEN: 'wrong' }, 1, /Set TOLLGATE_TOKEN to the operator token/],
      [`orgs list`, { TOLLGATE_TOKEN: key }, 1, /Only the operator/],
      [
        `orgs list`,
        { TOLLGATE_ADMIN_URL: 'http://127.0.0.1:9' },
        2,
        /^cannot reach the admin plane at .*--url/,
      ],
      [`orgs list`, { TOLLGATE_ADMIN_URL: 'nonsense' }, 1, /^--url must be/],
      [`orgs show nobody`, {}, 1, /no such organization. See what there is with tollgate orgs list/],
      [`orgs show`, {}, 1, /^usage: tollgate orgs show ORG\n$/],
      [
        `orgs paint`,
        {},
        1,
        /^there is no tollgate orgs paint; use one of list, show, create, set, check, delete, and see tollgate orgs --help\n$/,
      ],
      [
        `limits`,
        {},
        1,
        /^tollgate limits what\? use one of show, set, custom, give, and see tollgate limits --help\n$/,
      ],
      [`orgs set ${org}`, {}, 1, /^nothing to change: give --name/],
      [`alerts set ${org} x`, {}, 1, /^nothing to change: give --at or --to/],
      [`alerts delete ${org} x`, {}, 1, /no such alert. See what there is with tollgate alerts list ORG/],
      [`limits give ${org} eve 5`, {}, 1, /no member eve. See who there is with tollgate members list ORG/],
      [`limits set ${org} 1.5`, {}, 1, /^default must be a whole number/],
      [
        `limits set ${org} 5 --exclude chat`,
        {},
        1,
        /^--exclude takes none, or of workflow, agent_deployment; not chat/,
      ],
      [`orgs list --colour red`, {}, 1, /--colour.*--help/],
      [`limits set ${org} many`, {}, 1, /^CREDITS must be a number, not many/],
      [`limits set ${org} -- -1`, {}, 1, /^default must be at least 0/],
      [`users ${org} --limit some`, {}, 1, /^--limit must be/],
      [`alerts add ${org} half`, {}, 1, /^PERCENT%\|CREDITS must be a number, not half/],
      [`alerts add ${org} 75% --to eve`, {}, 1, /members add ORG USER --role admin/],
      [`alerts user-set ${org} 5 --tell-user perhaps`, {}, 1, /^--tell-user must be yes or no/],
      [`adjust ${org} ada 5`, {}, 1, /^say why with --reason/],
      [`adjust ${org} ada -5 --reason refund`, {}, 1, /^credits must not take more/],
      [`paint`, {}, 1, /^unknown command paint; see tollgate --help/],
      [`keys create ${org} k --user eve`, {}, 1, /members add ORG USER/],
    ]
    const runs = cases.map(([args, env]) => tollgate(args.split(' '), env))
    for (const [index, [args, , code, message]] of cases.entries()) {
      const run = await runs[index]
      t.same([run?.code, run?.out], [code, ''], args)
      t.match(run?.err, message, args)
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
    const { out } = await line('--help')
    for (const word of new Set(Object.keys(COMMANDS).map((name) => name.split(' ')[0] ?? '')))
      t.match(out, new RegExp(`^  (?:.*, )?${word}\\b`, 'm'), `--help names ${word}`)
  },
)

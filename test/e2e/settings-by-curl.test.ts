/** The lines of docs/admin-settings.md that set an organization up by curl, run in a shell as they are there, against a running gateway. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { promisify } from 'node:util'
import t from 'tap'
import { OPERATOR_TOKEN } from '../support/gateway.ts'
import { openSettings } from '../support/settings.ts'

const { gateways, spend } = await openSettings()
const page = readFileSync(new URL('../../docs/admin-settings.md', import.meta.url), 'utf8')
const [, section = ''] = /^## All three panels by curl\n([^]*?)^## /m.exec(page) ?? []
const [, script = ''] = /```sh\n([^]*?)```/.exec(section) ?? []
const lines = script.split('\n').filter((line) => line !== '' && !line.startsWith('#'))

void t.test('the lines of the docs set up all three panels with curl, line by line', async (t) => {
  const adminUrl = gateways[0]?.adminUrl ?? ''
  const [variables = '', ...commands] = lines
  t.match(variables, /^ADMIN=http:\/\/127\.0\.0\.1:8081;/)
  t.ok(commands.length >= 12, `${commands.length} commands`)
  const answers: { line: string; body: string }[] = []
  for (const line of commands) {
    const text = `${variables.replace('http://127.0.0.1:8081', adminUrl)}\n${line} --fail-with-body`
    const env = { ...process.env, TOLLGATE_OPERATOR_TOKEN: OPERATOR_TOKEN }
    const { stdout } = await promisify(execFile)('sh', ['-c', text], { env }).catch((error: unknown) => {
      throw new Error(`${line}\n${String((error as { stdout?: string }).stdout)}`, { cause: error })
    })
    answers.push({ line, body: stdout })
  }
  const at = (path: string): string => `/v1/orgs/acme${path}`
  const read = (path: string): Promise<unknown> =>
    gateways[0]?.admin('GET', at(path)) ?? Promise.reject(Error())
  t.match(await read('/alerts'), {
    items: [
      { type: 'percentage', threshold: 75, mark: 75_000, recipients: 'all' },
      { type: 'absolute', threshold: 120_000, recipients: ['boss'] },
    ],
  })
  t.match(await read('/user-alerts'), { enabled: true, threshold: 500, notifyUser: true })
  t.match(await read('/user-limits'), { enabled: true, default: 1_000, exclude: { workflow: true } })
  t.match(await read('/user-limits/custom/ada'), { limit: 2_500 })
  t.match(await read(''), { name: 'Acme', used: 12.5 })
  t.match(answers.at(-1)?.body, /^at,actor,action,target,before,after\r\n/)
  const made = answers.find(({ line }) => line.includes('/acme/keys'))
  const { key } = JSON.parse(made?.body ?? '{}') as { key: string }
  t.equal(await spend({ key }, 1), '200', 'the key that was made works')
})

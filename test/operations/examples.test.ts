/** The clients in examples/, run as their first lines say. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { createOrg } from '../support/gateway.ts'
import { CHAT_COST, chatAnswer, chunkEvent, DONE_EVENT, USAGE_EVENT } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'

const ROOT = new URL('../../', import.meta.url).pathname
const { origin, start } = await openStage()
const gateway = await start()

interface Ended {
  readonly stdout: string
  readonly stderr: string
  readonly code: number
}

async function run(key: string, program: string, ...args: readonly string[]): Promise<Ended> {
  const env = { ...process.env, TOLLGATE_URL: gateway.dataUrl, TOLLGATE_KEY: key, MODEL: 'test-model' }
  try {
    return { ...(await promisify(execFile)(program, args, { cwd: ROOT, env })), code: 0 }
  } catch (error) {
    const { stdout, stderr, code } = error as Ended
    return { stdout, stderr, code }
  }
}

void t.test('chat.mjs: the SDK streams an answer, and shows a limit that is reached', async (t) => {
  origin.answer = (_request, response) => {
    response.writeHead(200, { 'content-type': 'text/event-stream' })
    response.end(chunkEvent('Good ') + chunkEvent('day') + USAGE_EVENT + DONE_EVENT)
  }
  const org = await createOrg(gateway, { limit: 100 })
  t.match(await run(org.key, process.execPath, 'examples/chat.mjs', 'Hi'), { code: 0, stdout: 'Good day\n' })
  t.equal(await org.usedWhenIdle(), CHAT_COST)
  const poor = await createOrg(gateway, { limit: 0 })
  const refused = await run(poor.key, process.execPath, 'examples/chat.mjs')
  t.match(refused, { code: 3, stderr: /^user_credit_limit_reached: .*reset/ })
})

void t.test('app-users.mjs: one key, each call for the user that it names', async (t) => {
  origin.answer = (_request, response) => chatAnswer(response)
  const org = await createOrg(gateway, { limit: 100 })
  await gateway.admin('PUT', `/v1/orgs/${org.id}/members/grace`, { role: 'member' })
  const key = await org.createKey({ name: 'our-app', app: true })
  const { stdout, code } = await run(key, process.execPath, 'examples/app-users.mjs', 'ada', 'grace')
  t.equal(code, 0)
  t.match(stdout, /^ada: .*\(\d[\d.]* credits remained\)\ngrace: /)
  t.equal(await org.usedWhenIdle('grace'), CHAT_COST)
})

void t.test('chat.sh: an answer, and where the caller stands', async (t) => {
  origin.answer = (_request, response) => chatAnswer(response)
  const org = await createOrg(gateway, { limit: 100 })
  const { stdout, code } = await run(org.key, 'sh', 'examples/chat.sh')
  t.equal(code, 0)
  const [answer = '', standing = ''] = stdout.trim().split('\n')
  t.match(JSON.parse(answer), { model: 'test-model' })
  t.match(JSON.parse(standing), { user: 'ada', limit: 100 })
})

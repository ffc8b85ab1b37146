/** What docs/channels.md tells the writers of receivers, run against messages of the gateway's own. */
import { execFileSync, spawn, spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { noticeOf, SECRET, sendersOf, targetOf } from '../support/notices.ts'
import { freePort } from '../support/ports.ts'
import { startReceiver } from '../support/receiver.ts'
import { until } from '../support/until.ts'

const docs = readFileSync(new URL('../../docs/channels.md', import.meta.url), 'utf8')

function block(language: string, index = 0): string {
  const found = Array.from(
    docs.matchAll(new RegExp(`^\`\`\`${language}\n([^]*?)^\`\`\``, 'gm')),
    ([, code]) => code,
  )
  return found[index] ?? ''
}

void t.test('the receiver for Node takes what the gateway sends, and refuses another secret', async (t) => {
  const port = await freePort()
  const file = join(t.testdir({}), 'receiver.mjs')
  writeFileSync(file, block('js'))
  const env = { ...process.env, PORT: String(port), WEBHOOK_SECRET: SECRET }
  const child = spawn(process.execPath, [file], { env, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(() => child.kill())
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const { target } = sendersOf(t)
  const url = `http://127.0.0.1:${port}/`
  await until(async () => (await target.send(noticeOf('limit'), targetOf(url))).status === 'sent')
  const other = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
  const forged = targetOf(url, { secrets: { current: other, previous: null } })
  t.match(await target.send(noticeOf('limit'), forged), { status: 'failed', error: 'it answered 401' })
  await until(() => Promise.resolve(out.includes('user.limit.reached c-limit-1')))
  t.ok(out)
})

const hasPython = spawnSync('python3', ['--version']).status === 0
void t.test('the function for Python verifies what the gateway sends', { skip: !hasPython }, async (t) => {
  const receiver = await startReceiver()
  const { target } = sendersOf(t)
  const stale = sendersOf(t, { now: () => Date.now() - 400_000 })
  await target.send(noticeOf('limit'), targetOf(receiver.url))
  await stale.target.send(noticeOf('limit'), targetOf(receiver.url))
  const [fresh, old] = receiver.posts
  if (fresh === undefined || old === undefined) return t.fail('nothing came')
  const program = `${block('python')}\nimport json, sys\nm = json.load(sys.stdin)\nprint(verify(m["secret"], m["headers"], m["body"].encode()))`
  const verify = (secret: string, post: typeof fresh, body = post.body): string =>
    execFileSync('python3', ['-c', program], {
      input: JSON.stringify({ secret, headers: post.headers, body }),
    })
      .toString()
      .trim()
  t.equal(verify(SECRET, fresh), 'True')
  t.equal(verify(SECRET, fresh, fresh.body.replace('ada', 'eve')), 'False')
  t.equal(verify(`whsec_${Buffer.alloc(32, 1).toString('base64')}`, fresh), 'False')
  t.equal(verify(SECRET, old), 'False')
})

void t.test('the payload that is shown has the fields of a message', (t) => {
  const shown = JSON.parse(block('json')) as { data: object }
  const { crossing } = noticeOf('limit')
  t.same(Object.keys(shown), ['type', 'timestamp', 'data'])
  t.same(Object.keys(shown.data).sort(), Object.keys(crossing).sort())
  t.end()
})

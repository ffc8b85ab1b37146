/** No prompt, answer or admin request may keep the event loop to itself: every other call of the gateway waits meanwhile. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { gzipSync } from 'node:zlib'
import t, { type Test } from 'tap'
import * as keys from '../../src/store/keys.ts'
import { createOrg, OPERATOR_TOKEN } from '../support/gateway.ts'
import { chatAnswer, chatBody, postChat } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const folder = mkdtempSync(join(tmpdir(), 'tg-turns-'))
const file = join(folder, 'longest')
t.teardown(() => rmSync(folder, { recursive: true }))
const { origin, store, start } = await openStage()
const gateway = await start({
  env: {
    TURN_FILE: file,
    NODE_OPTIONS: `--import=${fileURLToPath(new URL('../support/turn-monitor.mjs', import.meta.url))}`,
  },
})
const org = await createOrg(gateway)

/** Signals the gateway's monitor, and returns what it writes. */
async function signal(): Promise<string> {
  rmSync(file, { force: true })
  gateway.process.kill('SIGUSR2')
  await until(() => existsSync(file))
  return readFileSync(file, 'utf8')
}

/** Fails if one turn of the gateway's event loop takes more CPU time than is allowed while the action lasts. */
async function goesOnMeanwhile(t: Test, what: string, action: () => Promise<void>): Promise<void> {
  await signal()
  await action()
  const turnMs = Number(await signal())
  t.comment(`${what}: ${turnMs.toFixed(1)} ms`)
  t.ok(turnMs < MOST_MS, `${what}: ${turnMs} ms in one turn`)
}

const BYTES = 20_000_000
const withMessages = (messages: string): string => `{"model":"test-model","messages":${messages}}`
const MESSAGE = `{"role":"user","content":[{"type":"text","text":"${'Wörter, \\"words\\" and 変更. '.repeat(60)}"}]},`
const TEXT = withMessages(
  `[${MESSAGE.repeat(BYTES / Buffer.byteLength(MESSAGE))}{"role":"user","content":"x"}]`,
)
const IMAGE = withMessages(
  `[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,${'A'.repeat(BYTES)}"}}]}]`,
)

/**
 * A turn may take twice as long as JSON.parse of 20 MB takes here. While bodies were read as a whole, it took seven times
 * as long; now it is mostly the garbage collector, whose threads count, too. The figures are in docs/performance.md.
 */
function parsingMs(): number {
  const before = process.cpuUsage()
  JSON.parse(TEXT)
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}
const MOST_MS = 2 * parsingMs()

const PROMPTS: Readonly<
  Record<string, readonly [body: string | Buffer, headers: Record<string, string>, status: number]>
> = {
  'a conversation of 20 MB': [TEXT, {}, 200],
  'an image of 20 MB': [IMAGE, {}, 200],
  'a conversation of 20 MB, compressed': [gzipSync(TEXT), { 'content-encoding': 'gzip' }, 200],
  'seven million empty objects': [withMessages(`[${'{},'.repeat(BYTES / 3)}1]`), {}, 400],
  '20 MB of small numbers': [`{"model":"test-model","input":[${'1,'.repeat(450_000)}1]}`, {}, 400],
}

// Compilers have seen everything once.
for (const [body, headers] of Object.values(PROMPTS)) await send(body, headers)

async function send(body: string | Buffer, headers: Record<string, string> = {}): Promise<Response> {
  return postChat(gateway.dataUrl, org.key, body, { headers })
}

for (const [name, [body, headers, status]] of Object.entries(PROMPTS)) {
  void t.test(`prompt: ${name}: other calls go on meanwhile`, async (t) => {
    await goesOnMeanwhile(t, name, async () => {
      const response = await send(body, headers)
      await response.text()
      t.equal(response.status, status)
    })
  })
}

void t.test('answer: 20 MB of text, and usage behind it: other calls go on meanwhile', async (t) => {
  origin.answer = (_request, response) =>
    chatAnswer(response, undefined, 'Wörter "words" 変更. '.repeat(BYTES / 25))
  t.teardown(() => (origin.answer = (_request, response) => chatAnswer(response)))
  await (await send(chatBody())).text()
  await goesOnMeanwhile(t, 'an answer', async () => {
    const response = await send(chatBody())
    t.ok((await response.text()).length > BYTES / 2)
  })
})

void t.test(
  'admin: pages and searches of 20,000 members, usage, a check for drift: calls go on meanwhile',
  async (t) => {
    const members = Array.from({ length: 20_000 }, (_, index): [string, string] => [
      `user-${index}`,
      JSON.stringify({ email: null, name: `User ${index}`, role: 'member' }),
    ])
    await store.hset(keys.members(org.id), Object.fromEntries(members))
    for (const [method, path] of [
      ['GET', 'members?limit=200'],
      ['GET', 'members?q=user-199'],
      ['GET', 'users?limit=200'],
      ['GET', 'usage?by=day'],
      ['GET', 'usage?by=user&format=csv'],
      ['GET', 'audit?limit=200'],
      ['POST', 'drift-check'],
    ] as const) {
      const ask = async (): Promise<void> => {
        const response = await fetch(`${gateway.adminUrl}/v1/orgs/${org.id}/${path}`, {
          method,
          headers: { authorization: `Bearer ${OPERATOR_TOKEN}`, 'content-type': 'application/json' },
          ...(method === 'POST' && { body: '{}' }),
        })
        t.equal(response.status, 200, `${path}: ${await response.text()}`.slice(0, 300))
      }
      await ask()
      await goesOnMeanwhile(t, path, ask)
    }
  },
)

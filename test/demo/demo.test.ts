/** `npm start`'s demo, on the real gateway with a real Redis: what it prints works as pasted. */
import { execFile } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import t from 'tap'
import { startGateway } from '../../src/gateway/gateway.ts'
import { startDemo } from '../../src/demo/demo.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

const dataDir = mkdtempSync(join(tmpdir(), 'tg-demo-'))
t.teardown(() => removeFolder(dataDir))

/** A port that is busy for as long as the test runs. */
async function busyPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  t.teardown(() => server.close())
  return (server.address() as { port: number }).port
}

/** Busy, so that the demo has to take others. */
const ports = { data: await busyPort(), admin: await busyPort() }
const start = () => startDemo({ dataDir, openaiApiKey: null, startGateway, ports })

/** What would have been sent. */
function mails(): string[] {
  const folder = join(dataDir, 'mail')
  const files = existsSync(folder) ? readdirSync(folder).filter((name) => name.endsWith('.eml')) : []
  return files.map((name) => readFileSync(join(folder, name), 'utf8'))
}

/** The commands of the text, in order: each begins at the start of a line, and its other lines are indented. */
function commandsOf(text: string): string[] {
  return text.match(/^(?:curl|for) .*(?:\n(?: {2}.*|done))*/gm) ?? []
}

async function paste(command: string | undefined): Promise<string> {
  const { stdout } = await promisify(execFile)('bash', ['-c', command ?? 'false'])
  return stdout
}

const hasCurl = await promisify(execFile)('curl', ['--version']).then(
  () => true,
  () => false,
)

void t.test(
  'every command in the text works as pasted',
  { skip: hasCurl ? false : 'no curl here' },
  async (t) => {
    const demo = await start()
    const text = demo.text(false)
    t.match(text, `Ports ${ports.data} and ${ports.admin} busy`)
    const [call, me, loop, raise, ...others] = commandsOf(text)
    t.strictSame(others, [])
    t.match(await paste(call), /^data: .*\n\n(?:data: .*\n\n)*data: \[DONE\]\n\n$/)
    t.match(JSON.parse(await paste(me)), { user: 'ada', org: 'demo', limit: 5, held: 0 })
    const codes = (await paste(loop)).trim().split('\n')
    t.equal(codes[0], '200')
    t.equal(codes.at(-1), '402')
    t.match(JSON.parse(await paste(call)), {
      error: { code: 'user_credit_limit_reached', message: /grace@example\.com/ },
    })
    await until(() => mails().length === 4, { what: 'everybody was told' })
    const told = mails().map((mail) => /^To: .*?(\w+)@/m.exec(mail)?.[1])
    t.strictSame(told.sort(), ['ada', 'grace', 'grace', 'grace'])
    const page = /page +(\S+) /.exec(text)?.[1] ?? ''
    t.ok(
      mails().every((mail) => mail.includes(page)),
      'each links to the page',
    )
    const key = /grace's key +(tg_\w+)/.exec(text)?.[1]
    const signIn = {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ key }),
    }
    t.match(await (await fetch(`${page}/v1/session`, signIn)).json(), { user: 'grace', role: 'admin' })
    t.match(text, join(dataDir, 'mail'))
    const log = readFileSync(join(dataDir, 'tollgate.log'), 'utf8').trim().split('\n')
    const levels = log.map((line) => JSON.parse(line) as { level: number; msg: string })
    t.strictSame(
      levels.filter(({ level }) => level >= 40).map(({ msg }) => msg),
      [],
      'nothing to worry about in the log',
    )
    await paste(raise)
    t.match(JSON.parse(await paste(me)), { limit: 50 })
    t.match(await paste(call), /data: \[DONE\]/)
    await demo.stop()
  },
)

/** What a command for a coding agent says: where the gateway is, the key and the model. */
function agentIn(text: string, program: string): { baseURL: string; apiKey: string; model: string } {
  const commands = text.match(/^[A-Z_]+=.*(?:\n {2}.*)*/gm) ?? []
  const command = commands.find((found) => found.includes(`${program} `)) ?? ''
  const [, baseURL = ''] = /(?:BASE_URL|base_url)=(\S+)/.exec(command) ?? []
  const [, apiKey = ''] = /(?:KEY|TOKEN)=(\S+)/.exec(command) ?? []
  const [, model = ''] = /(?:-m|--model) (\S+)/.exec(command) ?? []
  return { baseURL, apiKey, model }
}

void t.test('what the text tells coding agents works with the SDKs of their vendors', async (t) => {
  const demo = await start()
  t.teardown(() => demo.stop())
  const text = demo.text(false)
  const content = 'Say hello.'
  const claude = agentIn(text, 'claude')
  const anthropic = new Anthropic({
    baseURL: claude.baseURL,
    authToken: claude.apiKey,
    apiKey: null,
    maxRetries: 0,
  })
  const message = await anthropic.messages.create({
    model: claude.model,
    max_tokens: 1_000,
    messages: [{ role: 'user', content }],
  })
  t.match(message.content, [{ type: 'text', text: /^Hello/ }])
  const codex = agentIn(text, 'codex')
  const openai = new OpenAI({ ...codex, maxRetries: 0 })
  const response = await openai.responses.create({
    model: codex.model,
    input: content,
    // Codex declares the search with each call.
    tools: [{ type: 'web_search' }],
  })
  t.match(response.output_text, /^Hello/)
  const gemini = agentIn(text, 'gemini')
  const google = new GoogleGenAI({ apiKey: gemini.apiKey, httpOptions: { baseUrl: gemini.baseURL } })
  const generated = await google.models.generateContent({ model: gemini.model, contents: content })
  t.match(generated.text, /^Hello/)
  const [, settings = ''] = /SETTINGS_PATH='([^']+)'/.exec(text) ?? []
  t.match(JSON.parse(readFileSync(settings, 'utf8')), {
    security: { auth: { selectedType: 'gemini-api-key' } },
  })
  t.notMatch(readFileSync(settings, 'utf8'), /tg_/, 'and no key')
})

void t.test('started again it prints the same keys, and leaves alone what was changed', async (t) => {
  const keysIn = (text: string) => text.match(/tg_\w+/g)
  const first = await start()
  const before = keysIn(first.text(false))
  await first.stop()
  const second = await start()
  t.strictSame(keysIn(second.text(false)), before)
  await second.stop()
  for (const file of ['demo.json', 'operator-token'])
    t.equal(statSync(join(dataDir, file)).mode & 0o777, 0o600)
})

/** E2, E3 on every family: an organization's own words, whom to ask, and amounts that it hides. */
import Anthropic from '@anthropic-ai/sdk'
import { GoogleGenAI } from '@google/genai'
import OpenAI from 'openai'
import t from 'tap'
import { halfOverPeriod } from '../support/billing.ts'
import { createOrg, type TestOrg } from '../support/gateway.ts'
import { openStage } from '../support/stage.ts'

const { origin, start } = await openStage()
const upstream = (family: string, more: object = {}): object => ({
  family,
  prefix: `/${family}`,
  url: origin.url,
  apiKey: 'sk-the-providers-own',
  ...more,
})
const gateway = await start({
  config: {
    upstreams: {
      openai: upstream('openai'),
      anthropic: upstream('anthropic'),
      gemini: upstream('gemini'),
      tools: upstream('generic', {
        prefix: '/tools',
        routes: [{ method: 'POST', path: '/v1/search', creditsPerCall: 2 }],
      }),
    },
  },
})

const LIMIT = 4_321

/** An organization whose member ada may use nothing: a custom limit of 0. */
async function exhausted(explanation: object, recipients: unknown = 'all'): Promise<TestOrg> {
  const org = await createOrg(gateway, { limit: LIMIT })
  await gateway.admin('PUT', `/v1/orgs/${org.id}/members/boss`, {
    role: 'admin',
    name: 'Bo Ss',
    email: 'bo@example.com',
  })
  await gateway.admin('PUT', `/v1/orgs/${org.id}/members/chief`, {
    role: 'admin',
    email: 'chief@example.com',
  })
  await gateway.admin('PUT', `/v1/orgs/${org.id}/user-limits/custom/ada`, { limit: 0 })
  await gateway.admin('PUT', `/v1/orgs/${org.id}/user-limits`, {
    enabled: true,
    default: LIMIT,
    recipients,
    explanation,
  })
  return org
}

const REQUESTS = {
  openai: ['/openai/v1/chat/completions', { model: 'test-model', messages: [], max_tokens: 5 }],
  anthropic: ['/anthropic/v1/messages', { model: 'claude-haiku-4-5', max_tokens: 5, messages: [] }],
  gemini: ['/gemini/v1beta/models/gemini-2.5-flash:generateContent', { contents: [] }],
  generic: ['/tools/v1/search', {}],
} as const

async function refused(
  org: TestOrg,
  family: keyof typeof REQUESTS,
): Promise<{ text: string; headers: string; message: string }> {
  const [path, body] = REQUESTS[family]
  const response = await fetch(gateway.dataUrl + path, {
    method: 'POST',
    headers: { authorization: `Bearer ${org.key}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  })
  const text = await response.text()
  if (response.status !== 402) throw new Error(`${family}: ${response.status} ${text}`)
  const json = JSON.parse(text) as { error?: { message: string }; detail?: string }
  const headers = JSON.stringify([...response.headers].filter(([name]) => name !== 'x-request-id'))
  return { text, headers, message: json.error?.message ?? json.detail ?? '' }
}

for (const family of Object.keys(REQUESTS) as (keyof typeof REQUESTS)[]) {
  void t.test(`E3: ${family}: own words with placeholders, and the chosen admins are named`, async (t) => {
    const own = await exhausted(
      { text: '"{user}" of {org}: {counted} of {limit}, {remaining} left until {resets_at}. See {contact}.' },
      ['boss', 'chief'],
    )
    const { message } = await refused(own, family)
    t.match(message, 'ask Bo Ss (bo@example.com) or chief@example.com to raise your limit.')
    const dayOfReset = new Date(halfOverPeriod().end).getUTCDate()
    t.match(
      message,
      new RegExp(
        `"ada" of ${own.id}: 0 of 0, 0 left until ${dayOfReset} \\w+ \\d{4}, 00:00 \\(UTC\\)\\. See Bo Ss`,
      ),
    )
    const any = await refused(await exhausted({}), family)
    t.match(any.message, 'ask an admin of your organization to raise your limit.')
    await gateway.admin('PUT', `/v1/orgs/${own.id}/user-limits`, {
      enabled: true,
      default: 0,
      recipients: ['boss'],
      explanation: { contact: 'the help desk' },
    })
    t.match((await refused(own, family)).message, 'ask the help desk to raise your limit.')
  })

  void t.test(`E3: ${family}: hidden amounts stand in no field, no header and no text`, async (t) => {
    const org = await exhausted({ hideAmounts: true, text: '{used} {counted} {limit} {remaining}' })
    await gateway.admin('PUT', `/v1/orgs/${org.id}/user-limits/custom/ada`, { limit: 0 })
    const { text, headers, message } = await refused(org, family)
    t.match(message, '… … … …')
    for (const field of ['limit', 'used', 'counted', 'held', 'required', 'remaining']) {
      t.notMatch(text, new RegExp(`"${field}"`), field)
    }
    t.notMatch(headers, /x-tollgate-credits-remaining|ratelimit/i)
    const me = await fetch(`${gateway.dataUrl}/tollgate/v1/me`, {
      headers: { authorization: `Bearer ${org.key}` },
    })
    t.same(Object.keys((await me.json()) as object), ['user', 'org', 'period'], 'E4')
  })
}

void t.test('E3: a placeholder that is not known is refused by name, and nothing is saved', async (t) => {
  const org = await exhausted({ text: 'before' })
  const body = { enabled: true, default: 5, explanation: { text: 'You have {limits} left, {user}.' } }
  await t.rejects(gateway.admin('PUT', `/v1/orgs/${org.id}/user-limits`, body), {
    message: /400 .*explanation\.text.*\{limits\}/,
  })
  t.match(await gateway.admin('GET', `/v1/orgs/${org.id}/user-limits`), { explanation: { text: 'before' } })
})

void t.test('E3: who stopped being an admin is not named any more', async (t) => {
  const org = await exhausted({}, ['boss', 'chief'])
  await gateway.admin('PUT', `/v1/orgs/${org.id}/members/boss`, { role: 'member' })
  const { message } = await refused(org, 'openai')
  t.match(message, 'ask chief@example.com to raise')
})

void t.test('E2: the official SDKs show the text and do not try again', async (t) => {
  const org = await exhausted({ text: 'See the wiki, {user}.' })
  const shows = { message: /an admin of your organization.*See the wiki, ada\./s }
  const openai = new OpenAI({ apiKey: org.key, baseURL: `${gateway.dataUrl}/openai/v1` })
  const anthropic = new Anthropic({ apiKey: org.key, baseURL: `${gateway.dataUrl}/anthropic` })
  const gemini = new GoogleGenAI({ apiKey: org.key, httpOptions: { baseUrl: `${gateway.dataUrl}/gemini` } })
  const messages = [{ role: 'user' as const, content: 'hi' }]
  const reached = origin.received.length
  await t.rejects(openai.chat.completions.create({ model: 'test-model', messages }), {
    status: 402,
    ...shows,
  })
  await t.rejects(anthropic.messages.create({ model: 'claude-haiku-4-5', max_tokens: 5, messages }), {
    status: 402,
    ...shows,
  })
  await t.rejects(gemini.models.generateContent({ model: 'gemini-2.5-flash', contents: 'hi' }), {
    status: 402,
    ...shows,
  })
  t.equal(origin.received.length, reached, 'nothing reached a provider')
})

/** Mistakes of the first hour: each answer names the likely cause and the right value, and nothing to strangers. */
import t from 'tap'
import { createOrg } from '../support/gateway.ts'
import { chatAnswer } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'

const { origin, start } = await openStage()
const upstream = (family: string, prefix: string): object => ({
  family,
  prefix,
  url: origin.url,
  apiKey: 'sk-p',
})
const gateway = await start({
  config: {
    upstreams: {
      openai: upstream('openai', '/openai'),
      claude: upstream('anthropic', '/claude'),
      gemini: upstream('gemini', '/gemini'),
    },
  },
})
const org = await createOrg(gateway)

const MODEL = '/models/gemini-2.5-flash:generateContent'
/** The path of a call, the cause, and the base URL that is meant. */
const PATHS: readonly (readonly [path: string, cause: RegExp, base: string, method?: string])[] = [
  ['/openai/chat/completions', /lacks \/v1/, '/openai/v1'],
  ['/openai/responses', /lacks \/v1/, '/openai/v1'],
  ['/openai/models', /lacks \/v1/, '/openai/v1', 'GET'],
  ['/v1/chat/completions', /lacks the prefix/, '/openai/v1'],
  ['/chat/completions', /lacks the prefix/, '/openai/v1'],
  ['/v1/models', /lacks the prefix/, '/openai/v1', 'GET'],
  ['/v1/messages', /lacks the prefix/, '/claude'],
  [`/v1beta${MODEL}`, /lacks the prefix/, '/gemini'],
  ['/openai//v1/chat/completions', /slash too many/, '/openai/v1'],
  ['//openai/v1/chat/completions', /slash too many/, '/openai/v1'],
  ['/openai/v1/chat/completions/', /slash too many/, '/openai/v1'],
  ['/openai/v1//models', /slash too many/, '/openai/v1', 'GET'],
  ['/openai/v1/v1/chat/completions', /version twice/, '/openai/v1'],
  ['/claude/v1/v1/messages', /version twice/, '/claude'],
  [`/gemini/v1beta/v1beta${MODEL}`, /version twice/, '/gemini'],
  ['/claude/messages', /lacks \/v1/, '/claude'],
  ['/openai/v1/messages', /speaks OpenAI's API, and this is a call of Anthropic's/, '/claude'],
  ['/openai/messages', /speaks OpenAI's API/, '/claude'],
  ['/claude/v1/chat/completions', /speaks Anthropic's API, and this is a call of OpenAI's/, '/openai/v1'],
  ['/gemini/v1/responses', /speaks Gemini's API/, '/openai/v1'],
  [`/openai/v1beta${MODEL}`, /call of Gemini's/, '/gemini'],
]

async function ask(path: string, key: string, method = 'POST'): Promise<{ status: number; text: string }> {
  // fetch would take `//openai` for a host.
  const response = await fetch(new URL(gateway.dataUrl).origin + path, {
    method,
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
    ...(method === 'GET' ? {} : { body: '{}' }),
  })
  return { status: response.status, text: await response.text() }
}

function messageOf(text: string): string {
  return (JSON.parse(text) as { error: { message: string } }).error.message
}

for (const [path, cause, base, method] of PATHS) {
  void t.test(`a wrong base URL, ${path}: the answer names the cause and ${base}`, async (t) => {
    const before = origin.received.length
    const { status, text } = await ask(path, org.key, method)
    t.equal(status, 404, text)
    t.match(messageOf(text), cause)
    t.match(messageOf(text), new RegExp(`Did you mean ${gateway.dataUrl}${base}\\?`))
    for (const key of ['tg_unknown', 'sk-abc', org.key.slice(0, -1)]) {
      const stranger = await ask(path, key, method)
      t.equal(stranger.status, 404)
      t.notMatch(messageOf(stranger.text), /Did you mean|prefix|speaks/, 'a stranger is told nothing')
      t.match(messageOf(stranger.text), /Check the base URL/)
    }
    t.equal(origin.received.length, before)
  })
}

void t.test('what has no right place gets no hint', async (t) => {
  for (const path of ['/openai/v1/files', '/openai/v1/batches', '/nothing', '/openai/%2f/chat/completions']) {
    const { status, text } = await ask(path, org.key)
    t.equal(status, 404)
    t.notMatch(text, /Did you mean/)
    t.match(text, /creditsPerCall/)
  }
  const { text } = await ask('/openai/v1/chat/completions', org.key, 'PUT')
  t.notMatch(text, /Did you mean/, 'the path is right, the method is not')
})

void t.test('a key of a provider, and one with a typing error, are told apart', async (t) => {
  const typo = org.key.slice(0, 10) + (org.key.charAt(10) === 'a' ? 'b' : 'a') + org.key.slice(11)
  for (const [key, says] of [
    ['sk-proj-abcdef', /key of an AI provider \(sk-…\).*begin with tg_/],
    ['sk-ant-api03-abc', /key of an AI provider/],
    ['AIzaSyAbcdef', /key of an AI provider \(AIza…\)/],
    ['gsk_abcdef', /key of an AI provider/],
    [typo, /typing error.*checksum/],
    [org.key.slice(0, -4), /typing error, or a part of it is missing/],
    [`${org.key}x`, /typing error/],
    ['something-else', /not known here, or was revoked/],
  ] as const) {
    for (const path of [
      '/openai/v1/chat/completions',
      '/claude/v1/messages',
      '/claude/v1/messages/count_tokens',
    ]) {
      const { status, text } = await ask(path, key)
      t.equal(status, 401)
      t.match(messageOf(text), says)
      t.notOk(text.includes(key), 'it is not repeated')
    }
  }
})

void t.test('a model with a typing error gets a suggestion', async (t) => {
  origin.answer = (_request, response) => chatAnswer(response)
  for (const [path, body, says] of [
    ['/openai/v1/chat/completions', { model: 'tset-model', messages: [] }, /Did you mean 'test-model'\?/],
    [
      '/openai/v1/chat/completions',
      { model: 'openai/gpt-4.1-mimi', messages: [] },
      /Did you mean 'gpt-4\.1-mini'\?/,
    ],
    ['/openai/v1/responses', { model: 'no-such-thing-at-all', input: 'x' }, /be used\. An operator/],
    [
      '/claude/v1/messages',
      { model: 'cluade-opus-4-5', max_tokens: 1, messages: [] },
      /Did you mean 'claude-opus-4-5'\?/,
    ],
  ] as const) {
    const response = await fetch(gateway.dataUrl + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${org.key}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
    const text = await response.text()
    t.equal(response.status, 400, text)
    t.match(messageOf(text), says)
  }
})

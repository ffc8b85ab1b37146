/** Bodies that are made to hurt who reads them: by their structure, their numbers, their names or their encoding. */
import t from 'tap'
import { JsonOutline } from '../../src/json/outline.ts'
import { planOutline } from '../../src/json/outline-plan.ts'
import { createOrg } from '../support/gateway.ts'
import { chatBody, postChat } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'

const { origin, start } = await openStage()
const gateway = await start()
const org = await createOrg(gateway)

const BYTES = 20_000_000
const withMessages = (messages: string): string => `{"model":"test-model","messages":${messages}}`
const listOf = (item: string, bytes = BYTES): string => `[${item.repeat(Math.floor(bytes / item.length))}1]`
/** So many different keys, or objects that have one each. */
function named(from: string, to: string): string {
  const parts: string[] = []
  for (let bytes = 0, index = 0; bytes < BYTES; index += 1) {
    const part = `${from}${index.toString(36)}${to}`
    bytes += part.length
    parts.push(part)
  }
  return parts.join('')
}

const BOMBS: Readonly<Record<string, () => string>> = {
  'seven million empty objects': () => withMessages(listOf('{},')),
  'seven million empty lists': () => withMessages(listOf('[],')),
  'ten million numbers': () => withMessages(listOf('1,')),
  'ten million lists, each in the other': () => withMessages('['.repeat(BYTES / 2) + ']'.repeat(BYTES / 2)),
  'objects, each in the other': () => withMessages('{"a":'.repeat(3_000_000) + '1' + '}'.repeat(3_000_000)),
  'two million different keys': () => withMessages(`[{${named('"k', '":1,')}"z":1}]`),
  'objects of two million different shapes': () => withMessages(`[${named('{"k', '":1},')}1]`),
  'five million texts': () => withMessages(listOf('"a",')),
}
for (const [name, bomb] of Object.entries(BOMBS)) {
  void t.test(`JSON bomb: ${name} in 20 MB: refused before it is parsed`, async (t) => {
    const before = origin.received.length
    const response = await postChat(gateway.dataUrl, org.key, bomb())
    const { error } = (await response.json()) as { error: { code: string; message: string } }
    t.equal(response.status, 400)
    t.match(error, { code: 'invalid_request', message: /too many values/ })
    t.equal(origin.received.length, before)
  })
}

const LARGE: Readonly<Record<string, () => string>> = {
  'an image of 20 MB': () =>
    withMessages(
      `[{"role":"user","content":[{"type":"image_url","image_url":{"url":"data:image/png;base64,${'A'.repeat(BYTES)}"}}]}]`,
    ),
  '5 MB of text with a quote in every word': () =>
    withMessages(`[{"role":"user","content":"${'a \\"word\\" '.repeat(500_000)}"}]`),
  'a conversation of 20,000 messages': () =>
    withMessages(
      `[${Array.from({ length: 20_000 }, (_, n) => `{"role":"user","content":"message ${n}, in words"}`).join(',')}]`,
    ),
  '60 KB of nothing but lists': () => withMessages('['.repeat(30_000) + ']'.repeat(30_000)),
}
for (const [name, body] of Object.entries(LARGE)) {
  void t.test(`large, and no bomb: ${name} passes byte by byte`, async (t) => {
    const sent = body()
    const response = await postChat(gateway.dataUrl, org.key, sent)
    t.equal(response.status, 200, await response.text())
    t.ok(origin.received.at(-1)?.body === sent)
  })
}

void t.test('300,000 token ids are no bomb, and ten million are', (t) => {
  const isRefused = (body: string): boolean => {
    const outline = new JsonOutline(planOutline({ body: { keys: {} } }), () => undefined)
    outline.push(Buffer.from(body))
    return /too many values/.test(outline.end()?.message ?? '')
  }
  t.notOk(isRefused(`{"input":${listOf('12345,', 1_800_000)}}`))
  t.ok(isRefused(`{"input":${listOf('1,')}}`))
  t.notOk(isRefused(`{"input":["${'[{:,'.repeat(1_000_000)}"]}`), 'what stands in a text weighs nothing')
  t.ok(isRefused(`{"a":["\\"${'a'.repeat(70_000)}",${'[],'.repeat(500_000)}1]}`), 'behind an escaped quote')
  t.ok(isRefused(`{"a":["a\\\\",${'[],'.repeat(500_000)}1]}`), 'behind an escaped backslash')
  t.end()
})

interface Case {
  readonly body: string | Buffer
  readonly says?: RegExp
}

const utf16 = (text: string): Buffer => Buffer.from(`\ufeff${text}`, 'utf16le')
const REFUSED: Readonly<Record<string, Case>> = {
  'max_tokens of 1e400': {
    body: '{"model":"test-model","messages":[],"max_tokens":1e400}',
    says: /max_tokens/,
  },
  'max_tokens of 2^53': {
    body: '{"model":"test-model","messages":[],"max_tokens":9007199254740992}',
    says: /max_tokens/,
  },
  'max_tokens as a text': {
    body: '{"model":"test-model","messages":[],"max_tokens":"1"}',
    says: /max_tokens/,
  },
  'n of 1e400': { body: '{"model":"test-model","messages":[],"n":1e400}', says: /'n'/ },
  'n in a list': { body: '{"model":"test-model","messages":[],"n":[1]}', says: /'n'/ },
  'stream as a text': { body: '{"model":"test-model","messages":[],"stream":"true"}', says: /stream/ },
  'stream twice': {
    body: '{"model":"test-model","messages":[],"stream":false,"stream":true}',
    says: /stream/,
  },
  'stream twice, once escaped': {
    body: '{"model":"test-model","messages":[],"stream":false,"str\\u0065am":true}',
    says: /stream/,
  },
  'max_tokens with a long s': {
    body: '{"model":"test-model","messages":[],"max_token\u017f":9}',
    says: /max_tokens/,
  },
  'a model that is called as what objects have': {
    body: '{"model":"constructor","messages":[]}',
    says: /constructor/,
  },
  'a model that is called __proto__': { body: '{"model":"__proto__","messages":[]}', says: /__proto__/ },
  'a model with a line end': {
    body: '{"model":"test-model\\r\\nx: y","messages":[]}',
    says: /no price|model/,
  },
  'a model of 1 MB': { body: `{"model":"${'m'.repeat(1_000_000)}","messages":[]}`, says: /model/ },
  'constructor.prototype': {
    body: '{"model":"test-model","messages":[],"constructor":{"prototype":{"n":1}}}',
    says: /JSON/,
  },
  '__proto__, escaped': {
    body: '{"model":"test-model","messages":[],"\\u005f_proto__":{"n":1}}',
    says: /JSON/,
  },
  'a tool that is called as what objects have': {
    body: '{"model":"test-model","messages":[],"tools":[{"type":"constructor"}]}',
    says: /constructor/,
  },
  'UTF-16': { body: utf16('{"model":"test-model","messages":[]}'), says: /UTF-8|JSON/ },
  'UTF-16 without a mark': {
    body: Buffer.from('{"model":"test-model","messages":[]}', 'utf16le'),
    says: /JSON/,
  },
  'UTF-32': {
    body: Buffer.from(Array.from('{"model":"test-model"}', (c) => [0, 0, 0, c.charCodeAt(0)]).flat()),
    says: /JSON/,
  },
  'a surrogate in UTF-8': {
    body: Buffer.concat([
      Buffer.from('{"model":"test-model","messages":["'),
      Buffer.from([0xed, 0xa0, 0x80]),
      Buffer.from('"]}'),
    ]),
    says: /UTF-8/,
  },
  'an overlong quote': {
    body: Buffer.concat([
      Buffer.from('{"model":"test-model","messages":["'),
      Buffer.from([0xc0, 0xa2]),
      Buffer.from('"]}'),
    ]),
    says: /UTF-8/,
  },
  'NUL behind the body': { body: '{"model":"test-model","messages":[]}\0', says: /JSON/ },
  'two bodies': { body: `${chatBody()}${chatBody()}`, says: /JSON/ },
  'a comment': { body: '{"model":"test-model",/*"n":9,*/"messages":[]}', says: /JSON/ },
  NaN: { body: '{"model":"test-model","messages":[],"n":NaN}', says: /JSON/ },
}
for (const [name, { body, says }] of Object.entries(REFUSED)) {
  void t.test(`JSON: ${name} → 400, nothing is forwarded, nothing is charged`, async (t) => {
    const before = origin.received.length
    const response = await postChat(gateway.dataUrl, org.key, body)
    const text = await response.text()
    t.equal(response.status, 400, text)
    if (says !== undefined) t.match(text, says)
    t.equal(origin.received.length, before)
    for (const [header, value] of response.headers) t.notMatch(`${header}: ${value}`, /[^\x20-\x7e]/)
  })
}

void t.test('what callers invent stands in no line of the log, and breaks none', async (t) => {
  await postChat(gateway.dataUrl, org.key, '{"model":"evil\\n{\\"level\\":60}","messages":[]}')
  for (const line of gateway.log) {
    t.type(JSON.parse(line), Object)
    t.notMatch(line, 'evil')
  }
})

void t.test(
  'nobody without a key keeps the admin plane busy: signing in takes 8 KiB, everything else asks first',
  async (t) => {
    const body = `{"key":${listOf('{},', 500_000)}}`
    const headers = { 'content-type': 'application/json' }
    for (const [path, status] of [
      ['/v1/session', 413],
      ['/v1/orgs', 401],
    ] as const) {
      const response = await fetch(gateway.adminUrl + path, { method: 'POST', headers, body })
      t.equal(response.status, status, path)
      await response.arrayBuffer()
    }
  },
)

void t.test('the process lived, and counted nothing but what was served', async (t) => {
  t.equal(gateway.process.exitCode, null)
  await org.usedWhenIdle()
  t.equal(await gateway.metric('tollgate_holds_open'), 0)
})

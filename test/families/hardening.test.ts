/** What answers do that no documentation shows, one claim a case: no counter is corrupted, and nothing throws. */
import { gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import type { Usage } from '../../src/core/tariff.ts'
import { anthropic } from '../../src/families/anthropic/anthropic.ts'
import type { Family, Reading } from '../../src/families/family.ts'
import { gemini } from '../../src/families/gemini/gemini.ts'
import { openai } from '../../src/families/openai/openai.ts'
import { createMeter } from '../../src/call/meter.ts'
import { cut } from '../support/json-text.ts'

interface Api {
  readonly family: Family
  readonly path: string
}

const CHAT: Api = { family: openai(null), path: '/v1/chat/completions' }
const MESSAGES: Api = { family: anthropic, path: '/v1/messages' }
const GENERATE: Api = {
  family: gemini,
  path: '/v1beta/models/:model(^[A-Za-z0-9._-]{1,200})::streamGenerateContent',
}
const APIS = { CHAT, MESSAGES, GENERATE }

const STREAM = 'text/event-stream'
const JSON_TYPE = 'application/json'

async function read(
  { family, path }: Api,
  type: string,
  chunks: Iterable<Buffer> | string,
  encoding = 'identity',
): Promise<Reading> {
  const route = family.metered.find(({ url }) => url === path)
  if (route === undefined) throw new Error(path)
  const meter = createMeter(family, route, type, encoding)
  for (const chunk of typeof chunks === 'string' ? [Buffer.from(chunks)] : chunks) meter.push(chunk)
  return await meter.end()
}

const singleBytes = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]))

function usage(input: number, output: number, rest: Partial<Usage> = {}): Usage {
  const none = {
    cachedInput: 0,
    cacheWrite: 0,
    cacheWrite1h: 0,
    audioInput: 0,
    audioOutput: 0,
    imageOutput: 0,
    webSearches: 0,
  }
  return { ...none, input, output, ...rest }
}

const sse = (...values: readonly unknown[]): string =>
  values.map((value) => `data: ${JSON.stringify(value)}\n\n`).join('')

const start = (used: object, model = 'claude'): object => ({
  type: 'message_start',
  message: { type: 'message', model, usage: used },
})
const said = (text: string): object => ({
  type: 'content_block_delta',
  index: 0,
  delta: { type: 'text_delta', text },
})
const delta = (used: object | null): object => ({
  type: 'message_delta',
  delta: { stop_reason: 'end_turn' },
  usage: used,
})
const chunk = (content: string, used: unknown = null): object => ({
  model: 'm',
  choices: [{ delta: { content } }],
  usage: used,
})
const report = (used: unknown): object => ({ model: 'm', choices: [], usage: used })
const part = (text: string, used: object): object => ({
  candidates: [{ content: { parts: [{ text }] } }],
  usageMetadata: used,
  modelVersion: 'gemini',
})
const CHAT_USED = { prompt_tokens: 20, completion_tokens: 7, total_tokens: 27 }

interface Case {
  readonly name: string
  readonly api: Api
  readonly type?: string
  readonly body: string
  readonly want: Partial<Reading>
}

const CASES: readonly Case[] = [
  // --- Reports in odd numbers and places -----------------------------------------------------------------------------
  {
    name: 'message_start twice, as of a proxy that repeats it, counts once',
    api: MESSAGES,
    body: sse(
      start({ input_tokens: 20, output_tokens: 1 }),
      start({ input_tokens: 20, output_tokens: 1 }),
      said('Hi.'),
      delta({ output_tokens: 5 }),
    ),
    want: { usage: usage(20, 5) },
  },
  {
    name: 'a message_start that is spliced in behind the last report takes nothing back',
    api: MESSAGES,
    body: sse(
      start({ input_tokens: 900, cache_read_input_tokens: 80, output_tokens: 1 }),
      said('Hi.'),
      delta({ output_tokens: 500 }),
      start({ input_tokens: 5, cache_read_input_tokens: 0, output_tokens: 1 }),
    ),
    want: { usage: usage(900, 500, { cachedInput: 80 }) },
  },
  {
    name: 'two answers spliced together: each figure is the larger one',
    api: MESSAGES,
    body: sse(
      start({ input_tokens: 50, output_tokens: 1 }),
      said('One.'),
      start({ input_tokens: 70, cache_creation: { ephemeral_1h_input_tokens: 9 }, output_tokens: 1 }),
      said('Two.'),
      delta({ output_tokens: 30 }),
    ),
    want: { usage: usage(70, 30, { cacheWrite1h: 9 }) },
  },
  {
    name: 'message_delta twice: it is cumulative, so the last one counts, and neither is added',
    api: MESSAGES,
    body: sse(
      start({ input_tokens: 20, output_tokens: 1 }),
      delta({ output_tokens: 5 }),
      delta({ input_tokens: null, output_tokens: 8 }),
    ),
    want: { usage: usage(20, 8) },
  },
  {
    name: 'message_delta without usage, or with none, takes nothing back',
    api: MESSAGES,
    body: sse(start({ input_tokens: 20, output_tokens: 3 }), delta(null), { type: 'message_delta' }),
    want: { usage: usage(20, 3) },
  },
  {
    name: 'a stream that begins in its middle, without message_start, reports its output: the prompt is estimated',
    api: MESSAGES,
    body: sse(said('Hi.'), delta({ output_tokens: 5 })),
    want: { usage: usage(0, 5), guessedPrompt: true, textBytes: 3 },
  },
  {
    name: 'a message_start in the text is text',
    api: MESSAGES,
    body: sse(
      start({ input_tokens: 20, output_tokens: 1 }),
      said(sse(start({ input_tokens: 1, output_tokens: 999 }))),
      delta({ output_tokens: 5 }),
    ),
    want: { usage: usage(20, 5) },
  },
  {
    name: 'the same report twice counts once',
    api: CHAT,
    body: sse(chunk('Hi.'), report(CHAT_USED), report(CHAT_USED)),
    want: { usage: usage(20, 7) },
  },
  {
    name: 'a later report that makes no sense takes nothing back',
    api: CHAT,
    body: sse(
      chunk('Hi.'),
      report(CHAT_USED),
      report({ prompt_tokens: -1, completion_tokens: 1 }),
      report('x'),
      report([]),
    ),
    want: { usage: usage(20, 7) },
  },
  {
    name: 'usage in the middle: what was written after it is estimated on top, 8 bytes as 2 tokens',
    api: CHAT,
    body: sse(chunk('Hi.'), report(CHAT_USED), chunk('12345678')),
    want: { usage: usage(20, 9), textBytes: 11 },
  },
  {
    name: 'usage on a content chunk counts the text of that chunk, wherever in it the usage stands',
    api: CHAT,
    body: `data: {"usage":${JSON.stringify(CHAT_USED)},"choices":[{"delta":{"content":"12345678"}}]}\n\n`,
    want: { usage: usage(20, 7) },
  },
  {
    name: 'a stream of Anthropic’s that breaks off is charged its input and the text that came, 40 bytes as 10 tokens',
    api: MESSAGES,
    body:
      sse(start({ input_tokens: 20, output_tokens: 3 }), said('x'.repeat(40))) + 'data: {"type":"content_bl',
    want: { usage: usage(20, 10) },
  },
  {
    name: 'a stream of Gemini’s that breaks off before any part counted its output is charged the text that came',
    api: GENERATE,
    body: sse(part('x'.repeat(40), { promptTokenCount: 20, totalTokenCount: 20 })) + 'data: {"candid',
    want: { usage: usage(20, 10) },
  },
  {
    name: 'a stream of Gemini’s that breaks off later: what no part has counted comes on top',
    api: GENERATE,
    body: sse(
      part('x'.repeat(40), { promptTokenCount: 20, candidatesTokenCount: 6, thoughtsTokenCount: 100 }),
      part('12345678', { promptTokenCount: 20 }),
    ),
    want: { usage: usage(20, 108) },
  },

  // --- Errors --------------------------------------------------------------------------------------------------------
  {
    name: 'an error event after the report changes nothing',
    api: CHAT,
    body: sse(chunk('Hi.'), report(CHAT_USED), { error: { message: 'late', usage: { prompt_tokens: 1 } } }),
    want: { usage: usage(20, 7) },
  },
  {
    name: 'an error event instead of an answer is no report',
    api: GENERATE,
    body: sse({ error: { code: 503, status: 'UNAVAILABLE', message: 'overloaded' } }),
    want: { usage: null, textBytes: 0 },
  },
  {
    name: 'an error in a JSON array, behind what was served',
    api: GENERATE,
    type: JSON_TYPE,
    body: JSON.stringify([
      part('x'.repeat(40), { promptTokenCount: 20, candidatesTokenCount: 9 }),
      { error: { code: 500 } },
    ]),
    want: { usage: usage(20, 9) },
  },

  // --- Lines ---------------------------------------------------------------------------------------------------------
  {
    name: 'comments, retry, id, event, fields nobody knows, data without a space or a colon',
    api: CHAT,
    body:
      ': usage {"usage":{"prompt_tokens":1}}\n:\nretry: 3000\nid: 7\nevent: message\nunknown: {"usage":1}\n' +
      `datax: {"usage":{"prompt_tokens":1,"completion_tokens":1}}\ndata:${JSON.stringify(report(CHAT_USED))}\n\n` +
      'data\n\n: done\n\ndata: [DONE]\n\n',
    want: { usage: usage(20, 7), model: 'm' },
  },
  {
    name: 'an event over many lines of data',
    api: CHAT,
    body: `data: {"model":\ndata: "m",\ndata: "usage": {"prompt_tokens": 20,\ndata: "completion_tokens": 7}\ndata:}\n\n`,
    want: { usage: usage(20, 7), model: 'm' },
  },
  {
    name: 'no line end at the end',
    api: CHAT,
    body: sse(chunk('Hi.')) + `data: ${JSON.stringify(report(CHAT_USED))}`,
    want: { usage: usage(20, 7) },
  },
  {
    name: 'one line end at the end instead of two',
    api: CHAT,
    body: sse(chunk('Hi.')) + `data: ${JSON.stringify(report(CHAT_USED))}\r`,
    want: { usage: usage(20, 7) },
  },
  {
    name: 'a byte order mark in front of a stream',
    api: CHAT,
    body: `\ufeff${sse(report(CHAT_USED))}`,
    want: { usage: usage(20, 7) },
  },
  {
    name: 'a byte order mark in front of an empty line, and what looks like one later',
    api: CHAT,
    body: `\ufeff\n\n${sse(chunk('Hi.'))}\ufeffdata: {"usage":{"prompt_tokens":1,"completion_tokens":1}}\n\n${sse(report(CHAT_USED))}`,
    want: { usage: usage(20, 7) },
  },
  {
    name: 'a byte order mark in front of a JSON answer',
    api: CHAT,
    type: JSON_TYPE,
    body: `\ufeff${JSON.stringify(report(CHAT_USED))}`,
    want: { usage: usage(20, 7) },
  },

  // --- Keys ----------------------------------------------------------------------------------------------------------
  {
    name: 'keys with escapes are the keys that they spell',
    api: CHAT,
    body:
      String.raw`data: {"\u0075s\u0061ge":{"prompt_tokens":20,"completion\u005ftokens":7},"m\u006fdel":"\u006d"}` +
      '\n\n',
    want: { usage: usage(20, 7), model: 'm' },
  },
  {
    name: 'keys that almost spell it are others',
    api: CHAT,
    body:
      String.raw`data: {"us\\u0061ge":{"prompt_tokens":1,"completion_tokens":1},"usage\u0000":{"prompt_tokens":1},"Usage":{"prompt_tokens":1},"usage ":{"prompt_tokens":1}}` +
      '\n\n',
    want: { usage: null },
  },
  {
    name: 'of a key that stands twice the last one counts, as for everybody else',
    api: CHAT,
    type: JSON_TYPE,
    body: `{"usage":{"prompt_tokens":1,"completion_tokens":1},"usage":${JSON.stringify(CHAT_USED)}}`,
    want: { usage: usage(20, 7) },
  },
  {
    name: 'a key whose name is * is no array',
    api: GENERATE,
    type: JSON_TYPE,
    body: '{"*":{"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1}}}',
    want: { usage: null },
  },
  {
    name: 'usage in the arguments of a tool is nobody’s, as an object and as text (OpenAI)',
    api: CHAT,
    type: JSON_TYPE,
    body: JSON.stringify({
      choices: [
        {
          message: {
            tool_calls: [{ function: { name: 'usage', arguments: { usage: CHAT_USED } }, usage: CHAT_USED }],
          },
        },
        { message: { content: JSON.stringify({ usage: CHAT_USED }) } },
      ],
    }),
    want: { usage: null },
  },
  {
    name: 'usage in the input of a tool is nobody’s (Anthropic, whole)',
    api: MESSAGES,
    type: JSON_TYPE,
    body: JSON.stringify({
      content: [
        { type: 'tool_use', input: { usage: { input_tokens: 1 }, message: { usage: { input_tokens: 2 } } } },
      ],
      usage: { input_tokens: 20, output_tokens: 7 },
    }),
    want: { usage: usage(20, 7) },
  },
  {
    name: 'usage in the input of a tool is nobody’s (Anthropic, stream)',
    api: MESSAGES,
    body: sse(
      start({ input_tokens: 20, output_tokens: 1 }),
      {
        type: 'content_block_start',
        content_block: { input: { usage: { output_tokens: 9 } }, usage: { output_tokens: 9 } },
      },
      delta({ output_tokens: 7 }),
      { type: 'content_block_stop', index: 0, content_block: { message: { usage: { output_tokens: 9 } } } },
    ),
    want: { usage: usage(20, 7) },
  },
  {
    name: 'usage in the arguments of a call is nobody’s (Gemini)',
    api: GENERATE,
    type: JSON_TYPE,
    body: JSON.stringify([
      {
        candidates: [
          { content: { parts: [{ functionCall: { args: { usageMetadata: { promptTokenCount: 1 } } } }] } },
        ],
        usageMetadata: { promptTokenCount: 20, candidatesTokenCount: 7 },
      },
      [{ usageMetadata: { promptTokenCount: 99 } }],
    ]),
    want: { usage: usage(20, 7) },
  },

  // --- Arrays of Gemini's --------------------------------------------------------------------------------------------
  {
    name: 'a JSON array: what a later part leaves out stays, whatever chunk it comes in',
    api: GENERATE,
    type: JSON_TYPE,
    body: `[${JSON.stringify(part('a', { promptTokenCount: 20, cachedContentTokenCount: 5, thoughtsTokenCount: 3 }))}\n,\r\n${JSON.stringify(part('b', { candidatesTokenCount: 4 }))}]`,
    want: { usage: usage(15, 7, { cachedInput: 5 }), model: 'gemini', textBytes: 2 },
  },
  {
    name: 'a JSON array that breaks off in a part',
    api: GENERATE,
    type: JSON_TYPE,
    body: `[${JSON.stringify(part('a', { promptTokenCount: 20, candidatesTokenCount: 4 }))},\n{"candidates":[{"content":{"parts":[{"text":"12345678`,
    want: { usage: usage(20, 6) },
  },
  {
    name: 'a JSON array of nothing, and one with a comma too many',
    api: GENERATE,
    type: JSON_TYPE,
    body: `[]\n[${JSON.stringify(part('', { promptTokenCount: 20, candidatesTokenCount: 4 }))},]`,
    want: { usage: usage(20, 4) },
  },

  // --- Prototypes ----------------------------------------------------------------------------------------------------
  {
    name: 'a report that names prototypes is a report with odd names',
    api: MESSAGES,
    type: JSON_TYPE,
    body: '{"usage":{"__proto__":{"cache_read_input_tokens":999},"constructor":{"prototype":{"input_tokens":1}},"input_tokens":20,"output_tokens":7}}',
    want: { usage: usage(20, 7) },
  },
]

for (const { name, api, type = STREAM, body, want } of CASES) {
  void t.test(`C2, C5: ${name}`, async (t) => {
    const bytes = Buffer.from(body)
    const whole = await read(api, type, [bytes])
    t.match(whole, want)
    t.same(await read(api, type, singleBytes(bytes)), whole, 'byte by byte')
    const expected = JSON.stringify(whole)
    for (let at = 1; at < bytes.length; at += 1) {
      const reading = await read(api, type, [bytes.subarray(0, at), bytes.subarray(at)])
      if (JSON.stringify(reading) !== expected) t.same(reading, whole, `cut at ${at}`)
    }
  })
}

void t.test('half of a byte order mark is no mark: what follows it on its line is no data', async (t) => {
  const bytes = Buffer.concat([Buffer.from([0xef, 0xbb]), Buffer.from(sse(report(CHAT_USED)))])
  for (const chunks of [[bytes], singleBytes(bytes)]) t.equal((await read(CHAT, STREAM, chunks)).usage, null)
})

void t.test('no report changes what objects are made of', (t) => {
  t.equal(({} as Record<string, unknown>)['cache_read_input_tokens'], undefined)
  t.equal(({} as Record<string, unknown>)['input_tokens'], undefined)
  t.end()
})

// --- Figures that are none --------------------------------------------------------------------------------------------

const NONSENSE = [
  '-1',
  '1.5',
  '"7"',
  '1e300',
  '-1e300',
  '{}',
  '[]',
  '[7]',
  'true',
  '1000000001',
  '9'.repeat(400),
  '1e-7',
  '"NaN"',
]
const FIGURES: readonly (readonly [api: Api, path: readonly [string, string], others: string])[] = [
  [CHAT, ['usage', 'prompt_tokens'], '"completion_tokens":7'],
  [CHAT, ['usage', 'completion_tokens'], '"prompt_tokens":20'],
  [MESSAGES, ['usage', 'input_tokens'], '"output_tokens":7'],
  [MESSAGES, ['usage', 'output_tokens'], '"input_tokens":20'],
  [MESSAGES, ['usage', 'cache_read_input_tokens'], '"input_tokens":20,"output_tokens":7'],
  [MESSAGES, ['usage', 'cache_creation_input_tokens'], '"input_tokens":20,"output_tokens":7'],
  [GENERATE, ['usageMetadata', 'promptTokenCount'], '"candidatesTokenCount":7'],
  [GENERATE, ['usageMetadata', 'candidatesTokenCount'], '"promptTokenCount":20'],
  [GENERATE, ['usageMetadata', 'thoughtsTokenCount'], '"promptTokenCount":20,"candidatesTokenCount":7'],
  [GENERATE, ['usageMetadata', 'toolUsePromptTokenCount'], '"promptTokenCount":20,"candidatesTokenCount":7'],
]

for (const [api, [object, figure], others] of FIGURES) {
  void t.test(
    `C2: ${api.family.name}: a nonsensical ${figure} makes the report count as missing, and not as 0`,
    async (t) => {
      for (const value of NONSENSE) {
        const body = `{"${object}":{"${figure}":${value},${others}}}`
        t.equal((await read(api, JSON_TYPE, body)).usage, null, value.slice(0, 20))
        t.equal(
          (await read(api, STREAM, `data: ${body}\n\n`)).usage,
          null,
          `${value.slice(0, 20)}, in a stream`,
        )
      }
    },
  )
}

void t.test('C2: nonsense in a later report does not wipe out a figure that made sense', async (t) => {
  for (const value of [...NONSENSE, 'null']) {
    const messages = `${sse(start({ input_tokens: 20, cache_read_input_tokens: 3, output_tokens: 1 }))}data: {"usage":{"input_tokens":${value},"cache_read_input_tokens":${value},"output_tokens":7}}\n\n`
    t.same(
      (await read(MESSAGES, STREAM, messages)).usage,
      usage(20, 7, { cachedInput: 3 }),
      value.slice(0, 20),
    )
    const parts = `${sse(part('', { promptTokenCount: 20, candidatesTokenCount: 7 }))}data: {"usageMetadata":{"promptTokenCount":${value},"candidatesTokenCount":${value}}}\n\n`
    t.same((await read(GENERATE, STREAM, parts)).usage, usage(20, 7), value.slice(0, 20))
  }
})

void t.test(
  'C2: what a detail says beyond its whole, or against sense, never makes a count negative',
  async (t) => {
    const odd = fc.oneof(
      fc.integer({ min: -5, max: 50 }),
      fc.constantFrom(1_000_000_000, 1_000_000_001, 2 ** 53, -0, 0.5, null, 'x', true, [], {}),
    )
    const names = {
      CHAT: [
        'prompt_tokens',
        'completion_tokens',
        'total_tokens',
        'input_tokens',
        'cached_tokens',
        'prompt_cache_hit_tokens',
      ],
      MESSAGES: ['input_tokens', 'output_tokens', 'cache_read_input_tokens', 'cache_creation_input_tokens'],
      GENERATE: [
        'promptTokenCount',
        'candidatesTokenCount',
        'thoughtsTokenCount',
        'toolUsePromptTokenCount',
        'cachedContentTokenCount',
      ],
    }
    const details = {
      CHAT: ['prompt_tokens_details', 'completion_tokens_details'],
      MESSAGES: ['cache_creation', 'server_tool_use'],
      GENERATE: [],
    }
    const figures = [
      'cached_tokens',
      'audio_tokens',
      'cache_write_tokens',
      'reasoning_tokens',
      'ephemeral_5m_input_tokens',
      'ephemeral_1h_input_tokens',
      'web_search_requests',
    ]
    const modalities = fc.array(
      fc.record({ modality: fc.constantFrom('TEXT', 'AUDIO', 7), tokenCount: odd }),
      { maxLength: 3 },
    )
    for (const name of ['CHAT', 'MESSAGES', 'GENERATE'] as const) {
      const flat = Object.fromEntries(names[name].map((key) => [key, odd]))
      const nested = Object.fromEntries(
        details[name].map((key) => [
          key,
          fc.oneof(
            odd,
            fc.record(Object.fromEntries(figures.map((figure) => [figure, odd])), { requiredKeys: [] }),
          ),
        ]),
      )
      const lists =
        name === 'GENERATE'
          ? {
              promptTokensDetails: modalities,
              cacheTokensDetails: modalities,
              candidatesTokensDetails: modalities,
              toolUsePromptTokensDetails: modalities,
            }
          : {}
      const reports = fc.array(fc.record({ ...flat, ...nested, ...lists }, { requiredKeys: [] }), {
        minLength: 1,
        maxLength: 3,
      })
      await fc.assert(
        fc.asyncProperty(reports, async (list) => {
          const path = name === 'GENERATE' ? 'usageMetadata' : 'usage'
          const reading = await read(APIS[name], STREAM, sse(...list.map((used) => ({ [path]: used }))))
          for (const [kind, figure] of Object.entries(reading.usage ?? {})) {
            const isCount =
              Number.isSafeInteger(figure) && figure >= 0 && figure <= 5e9 && !Object.is(figure, -0)
            if (!isCount) throw new Error(`${kind}: ${String(figure)}`)
          }
        }),
        { numRuns: 1_000 },
      )
    }
    t.pass('each count is a whole number, and not below 0')
  },
)

// --- Size and depth ---------------------------------------------------------------------------------------------------

const MB = 1_000_000

/** So much of `piece`, in chunks as the network has them, between a beginning and an end. */
function* long(begin: string, piece: string, bytes: number, end: string): Generator<Buffer> {
  yield Buffer.from(begin)
  const chunk = Buffer.from(piece.repeat(Math.ceil(65_536 / piece.length)))
  for (let sent = 0; sent < bytes; sent += chunk.length) yield chunk
  yield Buffer.from(end)
}

const USED_END = `,"usage":${JSON.stringify(CHAT_USED)}}`
const LONG: readonly (readonly [
  name: string,
  type: string,
  begin: string,
  piece: string,
  end: string,
  want: Usage | null,
])[] = [
  [
    'text of 10 MB in one event, and the report behind it',
    STREAM,
    'data: {"choices":[{"delta":{"content":"',
    'x',
    `"}}]${USED_END}\n\n`,
    usage(20, 7),
  ],
  [
    '10 MB of escapes in one event',
    STREAM,
    'data: {"choices":[{"delta":{"content":"',
    String.raw`\"\\\n`,
    `"}}]${USED_END}\n\n`,
    usage(20, 7),
  ],
  [
    '10 MB of \\u escapes in one event',
    STREAM,
    'data: {"choices":[{"delta":{"content":"',
    String.raw`\u4e16`,
    `"}}]${USED_END}\n\n`,
    usage(20, 7),
  ],
  ['a comment of 10 MB', STREAM, ': ', '{"usage":1}', `\n\n${sse(report(CHAT_USED))}`, usage(20, 7)],
  [
    '10 MB without a line end, and then the report',
    STREAM,
    'data: ',
    'garbage ',
    `\n\n${sse(report(CHAT_USED))}`,
    usage(20, 7),
  ],
  ['a key of 10 MB', STREAM, 'data: {"', 'usage', `":1${USED_END}\n\n`, usage(20, 7)],
  [
    '10 MB of embeddings in front of the report',
    JSON_TYPE,
    '{"data":[{"embedding":[0',
    ',-0.0123456',
    `]}]${USED_END}`,
    usage(20, 7),
  ],
  ['10 MB of white space', JSON_TYPE, '{', ' \r\n\t', USED_END.slice(1), usage(20, 7)],
  [
    'a report of 10 MB is none',
    JSON_TYPE,
    '{"usage":{"prompt_tokens":20,"completion_tokens":7,"x":"',
    'x',
    '"}}',
    null,
  ],
  ['a model of 10 MB is none', JSON_TYPE, '{"model":"', 'x', `"${USED_END}`, usage(20, 7)],
]

for (const [name, type, begin, piece, end, want] of LONG) {
  void t.test(`C2: ${name}: read in bounded memory`, async (t) => {
    const memory = (): number => process.memoryUsage().heapUsed + process.memoryUsage().external
    const before = memory()
    let most = 0
    function* watched(): Generator<Buffer> {
      for (const chunk of long(begin, piece, 10 * MB, end)) {
        yield chunk
        most = Math.max(most, memory() - before)
      }
    }
    t.same((await read(CHAT, type, watched())).usage, want)
    t.ok(most < 40 * MB, `${Math.round(most / MB)} MB at the most`)
  })
}

for (const [name, open, close] of [
  ['objects', '{"a":', '}'],
  ['arrays', '[', ']'],
] as const) {
  void t.test(`C2: 10,000 levels of ${name}, outside of the report and in it`, async (t) => {
    const deep = open.repeat(10_000) + '1' + close.repeat(10_000)
    t.same((await read(CHAT, JSON_TYPE, `{"x":${deep}${USED_END}`)).usage, usage(20, 7), 'in front of it')
    t.same(
      (await read(CHAT, JSON_TYPE, `{"usage":${JSON.stringify(CHAT_USED)},"x":${deep}}`)).usage,
      usage(20, 7),
      'behind it',
    )
    for (const [api, figures] of [
      [CHAT, '"prompt_tokens":20,"completion_tokens":7'],
      [MESSAGES, '"input_tokens":20,"output_tokens":7'],
    ] as const) {
      const body = `{"usage":{"x":${deep},${figures}}}`
      t.same((await read(api, JSON_TYPE, body)).usage, usage(20, 7), `in it, ${api.family.name}`)
      t.same((await read(api, STREAM, `data: ${body}\n\ndata: ${body}\n\n`)).usage, usage(20, 7), 'twice')
    }
    t.same(
      (await read(CHAT, STREAM, `data: ${deep.slice(0, 50_000)}\n\n${sse(report(CHAT_USED))}`)).usage,
      usage(20, 7),
      'broken off',
    )
    t.same(
      (await read(CHAT, STREAM, `data: ${close.repeat(10_000)}\n\n${sse(report(CHAT_USED))}`)).usage,
      usage(20, 7),
      'closed without having been opened',
    )
  })
}

// --- Text -------------------------------------------------------------------------------------------------------------

void t.test(
  'C5: text with every escape counts its bytes as they would be in UTF-8, wherever it is cut',
  async (t) => {
    const written =
      String.raw`\"\\\/\b\f\n\r\t` + String.raw`\u0041\u00e9\u00E9\u4e16\ud83d\ude00\uD83D\uDE00` + 'é世😀'
    const value = JSON.parse(`"${written}"`) as string
    const body = Buffer.from(`data: {"choices":[{"delta":{"content":"${written}"}}]}\n\n`)
    t.equal((await read(CHAT, STREAM, [body])).textBytes, Buffer.byteLength(value))
    for (let at = 1; at < body.length; at += 1) {
      const { textBytes } = await read(CHAT, STREAM, [body.subarray(0, at), body.subarray(at)])
      if (textBytes !== Buffer.byteLength(value)) t.fail(`cut at ${at}: ${textBytes}`)
    }
  },
)

// --- Packed answers ---------------------------------------------------------------------------------------------------

const MESSAGE_STREAM = sse(
  start({ input_tokens: 20, output_tokens: 1 }),
  ...Array.from({ length: 200 }, (_, index) => said(`word ${index} `)),
  delta({ output_tokens: 700 }),
)

void t.test(
  'C5: of an answer that cannot be unpacked to its end no report is believed, and what was read is text',
  async (t) => {
    const packed = gzipSync(MESSAGE_STREAM)
    const wrongChecksum = Buffer.from(packed)
    wrongChecksum.writeUInt32LE(7, packed.length - 8)
    const reading = await read(MESSAGES, STREAM, [wrongChecksum], 'gzip')
    t.equal(reading.usage, null, 'a wrong checksum')
    t.ok(reading.textBytes > 1_000, `${reading.textBytes} bytes of text were read`)
    for (const encoding of ['compress', 'dcb', 'gzip, exi']) {
      t.match(
        await read(MESSAGES, STREAM, [packed], encoding),
        { usage: null, guessedPrompt: false, guessedOutput: 0, model: null, isError: false, textBytes: 0 },
        encoding,
      )
    }
    t.equal(
      (await read(MESSAGES, STREAM, [Buffer.from(MESSAGE_STREAM)], 'gzip')).usage,
      null,
      'not packed at all',
    )
    const bomb = gzipSync(Buffer.concat([Buffer.from(MESSAGE_STREAM), Buffer.alloc(80 * MB)]), { level: 1 })
    t.equal((await read(MESSAGES, STREAM, [bomb], 'gzip')).usage, null, 'a bomb')
  },
)

void t.test('C5: a packed answer that breaks off is charged as if it had come unpacked', async (t) => {
  const { usage: used } = await read(MESSAGES, STREAM, [gzipSync(MESSAGE_STREAM).subarray(0, 300)], 'gzip')
  t.equal(used?.input, 20)
  t.ok((used?.output ?? 0) > 1, `${used?.output ?? 0} tokens of text`)
})

// --- Anything at all --------------------------------------------------------------------------------------------------

void t.test('C2: any bytes, cut anywhere, are read the same, and nothing throws', async (t) => {
  const words = fc.constantFrom(
    'data: ',
    'data:',
    'event: x',
    ': c',
    'retry: 1',
    '\n',
    '\r',
    '\r\n',
    '\n\n',
    '\ufeff',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"',
    '\\',
    '\\u',
    '\\u0075',
    '"usage"',
    '"usage":{"prompt_tokens":2,"completion_tokens":1}',
    '"message":',
    '"usageMetadata":{"promptTokenCount":2}',
    '"input_tokens":3',
    '"output_tokens":4',
    '"model":"m"',
    '"content":"abc"',
    '"text":"d\\ne"',
    'null',
    '1',
    '-1',
    'é',
    '😀',
    'x'.repeat(70),
  )
  const garbage = fc.oneof(
    { weight: 4, arbitrary: fc.array(words, { maxLength: 60 }).map((list) => Buffer.from(list.join(''))) },
    { weight: 1, arbitrary: fc.uint8Array({ maxLength: 200 }).map((bytes) => Buffer.from(bytes)) },
  )
  await fc.assert(
    fc.asyncProperty(
      garbage,
      fc.array(fc.nat(), { maxLength: 6 }),
      fc.constantFrom(STREAM, JSON_TYPE),
      fc.constantFrom(CHAT, MESSAGES, GENERATE),
      async (bytes, cuts, type, api) => {
        const whole = JSON.stringify(await read(api, type, [bytes]))
        const parts = JSON.stringify(await read(api, type, cut(bytes, cuts)))
        if (parts !== whole) throw new Error(`${parts} is not ${whole}`)
      },
    ),
    { numRuns: 5_000 },
  )
  t.pass()
})

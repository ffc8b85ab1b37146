import t from 'tap'
import type { Usage } from '../../src/core/tariff.ts'
import { openai } from '../../src/families/openai/openai.ts'
import type { MeteredRoute, Reading } from '../../src/families/family.ts'
import { createMeter } from '../../src/call/meter.ts'

function routeOf(path: string): MeteredRoute {
  const route = openai(null).metered.find((known) => known.url === path)
  if (route === undefined) throw new Error(path)
  return route
}

async function read(path: string, contentType: string, chunks: readonly Buffer[]): Promise<Reading> {
  const meter = createMeter(openai(null), routeOf(path), contentType, 'identity')
  for (const chunk of chunks) meter.push(chunk)
  return meter.end()
}

const NOTHING_ELSE = {
  cachedInput: 0,
  cacheWrite: 0,
  cacheWrite1h: 0,
  audioInput: 0,
  audioOutput: 0,
  imageOutput: 0,
  webSearches: 0,
}
const usage = (input: number, output: number, rest: Partial<Usage> = {}): Usage => ({
  ...NOTHING_ELSE,
  input,
  output,
  ...rest,
})

const CHAT_STREAM = [
  ': a comment',
  'retry: 3000',
  'event: message',
  'data: {"id":"c","model":"gpt-4o-mini-2024-07-18","choices":[{"delta":{"role":"assistant","content":""}}],"usage":null}',
  '',
  'data: {"choices":[{"delta":{"content":"Grüße, 世界 \\ud83d\\ude00 \\"usage\\":{\\"prompt_tokens\\":9}"}}],"usage":null}',
  '',
  'data: {"choices":[{"delta":{"tool_calls":[{"function":{"arguments":"{\\"usage\\":{\\"a\\":1}}"}}]}}]}',
  '',
  'data: {"id":"c","choices":[],"usage":{"prompt_tokens":20,"completion_tokens":7,"total_tokens":27,"prompt_tokens_details":{"cached_tokens":4}}}',
  '',
  'data: [DONE]',
  '',
  '',
]
const CHAT_TEXT = 'Grüße, 世界 😀 "usage":{"prompt_tokens":9}{"usage":{"a":1}}'
const CHAT_READING: Reading = {
  usage: usage(16, 7, { cachedInput: 4 }),
  guessedPrompt: false,
  guessedOutput: 0,
  webSearches: 0,
  served: { serviceTier: null, speed: null, region: null },
  unpriced: [],
  isError: false,
  model: 'gpt-4o-mini-2024-07-18',
  textBytes: Buffer.byteLength(CHAT_TEXT),
}

for (const [name, newline] of [
  ['LF', '\n'],
  ['CRLF', '\r\n'],
  ['CR', '\r'],
] as const) {
  void t.test(
    `C2: a stream with ${name} line ends, split at every byte, reads the same as whole`,
    async (t) => {
      const whole = Buffer.from(CHAT_STREAM.join(newline))
      t.same(await read('/v1/chat/completions', 'text/event-stream', [whole]), CHAT_READING)
      for (let at = 1; at < whole.length; at += 1) {
        const halves = [whole.subarray(0, at), whole.subarray(at)]
        const reading = await read('/v1/chat/completions', 'text/event-stream; charset=utf-8', halves)
        if (JSON.stringify(reading) !== JSON.stringify(CHAT_READING))
          t.same(reading, CHAT_READING, `split at ${at}`)
      }
      const bytes = Array.from(whole, (byte) => Buffer.from([byte]))
      t.same(await read('/v1/chat/completions', 'text/event-stream', bytes), CHAT_READING, 'byte by byte')
    },
  )
}

const CASES: {
  readonly name: string
  readonly path: string
  readonly type: string
  readonly body: string
  readonly want: Partial<Reading>
}[] = [
  {
    name: 'a JSON answer with usage in front of the choices',
    path: '/v1/chat/completions',
    type: 'application/json',
    body: '{"usage": {"prompt_tokens": 3, "completion_tokens": 2}, "model": "m", "choices": [{"message": {"content": "hello"}}]}',
    want: { usage: usage(3, 2), model: 'm', textBytes: 5 },
  },
  {
    name: 'usage inside of a message is nobody’s usage',
    path: '/v1/chat/completions',
    type: 'application/json',
    body: '{"choices":[{"message":{"usage":{"prompt_tokens":1,"completion_tokens":1}}}]}',
    want: { usage: null },
  },
  {
    name: 'embeddings report input only',
    path: '/v1/embeddings',
    type: 'application/json',
    body: '{"object":"list","data":[{"embedding":[0.1,-2e-3]}],"model":"e","usage":{"prompt_tokens":8,"total_tokens":8}}',
    want: { usage: usage(8, 0), model: 'e', textBytes: 0 },
  },
  {
    name: 'responses: usage stands in the last event, and text that later events repeat counts once',
    path: '/v1/responses',
    type: 'text/event-stream',
    body:
      'event: response.created\ndata: {"type":"response.created","response":{"model":"gpt-5","usage":null}}\n\n' +
      'event: response.output_text.delta\ndata: {"type":"response.output_text.delta","delta":"four"}\n\n' +
      'event: response.output_text.done\ndata: {"type":"response.output_text.done","text":"four"}\n\n' +
      'event: response.completed\ndata: {"type":"response.completed","response":{"model":"gpt-5","output":[{"content":[{"text":"four"}]}],"usage":{"input_tokens":30,"input_tokens_details":{"cached_tokens":10},"output_tokens":9,"output_tokens_details":{"reasoning_tokens":8}}}}\n\n',
    want: { usage: usage(20, 9, { cachedInput: 10 }), model: 'gpt-5', textBytes: 4 },
  },
  {
    name: 'audio tokens stand beside the text tokens',
    path: '/v1/chat/completions',
    type: 'application/json',
    body: '{"usage":{"prompt_tokens":100,"completion_tokens":50,"prompt_tokens_details":{"audio_tokens":60,"cached_tokens":30},"completion_tokens_details":{"audio_tokens":40}}}',
    want: { usage: usage(10, 10, { cachedInput: 30, audioInput: 60, audioOutput: 40 }) },
  },
  {
    name: 'a stream that broke counts the text that came',
    path: '/v1/chat/completions',
    type: 'text/event-stream',
    body: 'data: {"choices":[{"delta":{"content":"12345"}}]}\n\ndata: {"choices":[{"delta":{"content":"678',
    want: { usage: null, textBytes: 8 },
  },
  {
    name: 'the last event needs no empty line behind it',
    path: '/v1/chat/completions',
    type: 'text/event-stream',
    body: 'data: {"choices":[],"usage":{"prompt_tokens":1,"completion_tokens":1}}',
    want: { usage: usage(1, 1) },
  },
]

for (const { name, path, type, body, want } of CASES) {
  void t.test(`C2, C5: ${name}`, async (t) => {
    const whole = Buffer.from(body)
    t.match(await read(path, type, [whole]), want)
    t.same(
      await read(
        path,
        type,
        Array.from(whole, (byte) => Buffer.from([byte])),
      ),
      await read(path, type, [whole]),
      'in single bytes',
    )
  })
}

for (const bad of ['-1', '1.5', '"7"', '1e300', '{}', 'true', '1000000001']) {
  void t.test(`a usage figure of ${bad} counts as missing, and corrupts nothing`, async (t) => {
    const body = Buffer.from(`{"usage":{"prompt_tokens":${bad},"completion_tokens":1}}`)
    t.equal((await read('/v1/chat/completions', 'application/json', [body])).usage, null)
  })
}

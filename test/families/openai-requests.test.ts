import fc from 'fast-check'
import t from 'tap'
import type { Refusal } from '../../src/errors.ts'
import type { CallShape } from '../../src/families/family.ts'
import {
  chatReader,
  completionReader,
  embeddingReader,
  responseReader,
} from '../../src/families/openai/requests.ts'
import { anyText, jsonObjects, writeJson, writingSeed, type JsonNode } from '../support/json-text.ts'
import { bodyText, inspectRequest } from '../support/requests.ts'

const ROUTES = {
  chat: chatReader(),
  completions: completionReader(),
  embeddings: embeddingReader(),
  responses: responseReader(),
} as const
type Route = keyof typeof ROUTES
const ALL = Object.keys(ROUTES) as Route[]
/** What each route must have beside its model. */
const LEAST: Readonly<Record<Route, Readonly<Record<string, unknown>>>> = {
  chat: { messages: [] },
  completions: { prompt: 'x' },
  embeddings: { input: 'x' },
  responses: { input: 'x' },
}

function inspect(route: Route, body: string | Buffer): CallShape | Refusal {
  return inspectRequest({ reader: ROUTES[route] }, body)
}

function shape(route: Route, body: string): CallShape {
  const read = inspect(route, body)
  if ('refused' in read) throw new Error(`${read.code}: ${read.message} for ${body}`)
  return read
}

/** A request with the least that the route must have, and more. */
function request(route: Route, more: Readonly<Record<string, unknown>> = {}): string {
  return JSON.stringify({ model: 'm', ...LEAST[route], ...more })
}

const shapeWith = (route: Route, more: Readonly<Record<string, unknown>>): CallShape =>
  shape(route, request(route, more))

// --- stream_options -------------------------------------------------------------------------------------------------

const ASKED = '"include_usage":true'
interface Splice {
  readonly name: string
  /** Everything behind `"stream":true` of the request … */
  readonly is: string
  /** … and what it becomes. */
  readonly becomes: string
  /** Whether the usage event is there only because we asked. */
  readonly hides: boolean
}
const SPLICES: readonly Splice[] = [
  { name: 'null', is: ',"stream_options":null', becomes: `,"stream_options":{${ASKED}}`, hides: true },
  {
    name: 'null among white space',
    is: ' ,\n"stream_options"\t:  null\r\n',
    becomes: ` ,\n"stream_options"\t:  {${ASKED}}\r\n`,
    hides: true,
  },
  {
    name: 'an empty object',
    is: ',"stream_options":{}',
    becomes: `,"stream_options":{${ASKED}}`,
    hides: true,
  },
  {
    name: 'an empty object with white space',
    is: ',"stream_options": { \n } ',
    becomes: `,"stream_options": {${ASKED} \n } `,
    hides: true,
  },
  {
    name: 'false',
    is: ',"stream_options":{"include_usage":false}',
    becomes: ',"stream_options":{"include_usage":true}',
    hides: true,
  },
  {
    name: 'false among white space',
    is: ',"stream_options":{ "include_usage"\t:\nfalse }',
    becomes: ',"stream_options":{ "include_usage"\t:\ntrue }',
    hides: true,
  },
  {
    name: 'null inside',
    is: ',"stream_options":{"include_usage":null}',
    becomes: ',"stream_options":{"include_usage":true}',
    hides: true,
  },
  {
    name: 'true',
    is: ',"stream_options":{"include_usage":true}',
    becomes: ',"stream_options":{"include_usage":true}',
    hides: false,
  },
  {
    name: 'true among white space',
    is: ',"stream_options" :\r\n{\t"include_usage" : true\n}',
    becomes: ',"stream_options" :\r\n{\t"include_usage" : true\n}',
    hides: false,
  },
  {
    name: 'another key',
    is: ',"stream_options":{"include_obfuscation":false}',
    becomes: `,"stream_options":{${ASKED},"include_obfuscation":false}`,
    hides: true,
  },
  {
    name: 'another key and white space',
    is: ',"stream_options":{ "x":1 }',
    becomes: `,"stream_options":{${ASKED}, "x":1 }`,
    hides: true,
  },
  {
    name: 'another key, and false behind it',
    is: ',"stream_options":{"x":[{}],"include_usage":false,"y":2}',
    becomes: ',"stream_options":{"x":[{}],"include_usage":true,"y":2}',
    hides: true,
  },
  {
    name: 'the key only further inside',
    is: ',"stream_options":{"x":{"include_usage":true}}',
    becomes: `,"stream_options":{${ASKED},"x":{"include_usage":true}}`,
    hides: true,
  },
  {
    name: 'text that looks like its end',
    is: ',"stream_options":{"x":"}\\"},\\\\","include_usage":false}',
    becomes: ',"stream_options":{"x":"}\\"},\\\\","include_usage":true}',
    hides: true,
  },
  {
    name: 'the inner key in escapes',
    is: ',"stream_options":{"include\\u005fusage":false}',
    becomes: ',"stream_options":{"include\\u005fusage":true}',
    hides: true,
  },
  {
    name: 'the outer key in escapes',
    is: ',"stream\\u005foptions":{}',
    becomes: `,"stream\\u005foptions":{${ASKED}}`,
    hides: true,
  },
  {
    name: 'a message that mentions it',
    is: ',"user":"\\"stream_options\\":{\\"include_usage\\":false}","stream_options":{}',
    becomes: `,"user":"\\"stream_options\\":{\\"include_usage\\":false}","stream_options":{${ASKED}}`,
    hides: true,
  },
]

for (const route of ['chat', 'completions'] as const) {
  for (const { name, is, becomes, hides } of SPLICES) {
    void t.test(
      `${route}: usage would be missing, or a byte of the body changed: stream_options of ${name}`,
      (t) => {
        const start = `{"model":"m",${JSON.stringify(LEAST[route]).slice(1, -1)},"stream":true`
        const read = shape(route, `${start}${is}}`)
        t.equal(bodyText(read), `${start}${becomes}}`)
        t.equal(read.hidesUsageEvent, hides)
        t.match(JSON.parse(bodyText(read)), { stream_options: { include_usage: true } })
        t.end()
      },
    )
  }

  for (const [name, before, behind] of [
    ['plainly', '', ''],
    ['among white space', ' \r\n\t', ' \n'],
    ['behind a byte order mark', '\ufeff', ''],
  ] as const) {
    void t.test(
      `${route}: without stream_options, a body written ${name} gets them in front of its first key, and no other byte changes`,
      (t) => {
        const rest = `\n "model" : "m", ${JSON.stringify(LEAST[route]).slice(1, -1)}, "stream" : true, "seed": 1.0e2 }`
        const read = shape(route, `${before}{${rest}${behind}`)
        t.equal(bodyText(read), `${before}{"stream_options":{${ASKED}},${rest}${behind}`)
        t.equal(read.hidesUsageEvent, true)
        t.end()
      },
    )
  }

  for (const [name, value] of [
    ['a list', '[]'],
    ['text', '"include_usage"'],
    ['a number', '1'],
    ['a switch', 'true'],
    ['an inner value that is text', '{"include_usage":"true"}'],
    ['an inner value that is a number', '{"include_usage":1}'],
    ['an inner object', '{"include_usage":{}}'],
    ['the inner key twice', '{"include_usage":true,"include_usage":false}'],
    ['the inner key twice, once in escapes', '{"include_usage":true,"include\\u005fusage":false}'],
    ['the inner key in another case', '{"Include_Usage":true}'],
    ['the inner key with a long s', '{"include_uſage":true}'],
    ['the inner key in two cases', '{"include_usage":true,"INCLUDE_USAGE":false}'],
  ] as const) {
    void t.test(
      `${route}: two readers would not agree on whether usage is reported: stream_options of ${name} are refused`,
      (t) => {
        const read = inspect(
          route,
          `{"model":"m",${JSON.stringify(LEAST[route]).slice(1, -1)},"stream":true,"stream_options":${value}}`,
        )
        t.match(read, { refused: true, code: 'invalid_request', param: /^stream_options/ })
        t.end()
      },
    )
  }

  void t.test(
    `${route}: a request that is no stream would be refused or changed for its stream_options`,
    (t) => {
      for (const stream of ['false', 'null']) {
        const body = `{"model":"m",${JSON.stringify(LEAST[route]).slice(1, -1)},"stream":${stream},"stream_options":{"include_usage":false}}`
        const read = shape(route, body)
        t.equal(bodyText(read), body)
        t.match(read, { stream: false, hidesUsageEvent: false })
      }
      t.end()
    },
  )

  void t.test(
    `${route}: the splice would touch other bytes: for any stream_options it adds what it says, and nothing else`,
    (t) => {
      const options = jsonObjects({ key: anyText.filter((key) => key.toUpperCase() !== 'INCLUDE_USAGE') })
      const given = fc.option(fc.constantFrom('true', 'false', 'null'), { nil: null })
      fc.assert(
        fc.property(
          jsonObjects(),
          options,
          given,
          fc.nat(),
          writingSeed,
          (others, inner, value, place, seed) => {
            const own: [string, JsonNode][] = Object.entries({
              ...LEAST[route],
              model: 'm',
              stream: true,
            }).map(([key, item]) => [key, { kind: 'scalar', text: JSON.stringify(item) }])
            const innerEntries = [...inner.entries]
            if (value !== null)
              innerEntries.splice(place % (innerEntries.length + 1), 0, [
                'include_usage',
                { kind: 'scalar', text: value },
              ])
            const reserved = new Set([
              ...own.map(([key]) => key),
              'stream_options',
              'n',
              'best_of',
              'tools',
              'prompt',
              'messages',
              'input',
            ])
            const entries: [string, JsonNode][] = [
              ...own,
              ...others.entries
                .filter(([key]) => !reserved.has(key.toLowerCase()))
                .map(([key, item]): [string, JsonNode] => [key, item]),
            ]
            entries.splice(place % (entries.length + 1), 0, [
              'stream_options',
              { kind: 'object', entries: innerEntries },
            ])
            const body = writeJson({ kind: 'object', entries }, seed)
            const read = inspect(route, body)
            if ('refused' in read) {
              // What poisons prototypes is none of this test's.
              if (/__proto__|constructor/.test(JSON.stringify(JSON.parse(body)))) return
              throw new Error(read.message)
            }
            const after = JSON.parse(bodyText(read)) as { stream_options: Record<string, unknown> }
            const before = JSON.parse(body) as typeof after
            if (after.stream_options['include_usage'] !== true) throw new Error(bodyText(read))
            if (value === null) delete after.stream_options['include_usage']
            else after.stream_options['include_usage'] = JSON.parse(value)
            // By sorted keys: the new one stands first.
            if (sorted(after) !== sorted(before)) throw new Error(bodyText(read))
            if (read.hidesUsageEvent !== (value !== 'true')) throw new Error('hidesUsageEvent')
            if (value === 'true' && bodyText(read) !== body) throw new Error('changed')
            const grows =
              value === null ? ASKED.length + (innerEntries.length > 0 ? 1 : 0) : value === 'false' ? -1 : 0
            if (read.body.bytes !== Buffer.byteLength(body) + grows)
              throw new Error(`${read.body.bytes} bytes`)
          },
        ),
        { numRuns: 600 },
      )
      t.end()
    },
  )
}

function sorted(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) =>
    typeof item === 'object' && item !== null && !Array.isArray(item)
      ? Object.fromEntries(Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1)))
      : item,
  )
}

for (const route of ALL) {
  void t.test(`${route}: a request would not go on byte for byte`, (t) => {
    const body = ` {"model" :"m",\t${JSON.stringify(LEAST[route]).slice(1, -1)}, "x":"\\u00e9\\/ é", "seed":12345678901234567890,"temperature":1.0}\n`
    t.equal(bodyText(shape(route, body)), body)
    t.end()
  })
}

void t.test(
  'responses and embeddings would get options that they do not know: they are never spliced',
  (t) => {
    const response = request('responses', { stream: true })
    t.equal(bodyText(shape('responses', response)), response)
    t.match(shape('responses', response), { stream: true, hidesUsageEvent: false })
    const embedding = request('embeddings', { stream: true })
    t.equal(bodyText(shape('embeddings', embedding)), embedding)
    t.match(shape('embeddings', embedding), { stream: false, generates: false, hidesUsageEvent: false })
    t.end()
  },
)

// --- counts ---------------------------------------------------------------------------------------------------------

const COUNTS: readonly (readonly [string, Route, Readonly<Record<string, unknown>>, Partial<CallShape>])[] = [
  ['nothing', 'chat', {}, { choices: 1, maxOutput: null }],
  ['n', 'chat', { n: 5 }, { choices: 5 }],
  ['n of null', 'chat', { n: null }, { choices: 1 }],
  ['max_tokens', 'chat', { max_tokens: 7 }, { maxOutput: 7, maxOutputField: 'max_tokens' }],
  [
    'max_completion_tokens',
    'chat',
    { max_completion_tokens: 9 },
    { maxOutput: 9, maxOutputField: 'max_completion_tokens' },
  ],
  ['both, the older one larger', 'chat', { max_tokens: 100, max_completion_tokens: 9 }, { maxOutput: 100 }],
  ['both, the newer one larger', 'chat', { max_tokens: 9, max_completion_tokens: 100 }, { maxOutput: 100 }],
  ['both, one null', 'chat', { max_tokens: 9, max_completion_tokens: null }, { maxOutput: 9 }],
  ['0', 'chat', { max_tokens: 0 }, { maxOutput: 0 }],
  ['a 10^9', 'chat', { max_tokens: 1_000_000_000 }, { maxOutput: 1_000_000_000 }],
  ['a whole number written 1e2', 'chat', { max_tokens: 1e2 }, { maxOutput: 100 }],
  ['the API’s own default of completions', 'completions', {}, { maxOutput: 16, choices: 1 }],
  ['max_tokens of completions', 'completions', { max_tokens: 50 }, { maxOutput: 50 }],
  ['n of completions', 'completions', { n: 3 }, { choices: 3 }],
  ['best_of, which generates more than n', 'completions', { n: 2, best_of: 5 }, { choices: 5 }],
  ['best_of below n', 'completions', { n: 5, best_of: 2 }, { choices: 5 }],
  ['a list of prompts', 'completions', { prompt: ['a', 'b', 'c'], n: 2 }, { choices: 6 }],
  ['a list of one prompt', 'completions', { prompt: ['a'] }, { choices: 1 }],
  ['an empty list', 'completions', { prompt: [] }, { choices: 1 }],
  ['a prompt in tokens', 'completions', { prompt: [1, 2, 3], n: 2 }, { choices: 2 }],
  ['a list of prompts in tokens', 'completions', { prompt: [[1, 2], [3]], best_of: 4 }, { choices: 8 }],
  ['no prompt', 'completions', { prompt: undefined }, { choices: 1 }],
  [
    'max_output_tokens',
    'responses',
    { max_output_tokens: 12 },
    { maxOutput: 12, maxOutputField: 'max_output_tokens', choices: 1 },
  ],
  ['nothing in responses', 'responses', {}, { maxOutput: null, maxOutputField: 'max_output_tokens' }],
  [
    'embeddings, which generate nothing',
    'embeddings',
    { input: ['a', 'b'] },
    { maxOutput: 0, generates: false, choices: 1 },
  ],
  ['audio asked for', 'chat', { modalities: ['text', 'audio'] }, { audioOutput: true }],
  ['text asked for', 'chat', { modalities: ['text'] }, { audioOutput: false }],
]
for (const [name, route, more, want] of COUNTS) {
  void t.test(`C4: ${route} would be held for too little: ${name}`, (t) => {
    t.match(shapeWith(route, more), { model: 'm', generates: route !== 'embeddings', ...want })
    t.end()
  })
}

for (const [route, field, least] of [
  ['chat', 'n', 1],
  ['chat', 'max_tokens', 0],
  ['chat', 'max_completion_tokens', 0],
  ['completions', 'n', 1],
  ['completions', 'best_of', 1],
  ['completions', 'max_tokens', 0],
  ['responses', 'max_output_tokens', 0],
] as const) {
  void t.test(`C4: ${route}: a ${field} that is no count would hold nothing`, (t) => {
    // Where -1 means that there is no bound, it is none (case 17).
    for (const bad of [least === 0 ? -2 : 0, -3, 1.5, '5', true, [], {}, [5], 1_000_000_001]) {
      t.match(
        inspect(route, request(route, { [field]: bad })),
        { refused: true, code: 'invalid_request', param: field },
        JSON.stringify(bad),
      )
    }
    const huge = request(route).replace('{', `{"${field}":1e400,`)
    t.match(
      inspect(route, huge),
      { refused: true, code: 'invalid_request', param: field },
      'more than a double holds',
    )
    t.end()
  })
}

// --- media ----------------------------------------------------------------------------------------------------------

const IMAGE = { estimate: 1_500, bound: 48_169 }
const BASE64 = 'A'.repeat(90_000)
const DATA_URL = `data:image/png;base64,${BASE64}`
const user = (...content: unknown[]): Record<string, unknown> => ({ messages: [{ role: 'user', content }] })
const input = (...content: unknown[]): Record<string, unknown> => ({ input: [{ role: 'user', content }] })

interface MediaCase {
  readonly name: string
  readonly route: Route
  readonly more: Readonly<Record<string, unknown>>
  /** Bytes of the request that are no text. */
  readonly mediaBytes: number
  /** Tokens that the media are taken for; null where nothing bounds them. */
  readonly tokens: number
  readonly bound: number | null
  readonly audioTokens?: number
}
const MEDIA: readonly MediaCase[] = [
  {
    name: 'an image inline',
    route: 'chat',
    more: user(
      { type: 'text', text: 'see' },
      { type: 'image_url', image_url: { url: DATA_URL, detail: 'low' } },
    ),
    mediaBytes: DATA_URL.length,
    tokens: IMAGE.estimate,
    bound: IMAGE.bound,
  },
  {
    name: 'an image inline, as text',
    route: 'chat',
    more: user({ type: 'image_url', image_url: DATA_URL }),
    mediaBytes: DATA_URL.length,
    tokens: IMAGE.estimate,
    bound: IMAGE.bound,
  },
  {
    name: 'two images inline',
    route: 'chat',
    more: user(
      { type: 'image_url', image_url: { url: DATA_URL } },
      { type: 'image_url', image_url: { url: DATA_URL } },
    ),
    mediaBytes: 2 * DATA_URL.length,
    tokens: 2 * IMAGE.estimate,
    bound: 2 * IMAGE.bound,
  },
  {
    name: 'a remote image',
    route: 'chat',
    more: user({ type: 'image_url', image_url: { url: 'https://example.com/x.png' } }),
    mediaBytes: 0,
    tokens: IMAGE.estimate,
    bound: null,
  },
  {
    name: 'an inline and a remote image',
    route: 'chat',
    more: user(
      { type: 'image_url', image_url: { url: DATA_URL } },
      { type: 'image_url', image_url: { url: 'http://x/' } },
    ),
    mediaBytes: DATA_URL.length,
    tokens: 2 * IMAGE.estimate,
    bound: null,
  },
  {
    name: 'a remote, then an inline image',
    route: 'chat',
    more: user(
      { type: 'image_url', image_url: { url: 'http://x/' } },
      { type: 'image_url', image_url: { url: DATA_URL } },
    ),
    mediaBytes: DATA_URL.length,
    tokens: 2 * IMAGE.estimate,
    bound: null,
  },
  {
    name: 'audio',
    route: 'chat',
    more: user({ type: 'input_audio', input_audio: { data: BASE64, format: 'wav' } }),
    mediaBytes: BASE64.length,
    tokens: 0,
    bound: 0,
    audioTokens: BASE64.length / 100,
  },
  {
    name: 'a file inline',
    route: 'chat',
    more: user({ type: 'file', file: { filename: 'x.pdf', file_data: DATA_URL } }),
    mediaBytes: DATA_URL.length,
    tokens: Math.ceil(DATA_URL.length / 20),
    bound: null,
  },
  {
    name: 'a stored file',
    route: 'chat',
    more: user({ type: 'file', file: { file_id: 'file-1' } }),
    mediaBytes: 0,
    tokens: IMAGE.estimate,
    bound: null,
  },
  {
    name: 'the audio of an earlier answer',
    route: 'chat',
    more: { messages: [{ role: 'assistant', audio: { id: 'audio_1' } }] },
    mediaBytes: 0,
    tokens: IMAGE.estimate,
    bound: null,
  },
  {
    name: 'an image inline',
    route: 'responses',
    more: input({ type: 'input_image', image_url: DATA_URL }),
    mediaBytes: DATA_URL.length,
    tokens: IMAGE.estimate,
    bound: IMAGE.bound,
  },
  {
    name: 'a remote image',
    route: 'responses',
    more: input({ type: 'input_image', image_url: 'https://example.com/x.png' }),
    mediaBytes: 0,
    tokens: IMAGE.estimate,
    bound: null,
  },
  {
    name: 'a stored image',
    route: 'responses',
    more: input({ type: 'input_image', file_id: 'file-1' }),
    mediaBytes: 0,
    tokens: IMAGE.estimate,
    bound: null,
  },
  {
    name: 'a file inline',
    route: 'responses',
    more: input({ type: 'input_file', filename: 'x.pdf', file_data: DATA_URL }),
    mediaBytes: DATA_URL.length,
    tokens: Math.ceil(DATA_URL.length / 20),
    bound: null,
  },
  {
    name: 'a file inline, beside a decoy',
    route: 'responses',
    more: input({ type: 'input_file', file: {}, file_data: DATA_URL }),
    mediaBytes: DATA_URL.length,
    tokens: Math.ceil(DATA_URL.length / 20),
    bound: null,
  },
  {
    name: 'a remote file',
    route: 'responses',
    more: input({ type: 'input_file', file_url: 'https://example.com/x.pdf' }),
    mediaBytes: 0,
    tokens: IMAGE.estimate,
    bound: null,
  },
  {
    name: 'a remote image in what a tool answered',
    route: 'responses',
    more: {
      input: [
        {
          type: 'function_call_output',
          call_id: 'c',
          output: [{ type: 'input_image', image_url: 'https://example.com/x.png' }],
        },
      ],
    },
    mediaBytes: 0,
    tokens: IMAGE.estimate,
    bound: null,
  },
  {
    name: 'an inline image in what a tool answered',
    route: 'responses',
    more: {
      input: [
        {
          type: 'custom_tool_call_output',
          call_id: 'c',
          output: [{ type: 'input_image', image_url: DATA_URL }],
        },
      ],
    },
    mediaBytes: DATA_URL.length,
    tokens: IMAGE.estimate,
    bound: IMAGE.bound,
  },
  {
    name: 'a screenshot',
    route: 'responses',
    more: {
      input: [
        {
          type: 'computer_call_output',
          call_id: 'c',
          output: { type: 'computer_screenshot', image_url: DATA_URL },
        },
      ],
    },
    mediaBytes: DATA_URL.length,
    tokens: IMAGE.estimate,
    bound: IMAGE.bound,
  },
]
for (const { name, route, more, mediaBytes, tokens, bound, audioTokens = 0 } of MEDIA) {
  void t.test(`C4: ${route}: ${name} would count as text, or without a bound as bounded`, (t) => {
    const body = request(route, more)
    const read = shape(route, body)
    const textBytes = body.length - mediaBytes
    t.equal(read.promptTokens, Math.ceil(textBytes / 3) + tokens, 'estimate')
    t.equal(read.audioTokens, audioTokens, 'audio')
    if (bound === null) t.equal(read.promptTokensBound, null, 'no bound')
    else
      t.ok(
        (read.promptTokensBound ?? -1) >= textBytes + bound &&
          (read.promptTokensBound ?? Infinity) <= textBytes + bound + audioTokens,
        `bound ${String(read.promptTokensBound)}`,
      )
    t.equal(bodyText(read), body)
    t.end()
  })
}

for (const [name, more] of [
  ['an earlier response', { previous_response_id: 'resp_1' }],
  ['a conversation', { conversation: 'conv_1' }],
  ['a conversation as an object', { conversation: { id: 'conv_1' } }],
  ['an item by its id', { input: [{ type: 'item_reference', id: 'msg_1' }] }],
  ['an item by nothing but its id', { input: [{ id: 'msg_1' }] }],
] as const) {
  void t.test(`C4: responses: ${name} is part of the prompt, in a size that nobody knows: no bound`, (t) => {
    t.equal(shapeWith('responses', more).promptTokensBound, null)
    t.end()
  })
}

for (const route of ['chat', 'responses'] as const) {
  void t.test(
    `${route}: nesting without end would break the call off without an answer: it is read, and has no bound`,
    (t) => {
      const deep = '['.repeat(100_000) + ']'.repeat(100_000)
      const field = route === 'chat' ? 'messages' : 'input'
      t.equal(shape(route, `{"model":"m","${field}":${deep}}`).promptTokensBound, null)
      const content = '{"content":'.repeat(100_000) + '1' + '}'.repeat(100_000)
      t.equal(shape(route, `{"model":"m","${field}":[${content}]}`).promptTokensBound, null)
      t.end()
    },
  )
}

void t.test(
  'C4: responses: a field that names stored context, but null, would be refused under strict',
  (t) => {
    const read = shapeWith('responses', { previous_response_id: null, conversation: null, prompt: null })
    t.type(read.promptTokensBound, 'number')
    t.end()
  },
)

void t.test('C4: responses: items that stand in the request itself would be taken for stored ones', (t) => {
  const items = [
    {
      id: 'msg_1',
      type: 'message',
      role: 'assistant',
      content: [{ type: 'output_text', text: 'hi', annotations: [] }],
    },
    { id: 'fc_1', type: 'function_call', call_id: 'c', name: 'f', arguments: '{}' },
    { type: 'function_call_output', call_id: 'c', output: 'text' },
    { id: 'rs_1', type: 'reasoning', summary: [] },
  ]
  const body = request('responses', { input: items })
  t.equal(shape('responses', body).promptTokensBound, body.length)
  t.end()
})

// --- options --------------------------------------------------------------------------------------------------------

const REFUSED: readonly (readonly [string, Route, Readonly<Record<string, unknown>>, string])[] = [
  ...ALL.flatMap((route) =>
    [1, true, {}].map(
      (tier) =>
        [`service_tier ${JSON.stringify(tier)}`, route, { service_tier: tier }, 'service_tier'] as const,
    ),
  ),
  ...(['chat', 'responses'] as const).flatMap((route) =>
    [
      // No report of a chat counts its searches; those of responses are held for (case 5).
      ...(route === 'chat' ? ['web_search', 'web_search_preview', 'web_search_preview_2025_03_11'] : []),
      'file_search',
      'code_interpreter',
      'image_generation',
      'mcp',
      'Function',
      '',
    ].map(
      (type) => [`the tool ${type}`, route, { tools: [{ type: 'function' }, { type }] }, 'tools'] as const,
    ),
  ),
  ['a tool without a type', 'chat', { tools: [{}] }, 'tools'],
  ['a tool that is no object', 'responses', { tools: [null] }, 'tools'],
  ['a tool whose type is no text', 'responses', { tools: [{ type: ['function'] }] }, 'tools'],
  ['web_search_options', 'chat', { web_search_options: {} }, 'web_search_options'],
  ['background', 'responses', { background: true }, 'background'],
  ['a stored prompt, which may bring tools', 'responses', { prompt: { id: 'pmpt_1' } }, 'prompt'],
  ['a model that searches', 'chat', { model: 'gpt-4o-search-preview' }, 'model'],
  ['a model that searches, by its date', 'chat', { model: 'gpt-4o-mini-search-preview-2025-03-11' }, 'model'],
  ['a newer model that searches', 'responses', { model: 'gpt-5-search-api' }, 'model'],
]
for (const route of ALL) {
  for (const tier of ['flex', 'priority', 'scale', 'Default', '']) {
    void t.test(`C7: ${route}: the tier '${tier}' needs a price of its own`, (t) => {
      const asked = [{ option: 'service_tier', kind: 'service_tier', name: tier }]
      t.same(shapeWith(route, { service_tier: tier }).asked, asked)
      t.end()
    })
  }
}

for (const [name, route, more, param] of REFUSED) {
  void t.test(`C7: ${route}: ${name} would be served below its price: refused`, (t) => {
    t.match(inspect(route, request(route, more)), { refused: true, code: 'unsupported_option', param })
    t.end()
  })
}

const TAKEN: readonly (readonly [string, Route, Readonly<Record<string, unknown>>])[] = [
  ...ALL.flatMap((route) =>
    ['auto', 'default', null].map(
      (tier) => [`service_tier ${String(tier)}`, route, { service_tier: tier }] as const,
    ),
  ),
  [
    'tools that the caller runs',
    'chat',
    { tools: [{ type: 'function', function: { name: 'f' } }, { type: 'custom' }] },
  ],
  [
    'tools that the caller runs',
    'responses',
    { tools: [{ type: 'function', name: 'web_search' }, { type: 'local_shell' }] },
  ],
  ['no tools', 'chat', { tools: null }],
  ['an empty list of tools', 'responses', { tools: [] }],
  ['a web_search_options of null', 'chat', { web_search_options: null }],
  ['a background of false', 'responses', { background: false }],
]
for (const [name, route, more] of TAKEN) {
  void t.test(`${route}: what costs nothing more would be refused: ${name}`, (t) => {
    t.equal(shapeWith(route, more).model, 'm')
    t.end()
  })
}

for (const route of ALL) {
  void t.test(
    `${route}: a model that is none, or a stream that is neither on nor off, would be priced as something`,
    (t) => {
      for (const model of [undefined, null, '', 7, {}, ['m'], 'm'.repeat(201)]) {
        t.match(inspect(route, request(route, { model })), {
          refused: true,
          code: 'invalid_request',
          param: 'model',
        })
      }
      for (const stream of ['true', 1, {}, []]) {
        t.match(inspect(route, request(route, { stream })), {
          refused: true,
          code: 'invalid_request',
          param: 'stream',
        })
      }
      t.end()
    },
  )
}

void t.test('what a route must have would be missing at the provider only', (t) => {
  for (const messages of [undefined, null, {}, 'x']) {
    t.match(inspect('chat', request('chat', { messages })), {
      refused: true,
      code: 'invalid_request',
      param: 'messages',
    })
  }
  t.match(inspect('embeddings', '{"model":"m"}'), { refused: true, code: 'invalid_request', param: 'input' })
  t.match(inspect('chat', request('chat', { tools: {} })), {
    refused: true,
    code: 'invalid_request',
    param: 'tools',
  })
  t.end()
})

// --- the bound ------------------------------------------------------------------------------------------------------

/** No tokenizer makes more tokens of a text than it has bytes in UTF-8. */
function boundHolds(route: Route, document: JsonNode, seed: number, texts: readonly string[]): void {
  const body = writeJson(document, seed)
  const read = inspect(route, body)
  if ('refused' in read) throw new Error(read.message)
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  if (read.promptTokensBound === null || read.promptTokensBound < bytes)
    throw new Error(`${String(read.promptTokensBound)} for ${bytes} bytes of text`)
  if (read.promptTokens > read.promptTokensBound) throw new Error('the estimate is above the bound')
}

const text = (value: string): JsonNode => ({ kind: 'string', value })
const list = (items: readonly JsonNode[]): JsonNode => ({ kind: 'array', items })
const object = (entries: Readonly<Record<string, JsonNode>>): JsonNode => ({
  kind: 'object',
  entries: Object.entries(entries),
})
const TEXTS = fc.array(fc.oneof(anyText, fc.constantFrom('data:image/png;base64,AAAA', 'https://x/')), {
  minLength: 1,
  maxLength: 6,
})

void t.test(
  'C4: a prompt would have more tokens than the strict bound: it is at least the UTF-8 bytes of all text, however it is written',
  (t) => {
    fc.assert(
      fc.property(TEXTS, writingSeed, (texts, seed) => {
        const model = text('m')
        const parts = texts.map((value) => object({ type: text('text'), text: text(value) }))
        const messages = texts.map((value) =>
          object({ role: text('user'), content: text(value), name: text(value) }),
        )
        boundHolds('chat', object({ model, messages: list(messages) }), seed, [...texts, ...texts])
        boundHolds(
          'chat',
          object({ model, messages: list([object({ role: text('user'), content: list(parts) })]) }),
          seed,
          texts,
        )
        boundHolds(
          'chat',
          object({
            model,
            messages: list([]),
            tools: list(
              texts.map((value) =>
                object({ type: text('function'), function: object({ description: text(value) }) }),
              ),
            ),
          }),
          seed,
          texts,
        )
        boundHolds('completions', object({ model, prompt: list(texts.map(text)) }), seed, texts)
        boundHolds('embeddings', object({ model, input: list(texts.map(text)) }), seed, texts)
        boundHolds(
          'responses',
          object({ model, instructions: text(texts.join('')), input: list(messages) }),
          seed,
          [...texts, ...texts, ...texts],
        )
      }),
      { numRuns: 500 },
    )
    t.end()
  },
)

void t.test('C4: a prompt in tokens would have more of them than the strict bound', (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.array(fc.nat({ max: 9 }), { minLength: 1, maxLength: 50 }), { minLength: 1, maxLength: 5 }),
      (prompts) => {
        const tokens = prompts.flat().length
        for (const body of [
          request('completions', { prompt: prompts }),
          request('completions', { prompt: prompts.flat() }),
          request('embeddings', { input: prompts }),
        ]) {
          const read = body.includes('"prompt"') ? shape('completions', body) : shape('embeddings', body)
          if ((read.promptTokensBound ?? 0) < tokens)
            throw new Error(`${String(read.promptTokensBound)} for ${tokens}`)
        }
      },
    ),
    { numRuns: 200 },
  )
  t.end()
})

void t.test(
  'C4: text that stands where media might would be taken off the bound: beside an image, every byte of text still counts',
  (t) => {
    fc.assert(
      fc.property(anyText, fc.nat({ max: 5_000 }), writingSeed, (value, length, seed) => {
        const image = object({
          type: text('image_url'),
          image_url: object({ url: text(`data:image/png;base64,${'A'.repeat(length)}`) }),
        })
        const document = object({
          model: text('m'),
          messages: list([
            object({
              role: text('user'),
              content: list([image, object({ type: text('text'), text: text(value) })]),
            }),
          ]),
        })
        const body = writeJson(document, seed)
        const read = shape('chat', body)
        if ((read.promptTokensBound ?? 0) < Buffer.byteLength(value) + IMAGE.bound)
          throw new Error(String(read.promptTokensBound))
      }),
      { numRuns: 300 },
    )
    t.end()
  },
)

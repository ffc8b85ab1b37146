/** What real clients send, by the cases that public bug reports tell of, with their neighbours in the other families. */
import t, { type Test } from 'tap'
import type { ErrorCode } from '../../src/errors.ts'
import { isRefusal, type Refusal } from '../../src/errors.ts'
import { anthropic } from '../../src/families/anthropic/anthropic.ts'
import type { CallShape, Family } from '../../src/families/family.ts'
import { gemini } from '../../src/families/gemini/gemini.ts'
import { openai } from '../../src/families/openai/openai.ts'
import { bodyText, inspectRequest } from '../support/requests.ts'

interface Api {
  readonly family: Family
  readonly url: string
  /** The path of the call, where it differs from the route's. */
  readonly path?: string
  /** The least that a request must have. */
  readonly least: Readonly<Record<string, unknown>>
}

const GEMINI_ROUTE = '/v1beta/models/:model(^[A-Za-z0-9._-]{1,200})::generateContent'
const openaiApi = (url: string, least: Api['least'], provider: string | null = null): Api => ({
  family: openai(provider),
  url,
  least: { model: 'm', ...least },
})
const CHAT = openaiApi('/v1/chat/completions', { messages: [] })
const RESPONSES = openaiApi('/v1/responses', { input: 'x' })
const COMPACT = openaiApi('/v1/responses/compact', { input: 'x' })
const COMPLETIONS = openaiApi('/v1/completions', { prompt: 'x' })
const EMBEDDINGS = openaiApi('/v1/embeddings', { input: 'x' })
const GROQ = openaiApi('/v1/chat/completions', { messages: [] }, 'groq')
const GROQ_RESPONSES = openaiApi('/v1/responses', { input: 'x' }, 'groq')
const OPENROUTER = openaiApi('/v1/responses', { input: 'x' }, 'openrouter')
const MESSAGES: Api = {
  family: anthropic,
  url: '/v1/messages',
  least: { model: 'm', max_tokens: 10, messages: [] },
}
const GENERATE: Api = {
  family: gemini,
  url: GEMINI_ROUTE,
  path: '/v1beta/models/m:generateContent',
  least: { contents: [] },
}
const OPENAI_ALL = { CHAT, RESPONSES, COMPACT, COMPLETIONS, EMBEDDINGS }

interface Sent {
  readonly headers?: Readonly<Record<string, string>>
  readonly query?: string
}

function inspect(api: Api, body: string, { headers = {}, query = '' }: Sent = {}): CallShape | Refusal {
  const route = api.family.metered.find(({ url }) => url === api.url)
  if (route === undefined) throw new Error(api.url)
  return inspectRequest(route, body, { headers, path: api.path ?? api.url, query })
}

const bodyOf = (api: Api, more: object): string => JSON.stringify({ ...api.least, ...more })

function passes(t: Test, api: Api, more: object, sent?: Sent): CallShape {
  const body = bodyOf(api, more)
  const shape = inspect(api, body, sent)
  if (isRefusal(shape)) throw new Error(`${shape.message} for ${body.slice(0, 200)}`)
  t.equal(bodyText(shape), body, 'not a byte of it changes')
  return shape
}

function refused(
  t: Test,
  api: Api,
  more: object,
  want: { code?: ErrorCode; param?: string; says: RegExp },
  sent?: Sent,
): void {
  const read = inspect(api, bodyOf(api, more), sent)
  t.match(read, {
    refused: true,
    code: want.code ?? 'unsupported_option',
    message: want.says,
    ...(want.param === undefined ? {} : { param: want.param }),
  })
}

/** It passes here, and these options must have a price of their own (src/call/price.ts refuses them otherwise). */
function asksFor(t: Test, api: Api, more: object, options: readonly (readonly [string, string])[]): void {
  t.same(
    passes(t, api, more).asked.map(({ option, name }) => [option, name]),
    options,
  )
}

// --- case 4 ----------------------------------------------------------------------------------------------------------

const AGENTS_BETAS =
  'claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,prompt-caching-scope-2026-01-05,mid-conversation-system-2026-04-07,advanced-tool-use-2025-11-20,cache-diagnosis-2026-04-07,structured-outputs-2025-12-15,thinking-token-count-2026-05-13,effort-2025-11-24'

for (const betas of [
  AGENTS_BETAS,
  'made-up-2099-01-01',
  'compact-2026-01-12',
  'fallback-credit-2026-06-01',
  'mcp-client-2025-11-20',
  'code-execution-2025-08-25',
]) {
  void t.test(`case 4: price-neutral betas pass: ${betas}`, (t) => {
    passes(t, MESSAGES, {}, { headers: { 'anthropic-beta': betas } })
    t.end()
  })
}

for (const [beta, advice] of [
  ['fast-mode-2026-02-01', /CLAUDE_CODE_DISABLE_FAST_MODE/],
  ['advisor-tool-2026-03-01', /CLAUDE_CODE_DISABLE_ADVISOR_TOOL/],
  ['server-side-fallback-2026-07-01', /fallbacks/],
  ['Fast-Mode-2027-01-01', /fast mode/],
] as const) {
  void t.test(`case 4: ${beta} moves money unpriced, and is refused by its name`, (t) => {
    for (const [headers, more] of [
      [{ 'anthropic-beta': beta }, {}],
      [{ 'anthropic-beta': `${AGENTS_BETAS} , ${beta}` }, {}],
      [{}, { anthropic_beta: [beta] }],
      [{}, { anthropic_beta: ['effort-2025-11-24', beta] }],
    ] as const) {
      refused(t, MESSAGES, more, { param: 'anthropic-beta', says: new RegExp(beta) }, { headers })
      refused(t, MESSAGES, more, { says: advice }, { headers })
    }
    t.end()
  })
}

void t.test('case 4: a conversation that is summarised on the way is read twice, and has no bound', (t) => {
  const content = 'x'.repeat(600_000)
  const messages = [{ role: 'user', content }]
  const edits = [{ type: 'compact_20260112' }]
  const plain = passes(t, MESSAGES, { messages })
  const compacted = passes(t, MESSAGES, { messages, context_management: { edits } })
  t.ok(compacted.promptTokens >= 2 * plain.promptTokens)
  t.equal(compacted.promptTokensBound, null)
  const early = { edits: [{ type: 'compact_20260112', trigger: { type: 'input_tokens', value: 50_000 } }] }
  const short = { messages: [{ role: 'user', content: 'x'.repeat(6_000) }], context_management: early }
  t.ok(passes(t, MESSAGES, short).promptTokens < 2_500, 'below its trigger it is read once')
  const cleared = { edits: [{ type: 'clear_tool_uses_20250919' }] }
  t.ok((passes(t, MESSAGES, { context_management: cleared }).promptTokensBound ?? 0) > 0)
  t.end()
})

// --- case 5 ----------------------------------------------------------------------------------------------------------

const FUNCTION = {
  type: 'function',
  name: 'f',
  parameters: { type: 'object', properties: { type: { type: 'string' } } },
}
const CODEX_TOOLS = [
  FUNCTION,
  { type: 'custom', name: 'apply_patch' },
  { type: 'namespace', name: 'multi_agent_v1', tools: [FUNCTION, { type: 'custom', name: 'c' }] },
]

void t.test('case 5: tools that the caller runs cost tokens only: a bounded prompt, and no searches', (t) => {
  for (const tools of [
    CODEX_TOOLS,
    [{ type: 'namespace', name: 'empty' }],
    [{ type: 'namespace', name: 'null', tools: null }],
    [{ type: 'tool_search', execution: 'client', description: 'd', parameters: {} }],
    [{ type: 'computer' }],
    [{ type: 'computer_use_preview', display_width: 1, display_height: 1, environment: 'linux' }],
    [{ type: 'shell' }],
    [{ type: 'shell', environment: null }],
    [{ type: 'shell', environment: { type: 'local', skills: [] } }],
    [{ type: 'local_shell' }],
    [{ type: 'apply_patch' }],
  ]) {
    for (const api of [RESPONSES, COMPACT]) {
      const shape = passes(t, api, { tools, max_output_tokens: 5 })
      t.match(shape, { webSearches: 0 })
      t.ok((shape.promptTokensBound ?? 0) > 0, JSON.stringify(tools))
    }
  }
  t.match(passes(t, CHAT, { tools: CODEX_TOOLS }), { webSearches: 0 })
  t.equal(
    passes(t, RESPONSES, { tools: [{ type: 'tool_search' }] }).promptTokensBound,
    null,
    'searched there',
  )
  t.end()
})

for (const type of ['web_search', 'web_search_2025_08_26', 'web_search_preview']) {
  void t.test(`case 5: ${type} is held for: its searches, what they bring, and no bound`, (t) => {
    const plain = passes(t, RESPONSES, {})
    for (const [more, searches] of [
      [{}, 2],
      [{ max_tool_calls: 7 }, 7],
      [{ max_tool_calls: 0 }, 0],
      [{ max_tool_calls: null }, 2],
    ] as const) {
      const tools = [...CODEX_TOOLS, { type, external_web_access: false }]
      const shape = passes(t, RESPONSES, { tools, ...more })
      t.match(shape, { webSearches: searches, promptTokensBound: null })
      t.ok(shape.promptTokens >= plain.promptTokens + searches * 8_000)
    }
    refused(
      t,
      RESPONSES,
      { tools: [{ type }], max_tool_calls: -1 },
      { code: 'invalid_request', says: /max_tool_calls/ },
    )
    refused(t, CHAT, { tools: [{ type }] }, { says: /web_search = "disabled"/ })
    t.end()
  })
}

void t.test('case 5: what runs at the provider unpriced is refused by its name, wherever it stands', (t) => {
  for (const [type, says] of [
    ['code_interpreter', /code_interpreter/],
    ['file_search', /file_search/],
    ['mcp', /'mcp'/],
    ['image_generation', /image_generation = false/],
    ['openrouter:web_search', /openrouter:web_search/],
    ['programmatic_tool_calling', /programmatic_tool_calling/],
  ] as const) {
    const tool = { type }
    refused(t, RESPONSES, { tools: [tool] }, { param: 'tools', says })
    refused(t, CHAT, { tools: [FUNCTION, tool] }, { param: 'tools', says })
    refused(t, RESPONSES, { tools: [{ type: 'namespace', name: 'n', tools: [FUNCTION, tool] }] }, { says })
    refused(t, RESPONSES, { input: [{ type: 'tool_search_output', tools: [tool] }] }, { says })
    refused(t, RESPONSES, { input: [{ type: 'additional_tools', tools: [FUNCTION, tool] }] }, { says })
  }
  const hidden = { type: 'namespace', name: 'n', tools: [{ type: 'web_search' }] }
  refused(t, RESPONSES, { tools: [hidden] }, { says: /web_search/ })
  for (const environment of [{ type: 'container_auto' }, { type: 'container_reference' }, {}, 'local']) {
    refused(
      t,
      RESPONSES,
      { tools: [{ type: 'shell', environment }] },
      { says: /'shell' runs at the provider/ },
    )
  }
  refused(t, OPENROUTER, { tools: [{ type: 'shell', environment: { type: 'local' } }] }, { says: /shell/ })
  const listed = [{ type: 'mcp_list_tools', server_label: 's', tools: [{ name: 'n', input_schema: {} }] }]
  passes(t, RESPONSES, { input: listed })
  const searched = [{ type: 'tool_search_output', call_id: 'c', tools: [FUNCTION, CODEX_TOOLS[2]] }]
  passes(t, RESPONSES, { input: searched })
  t.end()
})

for (const [name, tools] of [
  ['a nested type twice', '[{"type":"namespace","tools":[{"type":"code_interpreter","type":"function"}]}]'],
  ['a nested type in another case', '[{"type":"namespace","tools":[{"type":"function","Type":"mcp"}]}]'],
  ['nested tools twice', '[{"type":"namespace","tools":[{"type":"mcp"}],"tools":[{"type":"function"}]}]'],
  [
    'an environment twice',
    '[{"type":"shell","environment":{"type":"container_auto"},"environment":{"type":"local"}}]',
  ],
  ['an inner type twice', '[{"type":"shell","environment":{"type":"container_auto","type":"local"}}]'],
  ['an execution twice', '[{"type":"tool_search","execution":"server","execution":"client"}]'],
  [
    'a namespace within a namespace',
    '[{"type":"namespace","tools":[{"type":"namespace","tools":[{"type":"namespace","tools":[]}]}]}]',
  ],
] as const) {
  void t.test(`case 5: two readers would not agree on which tools there are: ${name}`, (t) => {
    t.match(inspect(RESPONSES, `{"model":"m","input":"x","tools":${tools}}`), { refused: true })
    t.match(inspect(RESPONSES, `{"model":"m","input":[{"type":"additional_tools","tools":${tools}}]}`), {
      refused: true,
    })
    t.end()
  })
}

void t.test('case 5: an item of the input with two types, or two lists of tools, is refused', (t) => {
  for (const item of [
    '{"type":"additional_tools","type":"mcp_list_tools","tools":[{"type":"mcp"}]}',
    '{"type":"additional_tools","tools":[{"type":"mcp"}],"tools":[{"type":"function"}]}',
  ])
    t.match(inspect(RESPONSES, `{"model":"m","input":[${item}]}`), { refused: true, code: 'invalid_request' })
  t.end()
})

void t.test('case 5: Anthropic: tools by kind, also where a message brings them along', (t) => {
  const message = (definition: object) => [
    { role: 'user', content: 'x' },
    { role: 'system', content: [{ type: 'tool_addition', tool: { type: 'tool_definition', definition } }] },
  ]
  for (const type of [
    'custom',
    'bash_20250124',
    'text_editor_20250728',
    'computer_20251124',
    'memory_20250818',
  ]) {
    t.ok((passes(t, MESSAGES, { tools: [{ type, name: 'n' }] }).promptTokensBound ?? 0) > 0, type)
    passes(t, MESSAGES, { messages: message({ type, name: 'n' }) })
  }
  for (const [type, says] of [
    ['code_execution_20250825', /code_execution_20250825/],
    ['advisor_20260301', /CLAUDE_CODE_DISABLE_ADVISOR_TOOL/],
    ['made_up_20990101', /made_up_20990101/],
  ] as const) {
    refused(t, MESSAGES, { tools: [{ type, name: 'n' }] }, { param: 'tools', says })
    refused(t, MESSAGES, { messages: message({ type, name: 'n' }) }, { param: 'tools', says })
  }
  const search = { type: 'web_search_20250305', name: 'web_search', max_uses: 3 }
  t.match(passes(t, MESSAGES, { tools: [search] }), { webSearches: 3 })
  t.match(passes(t, MESSAGES, { messages: message(search) }), { webSearches: 3, promptTokensBound: null })
  const byName = [
    { role: 'system', content: [{ type: 'tool_addition', tool: { type: 'tool_reference', name: 'n' } }] },
  ]
  passes(t, MESSAGES, { messages: byName })
  const twice =
    '{"model":"m","max_tokens":1,"messages":[{"role":"system","content":[{"type":"tool_addition","tool":{"type":"tool_definition","definition":{"type":"advisor_20260301"},"definition":{"name":"n"}}}]}]}'
  t.match(inspect(MESSAGES, twice), { refused: true, code: 'invalid_request' })
  t.end()
})

void t.test('case 5: Gemini: what has no price is refused with the switch of its CLI', (t) => {
  const declarations = { functionDeclarations: [{ name: 'f' }] }
  refused(t, GENERATE, { tools: [declarations, { googleSearch: {} }] }, { says: /google_web_search/ })
  refused(t, GENERATE, { tools: [{ google_search: {} }] }, { says: /google_web_search/ })
  refused(t, GENERATE, { tools: [{ googleMaps: {} }] }, { says: /googleMaps/ })
  passes(t, GENERATE, { tools: [declarations, { computerUse: { environment: 'ENVIRONMENT_BROWSER' } }] })
  t.end()
})

// --- case 7 ----------------------------------------------------------------------------------------------------------

void t.test('case 7: a compaction is a response; its trigger and its result pass, also in strict', (t) => {
  const input = [
    { role: 'user', content: 'x' },
    { type: 'compaction_trigger' },
    { type: 'compaction', id: 'cmp_1', encrypted_content: 'abc' },
    { type: 'compaction_summary', encrypted_content: 'abc' },
  ]
  for (const api of [RESPONSES, COMPACT]) {
    const shape = passes(t, api, { input, instructions: 'Be short.', max_output_tokens: 10 })
    t.match(shape, { generates: true, stream: false })
    t.ok((shape.promptTokensBound ?? 0) > 0, 'bounded')
  }
  t.match(passes(t, COMPACT, { input }).maxOutputField, /prices\.models/)
  t.equal(passes(t, COMPACT, { previous_response_id: 'resp_1' }).promptTokensBound, null)
  t.end()
})

// --- case 14 ---------------------------------------------------------------------------------------------------------

const PAID: readonly (readonly [field: string, on: readonly unknown[], off: readonly unknown[]])[] = [
  ['plugins', [[{ id: 'web', max_results: 5 }], [{ id: 'file-parser' }], 'web'], [[], null]],
  ['search_parameters', [{ mode: 'on' }, { mode: 'auto' }, {}], [{ mode: 'off' }, null]],
  ['enable_search', [true, 'true'], [false, null]],
  [
    'web_search',
    [true, { enable: true }, { enable: false, enabled: true }, {}],
    [false, { enable: false }, null],
  ],
  ['web_search_options', [{}, { search_context_size: 'low' }], [null]],
  ['enable_enhancement', [true], [false, null]],
  ['compound_custom', [{ tools: { enabled_tools: ['web_search'] } }], [null]],
  ['preset', ['my-preset'], [null]],
]
for (const [field, on, off] of PAID) {
  void t.test(
    `case 14: ${field} searches or runs something at a fee: refused by its name, unless it is off`,
    (t) => {
      for (const api of [...Object.values(OPENAI_ALL), GROQ, OPENROUTER, MESSAGES]) {
        for (const value of on) refused(t, api, { [field]: value }, { param: field, says: new RegExp(field) })
        for (const value of off) passes(t, api, { [field]: value })
      }
      t.end()
    },
  )
}

void t.test('case 14: a switch that says on and off is refused', (t) => {
  for (const paid of [
    '"search_parameters":{"mode":"on","mode":"off"}',
    '"web_search":{"enable":true,"enable":false}',
    '"enable_search":true,"enable_search":false',
    '"Plugins":[{"id":"web"}]',
  ]) {
    t.match(inspect(CHAT, `{"model":"m","messages":[],${paid}}`), { refused: true, code: 'invalid_request' })
    t.match(inspect(MESSAGES, `{"model":"m","max_tokens":1,"messages":[],${paid}}`), { refused: true })
  }
  t.end()
})

void t.test('case 14: models that search by their name are refused, also as one of several', (t) => {
  for (const model of [
    'x:online',
    'openai/gpt-5:online',
    'x:ONLINE',
    'x:online:nitro',
    'gpt-4o-search-preview',
    '@preset/mine',
    'x@preset/mine',
  ]) {
    for (const api of [CHAT, RESPONSES, COMPLETIONS, MESSAGES]) {
      refused(t, api, { model }, { param: 'model', says: /searches the web|preset/ })
      refused(t, api, { models: ['a', model] }, { param: 'models', says: /searches the web|preset/ })
    }
  }
  passes(t, CHAT, { model: 'online-model' })
  t.end()
})

// --- cases 16 and 17 -------------------------------------------------------------------------------------------------

void t.test('case 16: on_demand is Groq’s name for the standard tier, and nobody else’s', (t) => {
  for (const api of [GROQ, GROQ_RESPONSES]) {
    for (const tier of ['on_demand', 'auto', null]) asksFor(t, api, { service_tier: tier }, [])
    for (const tier of ['flex', 'performance', 'ON_DEMAND'])
      asksFor(t, api, { service_tier: tier }, [['service_tier', tier]])
  }
  for (const api of [CHAT, RESPONSES, OPENROUTER])
    asksFor(t, api, { service_tier: 'on_demand' }, [['service_tier', 'on_demand']])
  for (const tier of ['auto', 'standard_only', null]) asksFor(t, MESSAGES, { service_tier: tier }, [])
  asksFor(t, MESSAGES, { service_tier: 'priority', speed: 'fast', inference_geo: 'us' }, [
    ['service_tier', 'priority'],
    ['speed', 'fast'],
    ['inference_geo', 'us'],
  ])
  asksFor(t, GENERATE, { serviceTier: 'flex' }, [['serviceTier', 'flex']])
  t.end()
})

void t.test('case 17: a bound of -1 is none; of two fields, whichever lifts the bound wins', (t) => {
  t.equal(passes(t, CHAT, { max_tokens: -1 }).maxOutput, null)
  t.equal(passes(t, CHAT, { max_completion_tokens: -1 }).maxOutput, null)
  t.equal(passes(t, CHAT, { max_tokens: -1, max_completion_tokens: 50 }).maxOutput, null)
  t.equal(passes(t, CHAT, { max_tokens: 50, max_completion_tokens: -1 }).maxOutput, null)
  t.equal(passes(t, COMPLETIONS, { max_tokens: -1 }).maxOutput, null, 'not the default of 16')
  t.equal(passes(t, RESPONSES, { max_output_tokens: -1 }).maxOutput, null)
  t.equal(passes(t, GENERATE, { generationConfig: { maxOutputTokens: -1 } }).maxOutput, null)
  for (const bad of [-2, -1.5, '-1']) {
    refused(t, CHAT, { max_tokens: bad }, { code: 'invalid_request', says: /max_tokens/ })
    refused(t, COMPLETIONS, { max_tokens: bad }, { code: 'invalid_request', says: /max_tokens/ })
    refused(t, RESPONSES, { max_output_tokens: bad }, { code: 'invalid_request', says: /max_output_tokens/ })
  }
  refused(t, MESSAGES, { max_tokens: -1 }, { code: 'invalid_request', says: /'max_tokens' is required/ })
  refused(
    t,
    CHAT,
    { max_tokens: 5, max_completion_tokens: -2 },
    { code: 'invalid_request', says: /completion/ },
  )
  t.end()
})

// --- case 18 ---------------------------------------------------------------------------------------------------------

const DATA = 'A'.repeat(1_400_000)
const IMAGE_URL = `data:image/png;base64,${DATA}`
const inline = { inlineData: { mimeType: 'image/png', data: DATA } }
const source = { type: 'base64', media_type: 'image/png', data: DATA }
const image = { type: 'image', source }
const user = (part: unknown) => [{ role: 'user', content: [part] }]

interface Media {
  readonly name: string
  readonly api: Api
  readonly more: object
  /** Whether the largest of its kind is known. */
  readonly bounded: boolean
}
const MEDIA: readonly Media[] = [
  {
    name: 'parts of a function’s response',
    api: GENERATE,
    more: { contents: [{ parts: [{ functionResponse: { name: 'f', response: {}, parts: [inline] } }] }] },
    bounded: true,
  },
  {
    name: 'parts of a function’s response in snake_case',
    api: GENERATE,
    more: {
      contents: {
        parts: [{ function_response: { parts: [{ inline_data: { mime_type: 'image/png', data: DATA } }] } }],
      },
    },
    bounded: true,
  },
  {
    name: 'a document of blocks',
    api: MESSAGES,
    more: { messages: user({ type: 'document', source: { type: 'content', content: [image] } }) },
    bounded: true,
  },
  {
    name: 'a document of blocks in what a tool returned',
    api: MESSAGES,
    more: {
      messages: user({
        type: 'tool_result',
        content: [{ type: 'document', source: { type: 'content', content: [image] } }],
      }),
    },
    bounded: true,
  },
  {
    name: 'an image in what a fetch returned',
    api: MESSAGES,
    more: {
      messages: user({
        type: 'web_fetch_tool_result',
        content: {
          type: 'web_fetch_result',
          content: { type: 'document', source: { ...source, media_type: 'application/pdf' } },
        },
      }),
    },
    bounded: false,
  },
  {
    name: 'an image in a system message in the middle',
    api: MESSAGES,
    more: { messages: [{ role: 'system', content: [image] }] },
    bounded: true,
  },
  {
    name: 'an image that the model drew before',
    api: RESPONSES,
    more: { input: [{ type: 'image_generation_call', id: 'ig_1', result: DATA }] },
    bounded: true,
  },
  {
    name: 'an image that the model drew before',
    api: COMPACT,
    more: { input: [{ type: 'image_generation_call', id: 'ig_1', result: DATA }] },
    bounded: true,
  },
  {
    name: 'a screenshot',
    api: RESPONSES,
    more: {
      input: [
        { type: 'computer_call_output', output: { type: 'computer_screenshot', image_url: IMAGE_URL } },
      ],
    },
    bounded: true,
  },
  {
    name: 'what code has drawn',
    api: RESPONSES,
    more: {
      input: [{ type: 'code_interpreter_call', id: 'ci_1', outputs: [{ type: 'image', url: IMAGE_URL }] }],
    },
    bounded: true,
  },
  {
    name: 'images that an assistant drew (OpenRouter)',
    api: CHAT,
    more: {
      messages: [{ role: 'assistant', images: [{ type: 'image_url', image_url: { url: IMAGE_URL } }] }],
    },
    bounded: true,
  },
  {
    name: 'an image that a tool returned',
    api: CHAT,
    more: { messages: [{ role: 'tool', content: [{ type: 'image_url', image_url: { url: IMAGE_URL } }] }] },
    bounded: true,
  },
  {
    name: 'a video',
    api: CHAT,
    more: { messages: user({ type: 'video_url', video_url: { url: `data:video/mp4;base64,${DATA}` } }) },
    bounded: false,
  },
  {
    name: 'a video of frames (Qwen)',
    api: CHAT,
    more: { messages: user({ type: 'video', video: [IMAGE_URL] }) },
    bounded: true,
  },
  {
    name: 'audio by its URL (vLLM)',
    api: CHAT,
    more: { messages: user({ type: 'audio_url', audio_url: { url: `data:audio/wav;base64,${DATA}` } }) },
    bounded: true,
  },
  {
    name: 'an image to embed',
    api: EMBEDDINGS,
    more: { input: [{ content: [{ type: 'image_url', image_url: IMAGE_URL }] }] },
    bounded: true,
  },
]
for (const { name, api, more, bounded } of MEDIA) {
  void t.test(`case 18: ${api.url}: ${name} counts as media, not as text`, (t) => {
    const shape = passes(t, api, more)
    t.ok(shape.promptTokens < 150_000, `${shape.promptTokens} tokens`)
    t.ok(shape.promptTokens + shape.audioTokens > 1_000, 'and not as nothing')
    t.equal(shape.promptTokensBound === null, !bounded)
    if (bounded) t.ok((shape.promptTokensBound ?? 0) < 100_000)
    t.end()
  })
}

void t.test('case 18: what only looks like media is text', (t) => {
  for (const [api, more] of [
    [CHAT, { messages: user({ type: 'text', text: IMAGE_URL }) }],
    [RESPONSES, { input: [{ type: 'function_call_output', call_id: 'c', output: DATA, result: 'x' }] }],
    [RESPONSES, { input: [{ type: 'message', role: 'user', result: DATA }] }],
    [MESSAGES, { messages: user({ type: 'document', source: { type: 'text', data: DATA } }) }],
    [GENERATE, { contents: [{ parts: [{ functionResponse: { response: { data: DATA } } }] }] }],
  ] as const) {
    const shape = passes(t, api, more)
    t.ok(shape.promptTokens > 400_000)
    t.ok((shape.promptTokensBound ?? 0) > 1_400_000)
  }
  const stored = passes(t, RESPONSES, { input: [{ type: 'image_generation_call', id: 'ig_1' }] })
  t.equal(stored.promptTokensBound, null, 'an image that the provider has stored')
  t.end()
})

// --- cases 23, 27, 28, 35, 36 ----------------------------------------------------------------------------------------

void t.test('case 23: an upstream that refuses to be asked for usage is not asked', (t) => {
  const quiet = openai(null, { askForUsage: false })
  for (const [url, least] of [
    ['/v1/chat/completions', { model: 'm', messages: [] }],
    ['/v1/completions', { model: 'm', prompt: 'x' }],
  ] as const) {
    const shape = passes(t, { family: quiet, url, least }, { stream: true })
    t.equal(shape.hidesUsageEvent, false)
    const asked = inspect(
      { family: openai(null), url, least },
      bodyOf({ family: quiet, url, least }, { stream: true }),
    )
    t.match(asked, { hidesUsageEvent: true })
  }
  t.end()
})

void t.test('case 27: an MCP toolset passes with its servers, and has no bound', (t) => {
  const servers = [{ type: 'url', url: 'https://mcp.example', name: 'a' }]
  const toolset = { type: 'mcp_toolset', mcp_server_name: 'a', default_config: { enabled: true } }
  for (const more of [
    { mcp_servers: servers, tools: [toolset] },
    { mcp_servers: servers, tools: [{ name: 't', input_schema: {} }, toolset] },
    { mcp_servers: servers },
    { tools: [toolset] },
  ]) {
    t.equal(passes(t, MESSAGES, more).promptTokensBound, null)
  }
  t.end()
})

void t.test('case 28: fallbacks to other models are refused; OpenRouter’s are named for the hold', (t) => {
  for (const fallbacks of [[{ model: 'claude-opus-4-8' }], 'default', {}]) {
    refused(t, MESSAGES, { fallbacks }, { param: 'fallbacks', says: /fallbacks/ })
  }
  for (const fallbacks of [null, []]) passes(t, MESSAGES, { fallbacks })
  for (const api of [CHAT, RESPONSES, COMPLETIONS, OPENROUTER, MESSAGES]) {
    t.same(passes(t, api, { models: ['a', 'b'] }).alternatives, ['a', 'b'])
    t.same(passes(t, api, { models: null }).alternatives, [])
    refused(t, api, { models: 'b' }, { code: 'invalid_request', says: /models/ })
    refused(t, api, { models: [7] }, { code: 'invalid_request', says: /models/ })
    refused(t, api, { models: Array(17).fill('a') }, { code: 'invalid_request', says: /at most 16/ })
  }
  t.end()
})

void t.test('case 35: enums as numbers are accepted, since modalities are read by their numbers', (t) => {
  for (const query of [
    '?$alt=json;enum-encoding=int',
    '?%24alt=json%3Benum-encoding%3Dint',
    '?alt=json;enum-encoding=int&$prettyPrint=false',
    '?alt=sse',
  ])
    passes(t, GENERATE, {}, { query })
  for (const [query, param] of [
    ['?fields=candidates', 'fields'],
    ['?%66ields=candidates', '%66ields'],
    ['?$alt=proto', '$alt'],
    ['?$alt=json;enum-encoding=int&$fields=a', '$fields'],
    ['?$alt=json;enum-encoding=string', '$alt'],
    ['?%E0%A4%A', '%E0%A4%A'],
  ] as const)
    refused(t, GENERATE, {}, { param, says: /usage report/ }, { query })
  for (const responseModalities of [['AUDIO'], [3], [1, 3]])
    t.equal(passes(t, GENERATE, { generationConfig: { responseModalities } }).audioOutput, true)
  for (const responseModalities of [['TEXT'], [1, 2], []])
    t.equal(passes(t, GENERATE, { generationConfig: { responseModalities } }).audioOutput, false)
  const details = (audio: unknown) => [
    { modality: 1, tokenCount: 5 },
    { modality: audio, tokenCount: 7 },
  ]
  for (const audio of [4, 'AUDIO']) {
    const used = {
      promptTokenCount: 12,
      candidatesTokenCount: 12,
      promptTokensDetails: details(audio),
      candidatesTokensDetails: details(audio),
    }
    t.match(gemini.readReport(used, new Set()), {
      prompt: { input: 5, audioInput: 7 },
      output: { output: 5, audioOutput: 7 },
    })
  }
  t.end()
})

void t.test('case 36: nulls, as some serializers write them, are as not given', (t) => {
  const nulls = (names: string): Record<string, null> =>
    Object.fromEntries(names.split(' ').map((name) => [name, null]))
  passes(
    t,
    MESSAGES,
    nulls(
      'stream system tools tool_choice service_tier speed inference_geo mcp_servers container fallbacks context_management metadata thinking stop_sequences temperature cache_control models',
    ),
  )
  passes(t, MESSAGES, { tools: [{ type: null, name: 'n', cache_control: null }] })
  passes(t, MESSAGES, { tools: [{ type: 'web_search_20250305', name: 'web_search', max_uses: null }] })
  const openaiNulls = nulls(
    'stream stream_options n tools tool_choice service_tier max_tokens max_completion_tokens max_output_tokens max_tool_calls modalities background prompt_cache_key previous_response_id conversation web_search_options models plugins',
  )
  for (const api of [CHAT, RESPONSES, COMPACT, EMBEDDINGS]) passes(t, api, openaiNulls)
  passes(t, RESPONSES, { prompt: null, input: null })
  t.equal(passes(t, CHAT, { max_tokens: 9, max_completion_tokens: null }).maxOutputField, 'max_tokens')
  passes(t, GENERATE, nulls('systemInstruction generationConfig tools toolConfig cachedContent serviceTier'))
  passes(t, GENERATE, {
    tools: [
      { functionDeclarations: [{ name: 'f' }], googleSearch: null, codeExecution: null, googleMaps: null },
    ],
    generationConfig: nulls('maxOutputTokens candidateCount responseModalities'),
  })
  t.end()
})

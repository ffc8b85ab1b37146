/** Requests in the shape that coding agents gave them in November 2026, in words of our own (npm run test:agents runs the agents). */
import t from 'tap'
import { isRefusal } from '../../src/errors.ts'
import { anthropic } from '../../src/families/anthropic/anthropic.ts'
import type { Family } from '../../src/families/family.ts'
import { openai } from '../../src/families/openai/openai.ts'
import { bodyText, inspectRequest } from '../support/requests.ts'

const BETAS =
  'claude-code-20250219,interleaved-thinking-2025-05-14,context-management-2025-06-27,per-turn-control-2026-07-01,' +
  'mid-conversation-tool-changes-2026-07-01,thinking-token-count-2026-05-13,advanced-tool-use-2025-11-20,effort-2025-11-24'

/** What the family makes of a call. */
function read(family: Family, url: string, json: object, headers: Record<string, string> = {}) {
  const route = family.metered.find((known) => known.url === url)
  if (route === undefined) throw new Error(url)
  const body = Buffer.from(JSON.stringify(json))
  return { body, shape: inspectRequest(route, body, { headers, path: url }) }
}

const text = (words: string): object => ({ type: 'text', text: words })
const CLAUDE_TOOL = { name: 'Bash', description: 'Runs a command.', input_schema: { type: 'object' } }
const CLAUDE_TURN = {
  model: 'm',
  max_tokens: 128_000,
  stream: true,
  thinking: { type: 'adaptive', display: 'omitted' },
  context_management: { edits: [{ type: 'clear_thinking_20251015', keep: 'all' }] },
  output_config: { effort: 'medium' },
  metadata: { user_id: '{"device_id":"d","session_id":"s"}' },
  system: [{ ...text('Be brief.'), cache_control: { type: 'ephemeral' } }],
  tools: [CLAUDE_TOOL, { name: 'Later', input_schema: { type: 'object' }, defer_loading: true }],
  messages: [
    { role: 'user', content: [text('Make a file.')] },
    { role: 'system', output_config: { effort: 'low' }, content: [text('The folder is empty.')] },
    { role: 'assistant', content: [{ type: 'tool_use', id: 't1', name: 'Bash', input: { command: 'ls' } }] },
    {
      role: 'user',
      content: [{ type: 'tool_result', tool_use_id: 't1', content: 'a file', is_error: false }],
    },
  ],
}

void t.test('Claude Code: a turn with effort by message and deferred tools passes as it came', (t) => {
  const { body, shape } = read(anthropic, '/v1/messages', CLAUDE_TURN, { 'anthropic-beta': BETAS })
  if (isRefusal(shape)) throw new Error(shape.message)
  t.equal(bodyText(shape), body.toString())
  t.equal(shape.webSearches, 0)
  t.ok((shape.promptTokensBound ?? 0) > 0, 'and is bounded')
  t.end()
})

const fn = (name: string): object => ({
  type: 'function',
  name,
  strict: false,
  parameters: { type: 'object' },
})
const space = (name: string, tools: object[]): object => ({ type: 'namespace', name, description: '', tools })
const CODEX_TOOLS = [
  space('functions', [{ type: 'custom', name: 'exec', description: 'Runs a program.' }, fn('wait')]),
  space('collaboration', [fn('spawn_agent'), fn('wait_agent')]),
]
const codexTurn = (tools: object[], more: object[] = []): object => ({
  model: 'm',
  stream: true,
  store: false,
  tool_choice: 'auto',
  parallel_tool_calls: false,
  include: ['reasoning.encrypted_content'],
  reasoning: { effort: 'low', context: 'all_turns' },
  text: { verbosity: 'low' },
  prompt_cache_key: 'k',
  client_metadata: { turn: 'one' },
  input: [
    { type: 'additional_tools', id: 'at_1', role: 'developer', tools },
    { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'Make a file.' }] },
    {
      type: 'agent_message',
      author: 'main',
      recipient: 'main/helper',
      content: [{ type: 'encrypted_content', encrypted_content: 'bm90aGluZw==' }],
    },
    { type: 'custom_tool_call', call_id: 'c1', namespace: 'functions', name: 'exec', input: 'text(1)' },
    { type: 'custom_tool_call_output', call_id: 'c1', output: [{ type: 'input_text', text: '1' }] },
    ...more,
  ],
})

for (const [title, more] of [
  ['a turn', []],
  ['a compaction', [{ type: 'compaction_trigger' }]],
  ['a turn after it', [{ type: 'compaction', encrypted_content: 'bm90aGluZw==' }]],
] as const) {
  void t.test(`Codex: ${title}, with its tools inside of the input, passes as it came`, (t) => {
    const { body, shape } = read(openai(null), '/v1/responses', codexTurn(CODEX_TOOLS, [...more]))
    if (isRefusal(shape)) throw new Error(shape.message)
    t.equal(bodyText(shape), body.toString())
    t.equal(shape.webSearches, 0)
    t.end()
  })
}

void t.test('Codex: a paid tool among those inside of the input is refused by its name', (t) => {
  const tools = [...CODEX_TOOLS, space('more', [{ type: 'image_generation' }])]
  const { shape } = read(openai(null), '/v1/responses', codexTurn(tools))
  t.match(shape, { code: 'unsupported_option', message: /image_generation = false/ })
  t.end()
})

/** The agents: how each is told where the gateway is, as docs/agents.md says it, and how it is run without a terminal. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Turn } from './conversation.ts'
import { TASK, type Tools } from './script.ts'

/** What an agent is given to start with. */
export interface Place {
  /** The gateway as the agent sees it, without a prefix. */
  readonly gateway: string
  readonly key: string
  /** Its home, of its own. */
  readonly home: string
}

/** One run of the program. */
export interface Scene {
  readonly title: string
  readonly args: readonly string[]
  /** Whether it prints the answer. */
  readonly answers: boolean
  /** Its last answer, or its call of a tool, is reported as one that nearly fills the model's context. */
  readonly fillsContext?: Turn['kind']
  /** Run only where nothing but the gateway can be reached. */
  readonly onlyIsolated?: boolean
  /** More of its environment. */
  readonly environment?: Readonly<Record<string, string>>
  /** Whether the conversation is summarised in it. */
  readonly compacts?: boolean
}

export interface Agent {
  readonly name: string
  /** The package, and the program in it. */
  readonly package: string
  readonly command: string
  /** Where its calls go. */
  readonly family: 'anthropic' | 'openai' | 'gemini'
  readonly tools: Tools
  /** The models that it asks, by default where nothing else is said. */
  readonly models: readonly string[]
  readonly environment: (place: Place) => Readonly<Record<string, string>>
  /** Writes its settings into its home. */
  readonly configure?: (place: Place) => void
  readonly scenes: readonly Scene[]
  /** Whether it tries a WebSocket before it falls back. */
  readonly triesWebSocket?: boolean
}

const PROMPT = `${TASK}: make the file.`
const AGAIN = `${TASK}: make it once more.`

const CLAUDE_TOOLS = ['--allowedTools', 'Bash', 'Agent']
const CLAUDE: Agent = {
  name: 'Claude Code',
  package: '@anthropic-ai/claude-code',
  command: 'claude',
  family: 'anthropic',
  models: ['claude-opus-5-5', 'claude-haiku-4-5-20251001'],
  tools: {
    shell: ['Bash', (command) => ({ command, description: 'Make a file' })],
    agent: [
      'Agent',
      (prompt) => ({ prompt, description: 'Make another file', subagent_type: 'general-purpose' }),
    ],
  },
  environment: ({ gateway, key }) => ({
    ANTHROPIC_BASE_URL: `${gateway}/anthropic`,
    ANTHROPIC_AUTH_TOKEN: key,
    CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '1',
  }),
  scenes: [
    { title: 'first task', args: ['-p', PROMPT, ...CLAUDE_TOOLS], answers: true },
    {
      title: 'without switches',
      args: ['-p', 'A question beside it.', ...CLAUDE_TOOLS],
      answers: false,
      onlyIsolated: true,
      environment: {
        CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC: '',
        CLAUDE_CODE_ENABLE_GATEWAY_MODEL_DISCOVERY: '1',
        HTTP_PROXY: '',
        HTTPS_PROXY: '',
      },
    },
    { title: '/context', args: ['-p', '/context', '--continue'], answers: false },
    { title: '/compact', args: ['-p', '/compact', '--continue'], answers: false, compacts: true },
    { title: 'second task', args: ['-p', AGAIN, '--continue', ...CLAUDE_TOOLS], answers: true },
  ],
}

const CODEX_EXEC = ['exec', '--skip-git-repo-check', '--dangerously-bypass-approvals-and-sandbox']
const CODEX_SCENES: readonly Scene[] = [
  { title: 'first task', args: [...CODEX_EXEC, PROMPT], answers: true, fillsContext: 'text' },
  { title: 'second task', args: [...CODEX_EXEC, 'resume', '--last', AGAIN], answers: true, compacts: true },
]
/** Tokens from which on a conversation is summarised: less than a full context is reported as, more than other calls. */
export const COMPACT_FROM = 100_000

function writeCodexConfig({ home }: Place, lines: readonly string[], tables: readonly string[]): void {
  mkdirSync(join(home, '.codex'), { recursive: true })
  const all = [
    ...lines,
    `model_auto_compact_token_limit = ${COMPACT_FROM}`,
    'check_for_update_on_startup = false',
    ...tables,
    '[analytics]',
    'enabled = false',
  ]
  writeFileSync(join(home, '.codex/config.toml'), `${all.join('\n')}\n`)
}

/** A name is taken for as long as its conversation goes on. */
let helpers = 0

/** With OpenAI's own provider, at another address: as it is installed. */
const CODEX: Agent = {
  name: 'Codex',
  package: '@openai/codex',
  command: 'codex',
  family: 'openai',
  models: ['gpt-6.2-sol'],
  tools: {
    // The model writes a program that calls the tools; what the program shows is the result.
    shell: [
      'functions.exec',
      (command) => `text((await tools.exec_command({ cmd: ${JSON.stringify(command)} })).output)`,
    ],
    agent: [
      'collaboration.spawn_agent',
      (message) => ({ task_name: `helper_${(helpers += 1)}`, message, fork_turns: 'none' }),
    ],
    wait: ['collaboration.wait_agent', () => ({ timeout_ms: 10_000 })],
  },
  environment: ({ key }) => ({ CODEX_API_KEY: key }),
  configure: (place) => writeCodexConfig(place, [`openai_base_url = "${place.gateway}/openai/v1"`], []),
  scenes: CODEX_SCENES,
  triesWebSocket: true,
}

/** With a provider of its own in the configuration, and a model that gets other tools: functions, and the web search. */
const CODEX_PROVIDER: Agent = {
  ...CODEX,
  name: 'Codex, own provider',
  models: ['gpt-5.4'],
  tools: { shell: ['exec_command', (command) => ({ cmd: command })] },
  environment: ({ key }) => ({ TOLLGATE_KEY: key }),
  configure: (place) =>
    writeCodexConfig(
      place,
      ['model = "gpt-5.4"', 'model_provider = "tollgate"'],
      [
        '[model_providers.tollgate]',
        'name = "Tollgate"',
        `base_url = "${place.gateway}/openai/v1"`,
        'env_key = "TOLLGATE_KEY"',
        'wire_api = "responses"',
        'stream_max_retries = 0',
      ],
    ),
  triesWebSocket: false,
}

const GEMINI: Agent = {
  name: 'Gemini CLI',
  package: '@google/gemini-cli',
  command: 'gemini',
  family: 'gemini',
  models: ['gemini-3.8-flash', 'gemini-3.5-flash-lite', 'gemini-3-flash-preview'],
  tools: { shell: ['run_shell_command', (command) => ({ command, description: 'Make a file' })] },
  environment: ({ gateway, key }) => ({
    GOOGLE_GEMINI_BASE_URL: `${gateway}/gemini`,
    GEMINI_API_KEY: key,
    GEMINI_CLI_TRUST_WORKSPACE: 'true',
  }),
  configure: ({ home }) => {
    mkdirSync(join(home, '.gemini'), { recursive: true })
    const settings = {
      general: { enableAutoUpdate: false, enableAutoUpdateNotification: false },
      privacy: { usageStatisticsEnabled: false },
      security: { auth: { selectedType: 'gemini-api-key' } },
      // Of a context of a million tokens.
      model: { compressionThreshold: COMPACT_FROM / 1_048_576 },
    }
    writeFileSync(join(home, '.gemini/settings.json'), JSON.stringify(settings))
  },
  scenes: [
    { title: 'first task', args: ['--yolo', '-p', PROMPT], answers: true },
    {
      title: 'second task',
      args: ['--yolo', '--resume', 'latest', '-p', AGAIN],
      answers: true,
      fillsContext: 'tool',
      compacts: true,
    },
  ],
}

export const AGENTS: readonly Agent[] = [CLAUDE, CODEX, CODEX_PROVIDER, GEMINI]

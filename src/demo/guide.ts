/** The text that the demo prints after its start. */
import { relative } from 'node:path'
import { DEFAULT_LIMIT, ORG } from './setup.ts'

export interface GuideFacts {
  readonly dataUrl: string
  readonly adminUrl: string
  readonly provider: { readonly url: string; readonly isSimulated: boolean }
  readonly model: string
  readonly userKey: string
  readonly adminKey: string
  readonly dataDir: string
  readonly tokenFile: string
  readonly logFile: string
  /** Settings that make Gemini CLI use a key. */
  readonly geminiSettingsFile: string
  /** Ports that were busy, so that the demo uses others. */
  readonly busyPorts: readonly number[]
}

const bar = '\\'

/** The text; every command in it works as pasted. */
export function guide(facts: GuideFacts, isColoured: boolean): string {
  const bold = (text: string) => (isColoured ? `\u001b[1m${text}\u001b[22m` : text)
  const sections = [
    opening(facts, bold),
    ...tryIt(facts, bold),
    `${bold('Stop')} with Ctrl-C. Everything is kept in ${shown(facts.dataDir)}/; delete that folder to begin again.`,
  ]
  return `\n${sections.join('\n\n')}\n\n`
}

function opening(facts: GuideFacts, bold: (text: string) => string): string {
  const { provider, busyPorts } = facts
  const at = shown(facts.dataDir)
  const lines = [
    bold('Tollgate is running.'),
    '',
    `  page          ${facts.adminUrl}   (sign in with grace's key)`,
    `  data plane    ${facts.dataUrl}   (SDKs: base URL ${facts.dataUrl}/openai/v1)`,
    `  admin plane   ${facts.adminUrl}   (API: /openapi.json, metrics: /metrics)`,
    `  provider      ${provider.url}   ${provider.isSimulated ? '(simulated: no AI, no cost; set OPENAI_API_KEY for the real one)' : '(real: calls cost money)'}`,
    `  mail          written to ${at}/mail (no mail server is configured)`,
    `  store         an embedded Redis in ${at}/redis`,
    `  log           ${shown(facts.logFile)}`,
    '',
    `  org ${ORG}, users ada (member) and grace (admin); every user may use ${DEFAULT_LIMIT} credits a month`,
    `  ada's key       ${facts.userKey}`,
    `  grace's key     ${facts.adminKey}   (scope admin: for the page and the admin API)`,
    `  operator token  in ${shown(facts.tokenFile)}`,
  ]
  if (busyPorts.length > 0) {
    lines.push(
      '',
      `  (${busyPorts.length === 1 ? 'Port' : 'Ports'} ${busyPorts.join(' and ')} busy: took the next free.)`,
    )
  }
  return lines.join('\n')
}

function tryIt(facts: GuideFacts, bold: (text: string) => string): string[] {
  const { dataUrl, adminUrl, model, userKey, provider } = facts
  const chat = `${dataUrl}/openai/v1/chat/completions`
  const asAda = `-H 'authorization: Bearer ${userKey}'`
  const asOperator = `-H "authorization: Bearer $(cat '${facts.tokenFile}')"`
  const json = `-H 'content-type: application/json'`
  const body = (extra: string) =>
    `-d '{"model":"${model}",${extra}"messages":[{"role":"user","content":"Say hello."}]}'`
  const custom = (limit: number) =>
    command(
      `curl -s -X PUT ${adminUrl}/v1/orgs/${ORG}/user-limits/custom/ada`,
      asOperator,
      json,
      `-d '{"user":"ada","limit":${limit}}'`,
    )
  const loop = [
    'for n in 1 2 3 4 5 6 7 8; do',
    `  curl -s -o /dev/null -w '%{http_code}${bar}n' ${chat} ${bar}`,
    `    ${asAda} ${json} ${bar}`,
    `    ${body('')}`,
    'done',
  ].join('\n')
  return [
    `${bold('1. Make a call.')}\n\n${command(`curl -N ${chat}`, asAda, json, body('"stream":true,'))}`,
    `${bold('2. See where ada stands.')}\n\n${command(`curl -s ${dataUrl}/tollgate/v1/me`, asAda)}`,
    provider.isSimulated
      ? `${bold('3. Reach the limit:')} the last of these are answered 402. On the way alerts fire: what ada and grace are told is\n   in ${shown(facts.dataDir)}/mail, as files that a mail program opens. Call 1 now shows the explanation.\n\n${loop}`
      : `${bold('3. See a 402:')} set ada's limit to 0, then make call 1 again. What grace is told is in ${shown(facts.dataDir)}/mail.\n\n${custom(0)}`,
    `${bold('4. Raise the limit')}, here as the operator; it holds for the very next call.\n\n${custom(50)}`,
    ...(provider.isSimulated ? [agents(facts, bold)] : []),
    `${bold(`${provider.isSimulated ? 6 : 5}. Look at the page:`)} ${adminUrl} shows the limits, the alerts that fired, who used what, and who was told.`,
  ]
}

/** The installed coding agents: for each, the settings for the gateway's address and ada's key. */
function agents(
  { dataUrl, userKey, geminiSettingsFile }: GuideFacts,
  bold: (text: string) => string,
): string {
  const title = `${bold('5. Point a coding agent at it:')} Claude Code, Codex or Gemini CLI prints what the simulated provider says, and ada pays.`
  const commands = [
    command(
      `ANTHROPIC_BASE_URL=${dataUrl}/anthropic ANTHROPIC_AUTH_TOKEN=${userKey}`,
      `claude --model demo-agent -p 'Say hello.'`,
    ),
    command(
      `CODEX_API_KEY=${userKey} codex exec --skip-git-repo-check`,
      `-c openai_base_url=${dataUrl}/openai/v1 -m demo-agent 'Say hello.'`,
    ),
    command(
      `GOOGLE_GEMINI_BASE_URL=${dataUrl}/gemini GEMINI_API_KEY=${userKey}`,
      `GEMINI_CLI_SYSTEM_SETTINGS_PATH='${geminiSettingsFile}'`,
      `gemini --skip-trust -m demo-agent -p 'Say hello.'`,
    ),
  ]
  return [title, ...commands].join('\n\n')
}

function command(...parts: string[]): string {
  return parts.map((part, index) => (index === 0 ? part : `  ${part}`)).join(` ${bar}\n`)
}

/** A path for display: relative if that is shorter. */
function shown(path: string): string {
  const short = relative(process.cwd(), path)
  return short !== '' && !short.startsWith('..') ? short : path
}

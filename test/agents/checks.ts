/** What has to hold of an agent's runs. */
import type { Agent, Scene } from './agents.ts'
import { costOf, type Asked } from './conversation.ts'
import type { Served } from './providers.ts'
import { helpersFile, type Words } from './script.ts'
import type { Exchange } from './wire.ts'

export interface Run {
  readonly scenes: readonly {
    readonly scene: Scene
    readonly exit: string
    readonly output: string
    readonly errors: string
    readonly ms: number
    readonly served: readonly Served[]
    /** The files that were made, by their name. */
    readonly files: Readonly<Record<string, string>>
  }[]
  readonly served: readonly Served[]
  readonly exchanges: readonly Exchange[]
  /** What stands in the ledger. */
  readonly chargedMicrocredits: number
  /** What it prints, and asks, when its user has reached the limit. */
  readonly atLimit: { readonly text: string; readonly exchanges: readonly Exchange[] }
  /** Hosts that it tried to reach beside the gateway. */
  readonly outside: readonly string[]
}

export interface Check {
  readonly what: string
  readonly isGood: boolean
  /** What was seen, where it is worth showing. */
  readonly seen: string
}

const check = (what: string, isGood: boolean, seen = ''): Check => ({ what, isGood, seen })

export function checksOf(agent: Agent, run: Run, words: Words): Check[] {
  return [
    ...run.scenes.flatMap((part) => sceneChecks(agent, part, words)),
    routeCheck(agent, run),
    ...(agent.triesWebSocket === true ? [webSocketCheck(run)] : []),
    modelCheck(agent, run),
    chargeCheck(run),
    limitCheck(run),
  ]
}

function sceneChecks(agent: Agent, part: Run['scenes'][number], words: Words): Check[] {
  const { scene, exit, output, errors, served, files, ms } = part
  const name = scene.title
  const seen =
    exit === '0'
      ? `${(ms / 1_000).toFixed(1)} s`
      : `exit ${exit}: ${`${output}\n${errors}`.trim().slice(-800)}`
  const checks = [check(`${name}: it ends well`, exit === '0', seen)]
  const asked = served.flatMap((each) => each.asked ?? [])
  if (scene.answers) {
    const isTold = asked.some(({ entries }) =>
      entries.some((each) => each.isResult && each.text.includes(words.answer)),
    )
    checks.push(
      check(`${name}: it prints the answer`, output.includes(words.answer)),
      check(`${name}: it runs the command`, words.file in files),
      check(`${name}: the provider gets the result`, isTold),
    )
    if (agent.tools.agent !== undefined)
      checks.push(check(`${name}: the sub-agent runs its command`, helpersFile(words) in files))
  }
  if (scene.compacts === true)
    checks.push(check(`${name}: the conversation is compacted`, asked.some(isCompaction)))
  return checks
}

/** A summary is asked for by an item of its own, or by a prompt about the whole conversation. */
function isCompaction({ isCompaction: isAsked, entries }: Asked): boolean {
  return isAsked || entries.slice(-2).some(({ text }) => /summar|snapshot|compact/i.test(text))
}

/**
 * Two answers are no refusals: 426, after which Codex goes on without a WebSocket, and that to a HEAD, which Claude Code sends
 * without a key to open a connection early. It reads no answer, and one that differs by prefix would tell strangers of upstreams.
 */
function routeCheck({ triesWebSocket }: Agent, { exchanges }: Run): Check {
  const isExpected = ({ method, isWebSocket, status }: Exchange): boolean =>
    (method === 'HEAD' && status !== null) || (isWebSocket && triesWebSocket === true && status === 426)
  const refused = exchanges.filter((each) => (each.status ?? 999) >= 400 && !isExpected(each))
  const seen = refused.map(({ method, path, status }) => `${method} ${path} ${String(status)}`).join(', ')
  return check('no request is refused', exchanges.length > 0 && refused.length === 0, seen)
}

function webSocketCheck({ exchanges }: Run): Check {
  const tries = exchanges.filter(({ isWebSocket }) => isWebSocket)
  // Where it is told at once, a session tries once: its next request is the call itself.
  const isRepeated = exchanges.some((each, at) => each.isWebSocket && exchanges[at + 1]?.isWebSocket === true)
  const isGood = tries.length > 0 && tries.every(({ status }) => status === 426) && !isRepeated
  return check('a WebSocket is answered 426, and not tried again', isGood, `${tries.length} sessions`)
}

function modelCheck(agent: Agent, { served }: Run): Check {
  const models = new Set(served.flatMap(({ asked }) => asked?.model ?? []))
  const isGood = [...models].every((model) => agent.models.includes(model))
  return check('its models are those that have a price here', isGood, [...models].join(', '))
}

function chargeCheck({ served, chargedMicrocredits }: Run): Check {
  const calls = served.flatMap(({ tokens }) => tokens ?? [])
  const reported = calls.reduce((sum, tokens) => sum + costOf(tokens), 0)
  const seen = `${calls.length} calls, reported ${credits(reported)}, charged ${credits(chargedMicrocredits)}`
  return check(
    'the charge is what the provider reported',
    calls.length > 0 && reported === chargedMicrocredits,
    seen,
  )
}

/** The gateway's explanation is what the user reads. Some agents make the call a few times before they show it. */
function limitCheck({ atLimit: { text, exchanges } }: Run): Check {
  const calls = exchanges.filter(({ status, method }) => method === 'POST' && status !== 426)
  const isGood = calls.length > 0 && calls.every(({ status }) => status === 402) && /credit limit/i.test(text)
  const statuses = calls.map(({ status }) => String(status)).join(' ')
  return check(
    'at the limit it shows why',
    isGood,
    isGood ? `${calls.length} × 402` : `${statuses}: ${text.slice(-800)}`,
  )
}

export const credits = (microcredits: number): string => `${(microcredits / 1e6).toFixed(6)} credits`

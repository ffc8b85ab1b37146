/** What the simulated models do: run a command, hand work to a sub-agent where the agent has one, and then answer. */
import type { Asked, ToolInput, Turn } from './conversation.ts'

/** Stands in the prompt of a sub-agent, and tells its conversation from that of the agent. */
export const SUBTASK = 'Errand of the helper'
/** Stands in what the user asks, and tells it from the side calls of an agent, such as one for a title. */
export const TASK = 'Main errand'

/** A tool: its name as the agent lists it, and its input. */
type Tool = readonly [name: string, input: (text: string) => ToolInput]

export interface Tools {
  /** Runs a command. */
  readonly shell: Tool
  /** Starts a sub-agent with a prompt. */
  readonly agent?: Tool
  /** Waits for the sub-agent, where that is a tool of its own. */
  readonly wait?: Tool
}

export interface Words {
  /** What every answer ends in; the test looks for it in what an agent prints. */
  readonly answer: string
  /** The file that the agent is to make; that of its helper has `helper-` in front. */
  readonly file: string
}

export const helpersFile = ({ file }: Words): string => `helper-${file}`

const say = (text: string): Turn => ({ kind: 'text', text })

/** What a router of models is told, which asks for JSON: nothing is hard. */
const ROUTED = JSON.stringify({ complexity_reasoning: 'It is simulated.', complexity_score: 1 })

/** The next turn of a conversation. */
export function nextTurn(asked: Asked, tools: Tools, words: Words): Turn {
  const { shell, agent, wait } = tools
  const call = ([name, inputOf]: Tool, text: string): Turn => ({ kind: 'tool', name, input: inputOf(text) })
  const isThere = (tool: Tool | undefined): tool is Tool =>
    tool !== undefined && asked.tools.includes(tool[0])
  const make = (file: string): Turn => call(shell, `echo ${words.answer} > ${file} && cat ${file}`)
  if (asked.isJson) return say(ROUTED)
  if (asked.isCompaction || !isThere(shell)) return say('A side answer.')
  const ofUser = stepsSince(TASK, asked)
  if (ofUser !== null) {
    const steps = [make(words.file)]
    if (isThere(agent)) steps.push(call(agent, `${SUBTASK}: make the file ${helpersFile(words)}.`))
    if (isThere(agent) && isThere(wait)) steps.push(call(wait, ''))
    return steps[ofUser] ?? say(`All is done. The word is ${words.answer}.`)
  }
  if (stepsSince(SUBTASK, asked) === 0) return make(helpersFile(words))
  return say(`It is done. The word is ${words.answer}.`)
}

/** How many tools have answered since these words were written; null where they were not. */
function stepsSince(words: string, { entries }: Asked): number | null {
  const at = entries.findLastIndex(({ isResult, text }) => !isResult && text.includes(words))
  return at < 0 ? null : entries.slice(at).filter(({ isResult }) => isResult).length
}

/** Whether the model is asked for the user's task, and not for that of a helper or for anything beside it. */
export function isOfUser(asked: Asked): boolean {
  return asked.tools.length > 0 && !asked.isCompaction && stepsSince(TASK, asked) !== null
}

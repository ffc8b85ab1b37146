/**
 * Requests in the shape in which coding agents send them: tools with schemas, then messages that alternate between
 * texts, tool calls and tool results, with code, escapes and non-ASCII text. Seeded: the same size is the same body.
 */
import { randomOf } from '../test/support/random.ts'

const WORDS =
  'the function returns early when a list is empty, so that callers need no check of their own; größer, naïve, 変更, файл, and 🙂 appear where people write'.split(
    ' ',
  )
const CODE = [
  'export function total(items: readonly Item[]): number {',
  "  const path = join(root, 'src', `${name}.ts`)",
  '\treturn items.reduce((sum, { price }) => sum + price, 0)',
  '  if (line.includes("\\t") || line === "") continue',
  '}',
  '',
]
const TOOLS = 30
const FIRST_RESULT_BYTES = 2_000

type Random = () => number
const pick = <T>(random: Random, from: readonly T[]): T => {
  const found = from[Math.floor(random() * from.length)]
  if (found === undefined) throw new Error('nothing to pick from')
  return found
}

function prose(random: Random, words: number): string {
  return Array.from({ length: words }, () => pick(random, WORDS)).join(' ')
}

function code(random: Random, bytes: number): string {
  let text = ''
  while (text.length < bytes) text += `${pick(random, CODE)}\n`
  return text
}

function tool(random: Random, index: number): object {
  const properties = Object.fromEntries(
    Array.from({ length: 3 + Math.floor(random() * 5) }, (_, at) => [
      `argument_${at}`,
      { type: pick(random, ['string', 'number', 'boolean']), description: prose(random, 12) },
    ]),
  )
  const parameters = { type: 'object', properties, required: ['argument_0'], additionalProperties: false }
  return {
    type: 'function',
    function: { name: `tool_${index}`, description: prose(random, 60), parameters },
  }
}

function turn(random: Random, index: number, resultBytes: number, image: string | null): object[] {
  const id = `call_${index.toString(36).padStart(12, '0')}`
  const call = {
    name: `tool_${index % TOOLS}`,
    arguments: JSON.stringify({ argument_0: prose(random, 8), argument_1: index }),
  }
  const shown = image === null ? [] : [{ type: 'image_url', image_url: { url: image } }]
  return [
    {
      role: 'user',
      content: [{ type: 'text', text: prose(random, 40) }, ...shown],
    },
    {
      role: 'assistant',
      content: prose(random, 30),
      tool_calls: [{ id, type: 'function', function: call }],
    },
    { role: 'tool', tool_call_id: id, content: code(random, resultBytes * (0.2 + 1.6 * random())) },
  ]
}

/** A chat completion of about `bytes`; with `images`, three quarters of it are screenshots in base64, 1 MB each. */
export function agentPrompt(bytes: number, { images = false } = {}): Buffer {
  const random = randomOf(bytes)
  const tools = bytes < 20_000 ? 1 : bytes < 100_000 ? 10 : TOOLS
  const frame: { messages: object[] } & Record<string, unknown> = {
    model: 'bench-model',
    max_tokens: 200,
    tools: Array.from({ length: tools }, (_, index) => tool(random, index)),
    messages: [{ role: 'system', content: prose(random, Math.min(1_000, bytes / 40)) }],
  }
  const image = images ? `data:image/png;base64,${base64(random, 1_000_000)}` : null
  let size = Buffer.byteLength(JSON.stringify(frame))
  for (let index = 0; size < bytes; index += 1) {
    const left = Math.max(0, bytes - size - 800)
    const isShot = image !== null && index % 16 === 0 && left > image.length
    const messages = turn(random, index, Math.min(FIRST_RESULT_BYTES, left / 2), isShot ? image : null)
    frame.messages.push(...messages)
    size += Buffer.byteLength(JSON.stringify(messages))
  }
  return Buffer.from(JSON.stringify(frame))
}

function base64(random: Random, bytes: number): string {
  return Buffer.from(Uint8Array.from({ length: (bytes * 3) / 4 }, () => random() * 256)).toString('base64')
}

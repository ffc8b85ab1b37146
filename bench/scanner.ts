/**
 * What metering by the scanner costs, compared with `JSON.parse` of the same bytes in the same run.
 *
 *     npx tsx bench/scanner.ts [seconds a group]
 *
 * `JSON.parse` gets only the necessary input: the text of the bytes, or the data of each event of a stream.
 */
import { JsonFields } from '../src/json/fields.ts'
import { planFields } from '../src/json/names.ts'
import { anthropic } from '../src/families/anthropic/anthropic.ts'
import type { Family, MeteredRoute } from '../src/families/family.ts'
import { openai } from '../src/families/openai/openai.ts'
import { createMeter } from '../src/call/meter.ts'
import { pathsOf, steadyPathsOf } from '../src/call/answer.ts'

const SECONDS = Number(process.argv[2] ?? 5)
const NETWORK_CHUNK = 16_384
const EVENTS = 2_000

interface Measurement {
  readonly name: string
  readonly bytes: number
  /** The number of events in `bytes`; 0 for a single document. */
  readonly events: number
  readonly ways: Readonly<Record<string, () => number | Promise<number>>>
}

interface Timed {
  readonly way: string
  readonly run: () => number | Promise<number>
  readonly found: number
  /** The time of the fastest run, because other load on the machine only adds to it. */
  micros: number
}

/** Runs the variants in turns. Every run must find the same number of fields as the one before, and at least one. */
async function time({ name, ways }: Measurement): Promise<Timed[]> {
  const timed: Timed[] = []
  for (const [way, run] of Object.entries(ways)) {
    const found = await run()
    if (found === 0) throw new Error(`${name}, ${way}: found nothing, so nothing was measured`)
    timed.push({ way, run, found, micros: Infinity })
  }
  const end = performance.now() + SECONDS * 1_000
  for (let rounds = 0; performance.now() < end || rounds < 5; rounds += 1) {
    for (const each of timed) {
      const start = performance.now()
      const found = await each.run()
      each.micros = Math.min(each.micros, (performance.now() - start) * 1_000)
      if (found !== each.found) throw new Error(`${name}, ${each.way}: found ${found}, not ${each.found}`)
    }
  }
  return timed
}

function chunksOf(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = []
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
  return chunks
}

function scan(chunks: readonly Buffer[]): number {
  const fields = new JsonFields(planFields({ paths: ['usage', 'model'], textKeys: ['content'] }))
  for (const chunk of chunks) fields.push(chunk, 0, chunk.length)
  return fields.textBytes + fields.captured.size
}

function document(name: string, text: string): Measurement {
  const answer = {
    model: 'gpt-4o',
    choices: [{ message: { role: 'assistant', content: text } }],
    usage: { prompt_tokens: 3, completion_tokens: 9 },
  }
  const bytes = Buffer.from(JSON.stringify(answer))
  const chunks = chunksOf(bytes, NETWORK_CHUNK)
  return {
    name,
    bytes: bytes.length,
    events: 0,
    ways: {
      'JSON.parse': () => (JSON.parse(bytes.toString('utf8')) as typeof answer).usage.prompt_tokens,
      'JsonFields, whole': () => scan([bytes]),
      'JsonFields, 16 KiB chunks': () => scan(chunks),
    },
  }
}

function stream(name: string, family: Family, path: string, events: readonly object[]): Measurement {
  const route = family.metered.find(({ url }) => url === path) as MeteredRoute
  const each = events.map((event) => Buffer.from(`data: ${JSON.stringify(event)}\n\n`))
  const textKeys = route.textKeys.stream
  const bytes = Buffer.concat(each)
  const chunks = chunksOf(bytes, NETWORK_CHUNK)
  const meter = async (pieces: readonly Buffer[]): Promise<number> => {
    const reading = createMeter(family, route, 'text/event-stream', 'identity')
    for (const piece of pieces) reading.push(piece)
    const { usage, textBytes } = await reading.end()
    return usage === null ? 0 : usage.output + textBytes
  }
  return {
    name,
    bytes: bytes.length,
    events: events.length,
    ways: {
      'JSON.parse': () => {
        let found = 0
        for (const chunk of each) {
          const data = JSON.parse(chunk.toString('utf8', 6, chunk.length - 2)) as { usage?: unknown }
          if (data.usage !== undefined && data.usage !== null) found += 1
        }
        return found
      },
      'JsonFields, an event a chunk': () => {
        const fields = new JsonFields(
          planFields({
            paths: pathsOf(family.answerFields),
            textKeys,
            signKeys: family.mediaKeys,
            steadyPaths: steadyPathsOf(family.answerFields),
          }),
        )
        let found = 0
        for (const chunk of each) {
          fields.push(chunk, 6, chunk.length - 2)
          found += fields.captured.size
          fields.reset()
        }
        return found + fields.textBytes
      },
      'meter, an event a chunk': () => meter(each),
      'meter, 16 KiB chunks': () => meter(chunks),
    },
  }
}

const id = 'chatcmpl-0123456789abcdefghijklmnopq'
const chunkEvent = (index: number): object => ({
  id,
  object: 'chat.completion.chunk',
  created: 1_760_000_000,
  model: 'gpt-4o-mini-2024-07-18',
  service_tier: 'default',
  system_fingerprint: 'fp_0123456789',
  choices: [{ index: 0, delta: { content: ` word${index % 10}` }, logprobs: null, finish_reason: null }],
  usage: null,
})
const chatStream = [
  ...Array.from({ length: EVENTS - 1 }, (_, index) => chunkEvent(index)),
  {
    id,
    model: 'gpt-4o-mini-2024-07-18',
    choices: [],
    usage: { prompt_tokens: 9, completion_tokens: EVENTS },
  },
]
const messageStream = [
  { type: 'message_start', message: { model: 'claude', usage: { input_tokens: 9, output_tokens: 1 } } },
  ...Array.from({ length: EVENTS - 2 }, (_, index) => ({
    type: 'content_block_delta',
    index: 0,
    delta: { type: 'text_delta', text: ` word${index % 10}` },
  })),
  { type: 'message_delta', delta: { stop_reason: 'end_turn' }, usage: { output_tokens: EVENTS } },
]

const MB = 1_000_000
const measurements = [
  document('a string of 10 MB', 'x'.repeat(10 * MB)),
  document(
    '10 MB of prose with line ends and quotes',
    'He said "no" and went.\nThen the rain came down on the roofs. '.repeat(160_000),
  ),
  document(
    '10 MB of JSON in a string',
    JSON.stringify({ path: 'a/b.ts', lines: [1, 2], text: 'x = 1' }).repeat(200_000),
  ),
  document('10 MB of Chinese', '你好，世界。'.repeat(555_555)),
  stream('OpenAI chunks', openai(null), '/v1/chat/completions', chatStream),
  stream('Anthropic deltas', anthropic, '/v1/messages', messageStream),
]

for (const measurement of measurements) {
  const { name, bytes, events } = measurement
  const size = events === 0 ? `${(bytes / MB).toFixed(1)} MB` : `${Math.round(bytes / events)} bytes an event`
  console.log(`${name} (${size})`)
  const timed = await time(measurement)
  for (const { way, micros } of timed) {
    const speed = `${Math.round(bytes / micros)
      .toString()
      .padStart(7)} MB/s`
    const perEvent = events === 0 ? '' : `${(micros / events).toFixed(3).padStart(8)} µs an event`
    const times = ((timed[0]?.micros ?? 0) / micros).toFixed(2)
    console.log(`  ${way.padEnd(28)}${speed}${perEvent}   ${times} × JSON.parse`)
  }
}

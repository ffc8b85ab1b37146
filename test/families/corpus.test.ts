/** What each answer of the corpus is charged as, however it is cut, ended and packed; with a second opinion. */
import { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib'
import { extractUsage, findProvider, type Usage as TheirUsage } from '@pydantic/genai-prices'
import t from 'tap'
import type { Usage } from '../../src/core/tariff.ts'
import { anthropic } from '../../src/families/anthropic/anthropic.ts'
import type { Family, MeteredRoute, Reading } from '../../src/families/family.ts'
import { gemini } from '../../src/families/gemini/gemini.ts'
import { openai } from '../../src/families/openai/openai.ts'
import { createMeter } from '../../src/call/meter.ts'
import { ANTHROPIC } from '../corpus/anthropic.ts'
import { isStream, render, type CorpusAnswer } from '../corpus/answer.ts'
import { COMPATIBLE } from '../corpus/compatible.ts'
import { GEMINI } from '../corpus/gemini.ts'
import { OPENAI_CHAT } from '../corpus/openai-chat.ts'
import { OPENAI_OTHERS } from '../corpus/openai-others.ts'
import { OPENAI_RESPONSES } from '../corpus/openai-responses.ts'
import { store, zstd } from '../support/zstd.ts'

const CORPUS: readonly CorpusAnswer[] = [
  ...OPENAI_CHAT,
  ...OPENAI_RESPONSES,
  ...OPENAI_OTHERS,
  ...COMPATIBLE,
  ...ANTHROPIC,
  ...GEMINI,
]

function familyOf({ family, provider }: CorpusAnswer): Family {
  switch (family) {
    case 'openai':
      return openai(provider)
    case 'anthropic':
      return anthropic
    case 'gemini':
      return gemini
  }
}

function routeOf(family: Family, path: string): MeteredRoute {
  const route = family.metered.find(({ url }) => url === path)
  if (route === undefined) throw new Error(`no route ${path}`)
  return route
}

/** Reads what an answer that comes in these chunks is charged by. */
function reader(
  answer: CorpusAnswer,
): (chunks: readonly Buffer[], encoding?: string) => Promise<Partial<Reading>> {
  const family = familyOf(answer)
  const route = routeOf(family, answer.path)
  const contentType = isStream(answer.body)
    ? 'text/event-stream; charset=utf-8'
    : 'application/json; charset=UTF-8'
  return async (chunks, encoding = 'identity') => {
    const meter = createMeter(family, route, contentType, encoding)
    for (const chunk of chunks) meter.push(chunk)
    const { usage, guessedPrompt, guessedOutput, model, unpriced, textBytes } = await meter.end()
    return { usage, guessedPrompt, guessedOutput, model, unpriced, textBytes }
  }
}

const singleBytes = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]))

const CODINGS: readonly (readonly [coding: string, pack: (bytes: Buffer) => Buffer])[] = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['br', brotliCompressSync],
  ['zstd', zstd],
  ['zstd', (bytes) => store(bytes, 100)],
  ['gzip, br', (bytes) => brotliCompressSync(gzipSync(bytes))],
]

void t.test('these tests would prove nothing: the corpus is there, and no name stands in it twice', (t) => {
  t.ok(CORPUS.length > 70, `${CORPUS.length} answers`)
  t.equal(new Set(CORPUS.map(({ name }) => name)).size, CORPUS.length)
  for (const list of [OPENAI_CHAT, OPENAI_RESPONSES, OPENAI_OTHERS, COMPATIBLE, ANTHROPIC, GEMINI]) {
    t.ok(list.some(({ usage }) => usage !== null))
  }
  t.end()
})

for (const answer of CORPUS) {
  void t.test(`C2: ${answer.name}`, async (t) => {
    const read = reader(answer)
    const { usage, model, text } = answer
    const want: Partial<Reading> = {
      usage,
      guessedPrompt: false,
      guessedOutput: answer.guessedOutput ?? 0,
      model,
      unpriced: [],
      textBytes: Buffer.byteLength(text),
    }
    const whole = render(answer.body)

    t.same(await read([whole]), want, 'whole')
    t.same(await read(singleBytes(whole)), want, 'byte by byte')
    const wanted = JSON.stringify(await read([whole]))
    for (let at = 1; at < whole.length; at += 1) {
      const reading = await read([whole.subarray(0, at), whole.subarray(at)])
      if (JSON.stringify(reading) !== wanted) t.same(reading, want, `cut at ${at}`)
    }
    for (const newline of ['\r\n', '\r']) {
      const ended = render(answer.body, newline)
      t.same(await read([ended]), want, `lines end in ${JSON.stringify(newline)}`)
      t.same(await read(singleBytes(ended)), want, 'byte by byte')
    }
    for (const [coding, pack] of CODINGS) {
      const packed = pack(whole)
      t.same(await read([packed], coding), want, coding)
      t.same(await read(singleBytes(packed), coding), want, `${coding}, byte by byte`)
    }
  })
}

/** Our counts as they name and nest them; what is 0 they may leave out. */
function asTheirs(usage: Usage): Readonly<Record<string, number>> {
  const { input, cachedInput, cacheWrite, cacheWrite1h, audioInput, output, webSearches } = usage
  const { audioOutput, imageOutput } = usage
  return {
    input_tokens: input + cachedInput + cacheWrite + cacheWrite1h + audioInput,
    cache_read_tokens: cachedInput,
    cache_write_tokens: cacheWrite + cacheWrite1h,
    cache_write_1h_tokens: cacheWrite1h,
    input_audio_tokens: audioInput,
    output_tokens: output + audioOutput + imageOutput,
    output_audio_tokens: audioOutput,
    web_searches: webSearches,
  }
}

for (const answer of CORPUS) {
  const { name, opinion, usage } = answer
  if (typeof opinion === 'string') continue
  void t.test(`C2: @pydantic/genai-prices reads the same, or differs as written: ${name}`, (t) => {
    const provider = findProvider({ providerId: opinion.provider })
    if (provider === undefined || usage === null) throw new Error(`nobody to ask: ${opinion.provider}`)
    const theirs: TheirUsage = extractUsage(provider, opinion.of, opinion.flavor).usage
    for (const [field, ours] of Object.entries(asTheirs(usage))) {
      const difference = opinion.differs?.[field]
      if (difference === undefined) {
        t.equal(theirs[field] ?? 0, ours, field)
      } else {
        t.equal(theirs[field], difference.theirs, `${field}: ${difference.why}`)
        t.not(theirs[field] ?? 0, ours, `${field} does differ`)
      }
    }
    t.end()
  })
}

void t.test('C2: where a provider tells the total, our counts add up to it', (t) => {
  for (const { name, opinion, usage, provider } of CORPUS) {
    if (typeof opinion === 'string' || usage === null) continue
    const { usage: report, usageMetadata } = opinion.of as {
      usage?: { total_tokens?: number; citation_tokens?: number; reasoning_tokens?: number }
      usageMetadata?: { totalTokenCount?: number }
    }
    const total = report?.total_tokens ?? usageMetadata?.totalTokenCount
    if (total === undefined) continue
    // Perplexity's total leaves out what it bills on top.
    const beside =
      provider === 'perplexity' ? (report?.citation_tokens ?? 0) + (report?.reasoning_tokens ?? 0) : 0
    const { webSearches, ...tokens } = usage
    t.equal(
      Object.values(tokens).reduce((sum, count) => sum + count, 0),
      total + beside,
      `${name}, ${webSearches} searches`,
    )
  }
  t.end()
})

/** Google's Gemini API. */
import {
  BlockedReason,
  FinishReason,
  MediaModality,
  TrafficType,
  type Candidate,
  type GenerateContentResponse,
  type GenerateContentResponsePromptFeedback,
  type GenerateContentResponseUsageMetadata,
  type Part,
} from '@google/genai'
import { events, json, usage, type CorpusAnswer, type Opinion } from './answer.ts'

const MODEL = 'gemini-2.5-flash'
/** On the wire there are no classes, which the SDK makes of some objects. */
type Plain<T> = { [Name in keyof T]: T[Name] }
type UsageMetadata = Plain<GenerateContentResponseUsageMetadata>
type WireResponse = Pick<GenerateContentResponse, 'candidates' | 'modelVersion' | 'responseId'> & {
  readonly usageMetadata?: UsageMetadata
  readonly promptFeedback?: Plain<GenerateContentResponsePromptFeedback>
}

function response(
  parts: Part[],
  usageMetadata: UsageMetadata,
  rest: Partial<Candidate> = { finishReason: FinishReason.STOP },
): WireResponse {
  return {
    candidates: [{ content: { parts, role: 'model' }, index: 0, ...rest }],
    usageMetadata,
    modelVersion: MODEL,
    responseId: 'corpus-1',
  }
}

function opinion(usageMetadata: UsageMetadata): Opinion {
  return { provider: 'google', flavor: 'default', of: { modelVersion: MODEL, usageMetadata } }
}

const { TEXT, AUDIO, IMAGE } = MediaModality

const PLAIN: UsageMetadata = {
  promptTokenCount: 8,
  candidatesTokenCount: 21,
  totalTokenCount: 29,
  promptTokensDetails: [{ modality: TEXT, tokenCount: 8 }],
}
const THOUGHTS: UsageMetadata = {
  ...PLAIN,
  thoughtsTokenCount: 1_031,
  totalTokenCount: 1_060,
}
const TOOLS: UsageMetadata = {
  promptTokenCount: 30,
  candidatesTokenCount: 110,
  toolUsePromptTokenCount: 5_121,
  thoughtsTokenCount: 84,
  totalTokenCount: 5_345,
  promptTokensDetails: [{ modality: TEXT, tokenCount: 30 }],
  toolUsePromptTokensDetails: [{ modality: TEXT, tokenCount: 5_121 }],
}
const CACHED: UsageMetadata = {
  promptTokenCount: 38_010,
  cachedContentTokenCount: 37_000,
  candidatesTokenCount: 50,
  totalTokenCount: 38_060,
  promptTokensDetails: [{ modality: TEXT, tokenCount: 38_010 }],
  cacheTokensDetails: [{ modality: TEXT, tokenCount: 37_000 }],
  trafficType: TrafficType.ON_DEMAND,
}
const HEARD: UsageMetadata = {
  promptTokenCount: 1_200,
  candidatesTokenCount: 40,
  totalTokenCount: 1_240,
  promptTokensDetails: [
    { modality: TEXT, tokenCount: 42 },
    { modality: AUDIO, tokenCount: 900 },
    { modality: IMAGE, tokenCount: 258 },
  ],
}
const HEARD_CACHED: UsageMetadata = {
  ...HEARD,
  cachedContentTokenCount: 820,
  cacheTokensDetails: [
    { modality: AUDIO, tokenCount: 800 },
    { modality: TEXT, tokenCount: 20 },
  ],
}
const SPOKEN: UsageMetadata = {
  promptTokenCount: 12,
  candidatesTokenCount: 163,
  totalTokenCount: 175,
  promptTokensDetails: [{ modality: TEXT, tokenCount: 12 }],
  candidatesTokensDetails: [{ modality: AUDIO, tokenCount: 163 }],
}
const BLOCKED: UsageMetadata = { promptTokenCount: 16, totalTokenCount: 16 }

/** The parts of a stream tell what is known so far: the output only at the end. */
const FIRST: UsageMetadata = { promptTokenCount: 8, totalTokenCount: 8 }
const SECOND: UsageMetadata = {
  promptTokenCount: 8,
  thoughtsTokenCount: 1_031,
  totalTokenCount: 1_039,
}
const STREAM: readonly WireResponse[] = [
  response([{ text: '**Thinking**', thought: true }], FIRST, {}),
  response([{ text: 'Grüße, ' }], SECOND, {}),
  response([{ text: '世界 "usageMetadata"' }], THOUGHTS),
]
const STREAM_TEXT = '**Thinking**Grüße, 世界 "usageMetadata"'

const whole = {
  family: 'gemini',
  provider: null,
  path: '/v1beta/models/:model(^[A-Za-z0-9._-]{1,200})::generateContent',
  model: MODEL,
} as const
const stream = {
  ...whole,
  path: '/v1beta/models/:model(^[A-Za-z0-9._-]{1,200})::streamGenerateContent',
} as const

const AUDIO_FROM_CACHE = {
  cache_read_tokens: {
    theirs: 820,
    why: 'audio that was read from a cache counts as audio, the dearer of the two',
  },
}

export const GEMINI: readonly CorpusAnswer[] = [
  {
    ...whole,
    name: 'generateContent, printed over many lines',
    body: json(response([{ text: 'Hi "there"\n世界' }], PLAIN), 2),
    usage: usage({ input: 8, output: 21 }),
    text: 'Hi "there"\n世界',
    opinion: opinion(PLAIN),
  },
  {
    ...whole,
    name: 'generateContent: thoughts outside of the candidates',
    body: json(response([{ text: 'Hm.', thought: true }, { text: 'Yes.' }], THOUGHTS), 2),
    usage: usage({ input: 8, output: 1_052 }),
    text: 'Hm.Yes.',
    opinion: opinion(THOUGHTS),
  },
  {
    ...whole,
    name: 'generateContent: what tools brought in stands outside of the prompt; a call whose arguments look like a report',
    body: json(
      response(
        [
          {
            functionCall: {
              name: 'f',
              args: { usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 1 } },
            },
          },
          { executableCode: { code: 'print(1)' } },
          { text: 'It rains.' },
        ],
        TOOLS,
      ),
    ),
    usage: usage({ input: 5_151, output: 194 }),
    text: 'It rains.',
    opinion: opinion(TOOLS),
  },
  {
    ...whole,
    name: 'generateContent: the prompt includes cached content',
    body: json(response([{ text: 'Yes.' }], CACHED)),
    usage: usage({ input: 1_010, cachedInput: 37_000, output: 50 }),
    text: 'Yes.',
    opinion: opinion(CACHED),
  },
  {
    ...whole,
    name: 'generateContent: audio and an image in the prompt',
    body: json(response([{ text: 'A bell.' }], HEARD)),
    usage: usage({ input: 300, audioInput: 900, output: 40 }),
    text: 'A bell.',
    opinion: opinion(HEARD),
  },
  {
    ...whole,
    name: 'generateContent: audio, most of it from a cache',
    body: json(response([{ text: 'A bell.' }], HEARD_CACHED)),
    usage: usage({ input: 280, cachedInput: 20, audioInput: 900, output: 40 }),
    text: 'A bell.',
    opinion: { ...opinion(HEARD_CACHED), differs: AUDIO_FROM_CACHE },
  },
  {
    ...whole,
    name: 'generateContent: audio in the answer',
    body: json(
      response([{ inlineData: { mimeType: 'audio/L16;codec=pcm;rate=24000', data: 'AAD//w==' } }], SPOKEN),
    ),
    usage: usage({ input: 12, audioOutput: 163 }),
    text: '',
    opinion: opinion(SPOKEN),
  },
  {
    ...whole,
    name: 'generateContent: a prompt that was blocked',
    body: json({
      promptFeedback: { blockReason: BlockedReason.SAFETY },
      usageMetadata: BLOCKED,
      modelVersion: MODEL,
    } satisfies WireResponse),
    usage: usage({ input: 16 }),
    text: '',
    opinion: opinion(BLOCKED),
  },
  {
    ...whole,
    name: 'generateContent: nothing but thoughts, since they took all that was allowed',
    body: json(response([], SECOND, { finishReason: FinishReason.MAX_TOKENS })),
    usage: usage({ input: 8, output: 1_031 }),
    text: '',
    opinion: opinion(SECOND),
  },
  {
    ...stream,
    name: 'streamGenerateContent as events',
    body: events(STREAM),
    usage: usage({ input: 8, output: 1_052 }),
    text: STREAM_TEXT,
    opinion: opinion(THOUGHTS),
  },
  {
    ...stream,
    name: 'streamGenerateContent as a JSON array',
    body: json(STREAM),
    usage: usage({ input: 8, output: 1_052 }),
    text: STREAM_TEXT,
    opinion: opinion(THOUGHTS),
  },
  {
    ...stream,
    name: 'streamGenerateContent as a JSON array, printed over many lines',
    body: json(STREAM, 2),
    usage: usage({ input: 8, output: 1_052 }),
    text: STREAM_TEXT,
    opinion: opinion(THOUGHTS),
  },
]

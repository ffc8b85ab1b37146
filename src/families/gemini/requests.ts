/** What a request of the Gemini API tells about its price. Google takes every name in camelCase and in snake_case. */
import { textBytes } from '../../json/text.ts'
import { planOutline, SIZE, VALUE } from '../../json/outline-plan.ts'
import type { Refusal } from '../../errors.ts'
import type { CallShape, RequestReader } from '../family.ts'
import { addInline, addRemote, noMedia, type Media, type MediaTokens } from '../media.ts'
import { isObject, readerOf, type JsonObject, type RequestBody } from '../request-body.ts'
import {
  askedFor,
  hostedTool,
  malformed,
  optionalCount,
  outputLimit,
  shapeOf,
  unpriced,
  type ClientSwitches,
} from '../shapes.ts'

const PLAN = planOutline(
  {
    body: {
      keys: {
        ...{ contents: 'content', systemInstruction: 'content', tools: 'tools', serviceTier: VALUE },
        ...{ generationConfig: 'generation', cachedContent: VALUE, continuationToken: VALUE },
      },
    },
    // A message, or a part of it. What a function or a tool of the provider's returned may hold parts of its own.
    content: {
      keys: {
        ...{ parts: 'content', functionResponse: 'content', toolResponse: 'content' },
        ...{ inlineData: 'blob', fileData: VALUE },
      },
      each: 'content',
      visits: true,
    },
    blob: { keys: { mimeType: VALUE, data: SIZE } },
    tools: { each: 'tool' },
    tool: { others: SIZE },
    generation: { keys: { maxOutputTokens: VALUE, candidateCount: VALUE, responseModalities: 'modalities' } },
    modalities: { each: VALUE },
  },
  { takesSnakeCase: true },
)

/** Tools that cost nothing but tokens; searches, maps and file search have a price of their own that no table here has. */
const TOKEN_ONLY_TOOLS: ReadonlySet<string> = new Set([
  'functiondeclarations',
  'codeexecution',
  'urlcontext',
  'computeruse',
])

const STANDARD_TIERS = ['standard', 'SERVICE_TIER_UNSPECIFIED', 'unspecified']

/** Google's guide to tokens: 258 per image tile, 32 per second of audio, 263 per second of video, 258 per PDF page. */
const IMAGE_TOKENS: MediaTokens = { estimate: 1_290, bound: 4_480 }
/** 8 kbit/s is the thinnest audio that is sent: 1,366 base64 characters a second. */
const AUDIO_CHARACTERS_PER_TOKEN = 40
const VIDEO_CHARACTERS_PER_TOKEN = 500
const FILE_CHARACTERS_PER_TOKEN = 20

const fold = (name: string): string => name.replaceAll('_', '').toLowerCase()

/** Adds the media of a message or a part. */
function addContent({ inlineData, fileData }: JsonObject, media: Media): void {
  if (isObject(inlineData)) addBlob(inlineData, media)
  if (isObject(fileData)) addRemote(media, IMAGE_TOKENS.estimate)
}

function addBlob({ mimeType, data }: JsonObject, media: Media): void {
  const bytes = textBytes(data)
  if (bytes === null) return
  const [kind] = String(mimeType).split('/', 1)
  const perToken = (characters: number): number => Math.ceil(bytes / characters)
  if (kind === 'image') addInline(media, bytes, IMAGE_TOKENS)
  else if (kind === 'audio') {
    addInline(media, bytes, { estimate: 0, bound: 0 })
    media.audioTokens += perToken(AUDIO_CHARACTERS_PER_TOKEN)
  } else {
    const characters = kind === 'video' ? VIDEO_CHARACTERS_PER_TOKEN : FILE_CHARACTERS_PER_TOKEN
    addInline(media, bytes, { estimate: perToken(characters), bound: null })
  }
}

/** How clients are told not to send a tool. */
const CLIENT_SWITCHES: ClientSwitches = [
  [/^google_?search/i, 'Gemini CLI: "tools": { "exclude": ["google_web_search"] }'],
]

function toolsRefusal(tools: unknown, media: Media): Refusal | null {
  if (tools === undefined || tools === null) return null
  if (!Array.isArray(tools)) return malformed('tools', 'a list')
  for (const tool of tools) {
    if (!isObject(tool)) return malformed('tools', 'a list of tools')
    for (const name of Object.keys(tool)) {
      // A serializer that writes nulls names every kind of tool.
      if (tool[name] === null) continue
      if (!TOKEN_ONLY_TOOLS.has(fold(name))) return hostedTool(name, CLIENT_SWITCHES)
      // What they bring into the prompt is reported afterwards, and bounded by nothing.
      if (fold(name) !== 'functiondeclarations') media.bound = null
    }
  }
  return null
}

/** By name and by number (GenerationConfig.Modality), as Google's own REST transports write it. */
const AUDIO_OUTPUT: ReadonlySet<unknown> = new Set(['AUDIO', 3])

interface Generation {
  readonly maxOutput: number | null
  readonly choices: number
  readonly audioOutput: boolean
}

function readGeneration(config: unknown): Generation | Refusal {
  if (config === undefined || config === null) return { maxOutput: null, choices: 1, audioOutput: false }
  if (!isObject(config)) return malformed('generationConfig', 'an object')
  const maxOutput = outputLimit(config, ['maxOutputTokens'])
  if (maxOutput !== null && typeof maxOutput === 'object') return maxOutput
  const choices = optionalCount(config, 'candidateCount', 1)
  if (choices !== null && typeof choices === 'object') return choices
  const { responseModalities: modalities } = config
  const audioOutput =
    Array.isArray(modalities) && (modalities as unknown[]).some((modality) => AUDIO_OUTPUT.has(modality))
  return { maxOutput, choices: choices ?? 1, audioOutput }
}

/**
 * Google's system parameters choose fields and formats: only these leave the usage report where it is. With enums as
 * numbers, which Google's own REST transports ask for, modalities are read by their numbers.
 */
const HARMLESS_PARAMETERS = /^(?:\$?alt=(?:sse|json(?:;enum-encoding=int)?)|\$?prettyPrint=(?:true|false))$/

function unknownParameter(query: string): string | null {
  const pairs = query.slice(1).split('&')
  const unknown = pairs.find((pair) => pair !== '' && !HARMLESS_PARAMETERS.test(decoded(pair)))
  return unknown === undefined ? null : (unknown.split('=', 1)[0] ?? '').slice(0, 64)
}

/** As the provider reads it; what cannot be decoded stays, and is unknown. */
function decoded(pair: string): string {
  try {
    return decodeURIComponent(pair)
  } catch {
    return pair
  }
}

/** The model stands in the path: `/v1beta/models/gemini-2.5-pro:generateContent`. */
const modelIn = (path: string): string => path.slice(path.lastIndexOf('/') + 1, path.lastIndexOf(':'))

export function generateReader(stream: boolean): () => RequestReader {
  return readerOf({
    plan: PLAN,
    begin: noMedia,
    visit: addContent,
    inspect: (body, media, { path, query }) => {
      const parameter = unknownParameter(query)
      if (parameter !== null) return unpriced(parameter, 'it may take the usage report out of the answer')
      return generateShape(body, media, modelIn(path), stream)
    },
  })
}

function generateShape(body: RequestBody, media: Media, model: string, stream: boolean): CallShape | Refusal {
  const { contents, serviceTier, tools, cachedContent, continuationToken, generationConfig } = body.json
  if (contents === undefined) return malformed('contents', 'given')
  const asked = askedFor('serviceTier', 'service_tier', serviceTier, STANDARD_TIERS)
  if ('refused' in asked) return asked
  const refusal = toolsRefusal(tools, media)
  if (refusal !== null) return refusal
  // What the provider has stored, or generated in an answer before, becomes part of the prompt in a size unknown here.
  if ((cachedContent ?? continuationToken ?? null) !== null) media.bound = null
  const generation = readGeneration(generationConfig)
  if ('refused' in generation) return generation
  return shapeOf(body, { model, stream, asked }, media, {
    ...generation,
    maxOutputField: 'generationConfig.maxOutputTokens',
    generates: true,
  })
}

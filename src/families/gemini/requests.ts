/** What a request of the Gemini API tells about its price. Google takes every name in camelCase and in snake_case. */
import type { Refusal } from '../../errors.ts'
import type { CallShape } from '../family.ts'
import { addInline, addRemote, MAX_MEDIA_DEPTH, noMedia, type Media, type MediaTokens } from '../media.ts'
import { isObject, placesOfKeys, readRequestBody, type JsonObject } from '../request-body.ts'
import {
  askedFor,
  hostedTool,
  malformed,
  optionalCount,
  outputLimit,
  shapeOf,
  type ClientSwitches,
} from '../shapes.ts'

/** Names that the price depends on, folded: without case and underscores. */
const PRICED_KEYS: ReadonlySet<string> = new Set([
  'contents',
  'systeminstruction',
  'generationconfig',
  'tools',
  'cachedcontent',
  'continuationtoken',
  'servicetier',
])
const PRICED_CONFIG_KEYS: ReadonlySet<string> = new Set([
  'maxoutputtokens',
  'candidatecount',
  'responsemodalities',
])

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

/** The value of a field under either of its names. */
function field(json: JsonObject, camelCase: string): unknown {
  return json[camelCase] ?? json[camelCase.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)]
}

function addBlob(blob: JsonObject, media: Media): void {
  const data = blob['data']
  if (typeof data !== 'string') return
  const kind = String(field(blob, 'mimeType')).split('/', 1)[0]
  const perToken = (characters: number): number => Math.ceil(data.length / characters)
  if (kind === 'image') addInline(media, data.length, IMAGE_TOKENS)
  else if (kind === 'audio') {
    const tokens = perToken(AUDIO_CHARACTERS_PER_TOKEN)
    addInline(media, data.length, { estimate: 0, bound: 0 })
    media.audioTokens += tokens
  } else if (kind === 'video') {
    addInline(media, data.length, { estimate: perToken(VIDEO_CHARACTERS_PER_TOKEN), bound: null })
  } else addInline(media, data.length, { estimate: perToken(FILE_CHARACTERS_PER_TOKEN), bound: null })
}

function look(value: unknown, media: Media, depth = 0): void {
  if (depth > MAX_MEDIA_DEPTH) {
    media.bound = null
    return
  }
  if (Array.isArray(value)) {
    for (const item of value) look(item, media, depth + 1)
    return
  }
  if (!isObject(value)) return
  const inline = field(value, 'inlineData')
  if (isObject(inline)) addBlob(inline, media)
  if (isObject(field(value, 'fileData'))) addRemote(media, IMAGE_TOKENS.estimate)
  look(value['parts'], media, depth + 1)
  // What a function or a tool of the provider's returned may hold parts of its own.
  look(field(value, 'functionResponse'), media, depth + 1)
  look(field(value, 'toolResponse'), media, depth + 1)
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

function readGeneration(bytes: Buffer, config: unknown, at: number | undefined): Generation | Refusal {
  if (config === undefined || config === null) return { maxOutput: null, choices: 1, audioOutput: false }
  if (!isObject(config)) return malformed('generationConfig', 'an object')
  const folded = (at === undefined ? [] : placesOfKeys(bytes, at)).map(({ key }) => fold(key))
  const twice = folded.find((name, index) => PRICED_CONFIG_KEYS.has(name) && folded.indexOf(name) !== index)
  if (twice !== undefined) return malformed(`generationConfig.${twice}`, 'given only once')
  const values = {
    maxOutputTokens: field(config, 'maxOutputTokens'),
    candidateCount: field(config, 'candidateCount'),
  }
  const maxOutput = outputLimit(values, ['maxOutputTokens'])
  if (maxOutput !== null && typeof maxOutput === 'object') return maxOutput
  const choices = optionalCount(values, 'candidateCount', 1)
  if (choices !== null && typeof choices === 'object') return choices
  const modalities = field(config, 'responseModalities')
  const audioOutput =
    Array.isArray(modalities) && (modalities as unknown[]).some((modality) => AUDIO_OUTPUT.has(modality))
  return { maxOutput, choices: choices ?? 1, audioOutput }
}

export function generateShape(bytes: Buffer, model: string, stream: boolean): CallShape | Refusal {
  const body = readRequestBody(bytes, PRICED_KEYS, fold)
  if ('refused' in body) return body
  const { json, places } = body
  if (json['contents'] === undefined) return malformed('contents', 'given')
  const asked = askedFor('serviceTier', 'service_tier', field(json, 'serviceTier'), STANDARD_TIERS)
  if ('refused' in asked) return asked
  const media = noMedia()
  look(json['contents'], media)
  look(field(json, 'systemInstruction'), media)
  const tools = toolsRefusal(json['tools'], media)
  if (tools !== null) return tools
  // What the provider has stored, or generated in an answer before, becomes part of the prompt in a size unknown here.
  const stored = ['cachedContent', 'continuationToken'].some((name) => (field(json, name) ?? null) !== null)
  if (stored) media.bound = null
  const place = places.get('generationConfig') ?? places.get('generation_config')
  const generation = readGeneration(bytes, field(json, 'generationConfig'), place?.from)
  if ('refused' in generation) return generation
  return shapeOf(bytes, { model, stream, asked }, media, {
    ...generation,
    maxOutputField: 'generationConfig.maxOutputTokens',
    generates: true,
  })
}

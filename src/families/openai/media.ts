/** Media in requests of OpenAI's API and those that are compatible with it. */
import { beginsWith, textBytes } from '../../json/text.ts'
import { SIZE, VALUE, type KeptValue } from '../../json/outline-plan.ts'
import { addInline, addRemote, type Media } from '../media.ts'
import { isObject, type JsonObject } from '../request-body.ts'

/**
 * Tokens of one image: what most images cost, and the most that any does (gpt-4o-mini in high detail: 2,833 for the
 * image and 5,667 for each of up to 8 tiles, from OpenAI's guide to images).
 */
const IMAGE_TOKENS = { estimate: 1_500, bound: 48_169 }
/** Audio costs about 10 tokens a second; 8 kbit/s is the thinnest that is sent, 1,366 base64 characters a second. */
const AUDIO_CHARACTERS_PER_TOKEN = 100
/** A page of a PDF is read as text and image; nothing bounds it from outside. */
const FILE_CHARACTERS_PER_TOKEN = 20
/** No provider says what a second of video costs at most. */
const VIDEO_CHARACTERS_PER_TOKEN = 500

type Kind = 'image' | 'audio' | 'video'

/** Keys of content parts under which media stand as a URL, or as an object with a `url`. */
const URL_KEYS: readonly (readonly [key: string, kind: Kind])[] = [
  ['image_url', 'image'],
  ['video_url', 'video'],
  ['audio_url', 'audio'],
  ['input_video', 'video'],
]
/**
 * What is read of content parts: chat messages, items of a response, what a tool returned, what a model drew. `content`,
 * `output`, `outputs` and `images` hold further parts.
 */
export const PARTS: Readonly<Record<string, KeptValue>> = {
  part: {
    keys: {
      ...{ content: 'part', output: 'part', outputs: 'part', images: 'part' },
      ...{ image_url: 'link', video_url: 'link', audio_url: 'link', input_video: 'link' },
      ...{ type: VALUE, role: VALUE, id: SIZE, result: SIZE, image: 'link', url: 'link', video: 'link' },
      ...{ input_audio: 'audio', audio: 'audio', file: 'file' },
      ...{ file_data: SIZE, file_id: SIZE, file_url: SIZE },
    },
    each: 'part',
    visits: true,
  },
  link: { keys: { url: VALUE }, each: 'link' },
  audio: { keys: { id: SIZE, data: SIZE } },
  file: { keys: { file_data: SIZE, file_id: SIZE, file_url: SIZE } },
}

/** Adds the media of one part. */
export function addPart(part: JsonObject, media: Media): void {
  for (const [key, kind] of URL_KEYS) if (part[key] !== undefined) addUrl(part[key], kind, media)
  addByType(part, media)
  const { input_audio: audio, file } = part
  if (isObject(audio)) addAudio(textBytes(audio['data']), media)
  addFile(part, media)
  if (isObject(file)) addFile(file, media)
  if (isStored(part)) addRemote(media, IMAGE_TOKENS.estimate)
}

/** Parts whose media are found by the part's type only. */
function addByType({ type, result, image, video, url }: JsonObject, media: Media): void {
  switch (type) {
    // An image that the model drew before; without its bytes, the one that the provider has stored.
    case 'image_generation_call':
      addDrawn(textBytes(result), media)
      return
    // What code that the provider ran has drawn.
    case 'image':
      addUrl(image ?? url, 'image', media)
      return
    // Qwen: a video as one URL, or as the list of its frames.
    case 'video':
      if (Array.isArray(video)) for (const frame of video) addUrl(frame, 'image', media)
      else addUrl(video, 'video', media)
  }
}

function addDrawn(bytes: number | null, media: Media): void {
  if (bytes === null) addRemote(media, IMAGE_TOKENS.estimate)
  else addInline(media, bytes, IMAGE_TOKENS)
}

function addUrl(value: unknown, kind: Kind, media: Media): void {
  const url = isObject(value) ? value['url'] : value
  const bytes = textBytes(url)
  if (bytes === null) return
  if (!beginsWith(url, 'data:')) addRemote(media, IMAGE_TOKENS.estimate)
  else if (kind === 'image') addInline(media, bytes, IMAGE_TOKENS)
  else if (kind === 'audio') addAudio(bytes, media)
  else addInline(media, bytes, perCharacters(bytes, VIDEO_CHARACTERS_PER_TOKEN))
}

function addAudio(bytes: number | null, media: Media): void {
  if (bytes === null) return
  addInline(media, bytes, { estimate: 0, bound: 0 })
  media.audioTokens += Math.ceil(bytes / AUDIO_CHARACTERS_PER_TOKEN)
}

function addFile({ file_data: data, file_id: id, file_url: url }: JsonObject, media: Media): void {
  const bytes = textBytes(data)
  if (bytes !== null) addInline(media, bytes, perCharacters(bytes, FILE_CHARACTERS_PER_TOKEN))
  if (textBytes(id) !== null || textBytes(url) !== null) addRemote(media, IMAGE_TOKENS.estimate)
}

function perCharacters(length: number, perToken: number): { estimate: number; bound: null } {
  return { estimate: Math.ceil(length / perToken), bound: null }
}

/**
 * Whether an item stands in the request by its id only, and the provider reads what it has stored: the audio of an earlier
 * answer, or any item of an earlier response.
 */
function isStored({ type, id, role, audio }: JsonObject): boolean {
  if (isObject(audio) && textBytes(audio['id']) !== null) return true
  return type === 'item_reference' || (textBytes(id) !== null && (type ?? role ?? null) === null)
}

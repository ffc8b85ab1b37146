/** Media in requests of OpenAI's API and those that are compatible with it. */
import { addInline, addRemote, MAX_MEDIA_DEPTH, type Media } from '../media.ts'
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
/** Keys under which further parts stand: chat messages, items of a response, what a tool returned, what a model drew. */
const PART_KEYS = ['content', 'output', 'outputs', 'images']

/** Adds up the media of the content parts below `value`: chat messages, or the items of a response's input. */
export function mediaOf(value: unknown, media: Media, depth = 0): Media {
  if (depth > MAX_MEDIA_DEPTH) {
    media.bound = null
    return media
  }
  if (Array.isArray(value)) {
    for (const part of value) mediaOf(part, media, depth + 1)
    return media
  }
  if (!isObject(value)) return media
  for (const [key, kind] of URL_KEYS) addUrl(value[key], kind, media)
  addByType(value, media)
  addAudio(value['input_audio'], media)
  addFile(value, media)
  if (isObject(value['file'])) addFile(value['file'], media)
  if (isStored(value)) addRemote(media, IMAGE_TOKENS.estimate)
  for (const key of PART_KEYS) mediaOf(value[key], media, depth + 1)
  return media
}

/** Parts whose media are found by the part's type only. */
function addByType({ type, result, image, video, url }: JsonObject, media: Media): void {
  switch (type) {
    // An image that the model drew before; without its bytes, the one that the provider has stored.
    case 'image_generation_call':
      if (typeof result === 'string') addInline(media, result.length, IMAGE_TOKENS)
      else addRemote(media, IMAGE_TOKENS.estimate)
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

function addUrl(value: unknown, kind: Kind, media: Media): void {
  const url = isObject(value) ? value['url'] : value
  if (typeof url !== 'string') return
  if (!url.startsWith('data:')) addRemote(media, IMAGE_TOKENS.estimate)
  else if (kind === 'image') addInline(media, url.length, IMAGE_TOKENS)
  else if (kind === 'audio') addAudioBytes(url.length, media)
  else addInline(media, url.length, perCharacters(url.length, VIDEO_CHARACTERS_PER_TOKEN))
}

function addAudio(audio: unknown, media: Media): void {
  if (isObject(audio) && typeof audio['data'] === 'string') addAudioBytes(audio['data'].length, media)
}

function addAudioBytes(length: number, media: Media): void {
  addInline(media, length, { estimate: 0, bound: 0 })
  media.audioTokens += Math.ceil(length / AUDIO_CHARACTERS_PER_TOKEN)
}

function addFile(file: JsonObject, media: Media): void {
  const { file_data: data, file_id: id, file_url: url } = file
  if (typeof data === 'string')
    addInline(media, data.length, perCharacters(data.length, FILE_CHARACTERS_PER_TOKEN))
  if (typeof id === 'string' || typeof url === 'string') addRemote(media, IMAGE_TOKENS.estimate)
}

function perCharacters(length: number, perToken: number): { estimate: number; bound: null } {
  return { estimate: Math.ceil(length / perToken), bound: null }
}

/**
 * Whether an item stands in the request by its id only, and the provider reads what it has stored: the audio of an earlier
 * answer, or any item of an earlier response.
 */
function isStored({ type, id, role, audio }: JsonObject): boolean {
  if (isObject(audio) && typeof audio['id'] === 'string') return true
  return type === 'item_reference' || (typeof id === 'string' && (type ?? role ?? null) === null)
}

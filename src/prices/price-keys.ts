/**
 * Maps the keys of @pydantic/genai-prices to the kinds of token in `Usage`. The table splits tokens by modality and
 * purpose more finely than providers report them and `Usage` counts them. Keys that map to one kind are priced at the
 * highest of them: a price may be too high for a rare kind of token (text read by an image model), but never too low.
 * Operators who know their traffic better can configure a price for the model.
 */

/** The kinds of token that `Usage` tells apart. */
export type TokenKind =
  | 'input'
  | 'cachedInput'
  | 'cacheWrite'
  | 'cacheWrite1h'
  | 'audioInput'
  | 'output'
  | 'audioOutput'
  | 'imageOutput'

export type Meaning = { readonly tokens: TokenKind } | 'per-call' | 'web-search' | 'ignored' | 'unknown'

const KEYS_OF_KIND: Readonly<Record<TokenKind, readonly string[]>> = {
  input: [
    'input_mtok',
    'input_text_mtok',
    'input_image_mtok',
    'input_video_mtok',
    'input_tool_mtok',
    'input_text_tool_mtok',
    'input_image_tool_mtok',
    'input_video_tool_mtok',
  ],
  cachedInput: ['cache_read_mtok', 'cache_text_read_mtok', 'cache_image_read_mtok', 'cache_video_read_mtok'],
  cacheWrite: [
    'cache_write_mtok',
    'cache_write_5m_mtok',
    'cache_text_write_mtok',
    'cache_text_write_5m_mtok',
    'cache_image_write_mtok',
    'cache_image_write_5m_mtok',
    'cache_video_write_mtok',
    'cache_video_write_5m_mtok',
  ],
  cacheWrite1h: [
    'cache_write_1h_mtok',
    'cache_text_write_1h_mtok',
    'cache_image_write_1h_mtok',
    'cache_video_write_1h_mtok',
  ],
  // Audio counts as audio also when it is written to a cache or read from one (see `Usage`).
  audioInput: [
    'input_audio_mtok',
    'input_audio_tool_mtok',
    'cache_audio_write_mtok',
    'cache_audio_write_5m_mtok',
    'cache_audio_write_1h_mtok',
  ],
  output: [
    'output_mtok',
    'output_text_mtok',
    'output_video_mtok',
    'output_reasoning_mtok',
    'output_text_reasoning_mtok',
    'output_video_reasoning_mtok',
    'output_citation_mtok',
    'output_text_citation_mtok',
    'output_video_citation_mtok',
  ],
  // Reasoning of an image model is text, and is reported as text.
  imageOutput: ['output_image_mtok', 'output_image_reasoning_mtok', 'output_image_citation_mtok'],
  audioOutput: ['output_audio_mtok', 'output_audio_reasoning_mtok', 'output_audio_citation_mtok'],
}

/**
 * Left out, and no call gets cheaper by that.
 * - `cache_audio_read_mtok`: audio from a cache is counted as `audioInput`, at the full and dearer price.
 * - the others: server-side tools that a tariff has no price for, so that a call which asks for them is refused (C7).
 */
const IGNORED = [
  'cache_audio_read_mtok',
  'storage_searches_kcount',
  'code_executions_kcount',
  'social_searches_kcount',
]

const MEANINGS: ReadonlyMap<string, Meaning> = new Map<string, Meaning>([
  ...Object.entries(KEYS_OF_KIND).flatMap(([kind, keys]) =>
    keys.map((key): [string, Meaning] => [key, { tokens: kind as TokenKind }]),
  ),
  ['requests_kcount', 'per-call'],
  ['web_searches_kcount', 'web-search'],
  ...IGNORED.map((key): [string, Meaning] => [key, 'ignored']),
])

/**
 * `unknown` for units that the gateway cannot count: hours of audio, pages, characters, pixels, reranked documents, and
 * keys that a later version of the table adds. A model with such a price counts as unpriced, because part of its usage
 * would be free.
 */
export function meaningOf(key: string): Meaning {
  return MEANINGS.get(key) ?? 'unknown'
}

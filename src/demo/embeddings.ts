/** The simulated provider's `/v1/embeddings`: the same text always has the same vector. */
import { createHash } from 'node:crypto'
import { type Answer, BadRequest, type Body, countOf, modelOf, tokensOf } from './answers.ts'

const DIMENSIONS = 256
const MOST_DIMENSIONS = 4096
const MOST_INPUTS = 2048

export function embeddings(body: Body): Answer {
  const model = modelOf(body)
  const inputs = inputsOf(body['input'])
  const dimensions = countOf(body, 'dimensions', MOST_DIMENSIONS) ?? DIMENSIONS
  const format = body['encoding_format'] ?? 'float'
  if (format !== 'float' && format !== 'base64') {
    throw new BadRequest("Invalid 'encoding_format': expected float or base64.", 'encoding_format')
  }
  const tokens = inputs.reduce(
    (sum, input) => sum + (typeof input === 'string' ? tokensOf(input) : input.length),
    0,
  )
  return {
    object: 'list',
    model,
    data: inputs.map((input, index) => {
      const vector = vectorOf(typeof input === 'string' ? input : input.join(' '), dimensions)
      return { object: 'embedding', index, embedding: format === 'base64' ? base64(vector) : [...vector] }
    }),
    usage: { prompt_tokens: tokens, total_tokens: tokens },
  }
}

/** A string, a list of strings, one list of tokens, or a list of such lists. */
function inputsOf(input: unknown): (string | number[])[] {
  if (typeof input === 'string' && input !== '') return [input]
  if (Array.isArray(input) && input.length > 0 && input.length <= MOST_INPUTS) {
    const list = input as unknown[]
    if (isTokens(list)) return [list]
    if (list.every((item) => (typeof item === 'string' && item !== '') || isTokens(item))) {
      return list as (string | number[])[]
    }
  }
  throw new BadRequest("'input' must be a non-empty string, or a list of strings or tokens.", 'input')
}

function isTokens(value: unknown): value is number[] {
  return Array.isArray(value) && value.length > 0 && value.every((token) => Number.isInteger(token))
}

/** A vector of length one whose direction comes from the text's hash. */
function vectorOf(text: string, dimensions: number): Float32Array {
  const bytes = createHash('shake256', { outputLength: dimensions * 2 })
    .update(text)
    .digest()
  const raw = Array.from({ length: dimensions }, (_, index) => bytes.readInt16LE(index * 2) / 32_768)
  const length = Math.hypot(...raw) || 1
  return Float32Array.from(raw, (value) => value / length)
}

/** 32-bit floats, little-endian, as OpenAI sends them. */
function base64(vector: Float32Array): string {
  const bytes = Buffer.alloc(vector.length * 4)
  vector.forEach((value, index) => bytes.writeFloatLE(value, index * 4))
  return bytes.toString('base64')
}

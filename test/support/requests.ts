/** Lets a route read a request as it would arrive. */
import { isDeepStrictEqual } from 'node:util'
import type { Chunks } from '../../src/core/chunks.ts'
import { isRefusal, type Refusal } from '../../src/errors.ts'
import type { CallShape, MeteredRoute, RequestReader, RequestSeen } from '../../src/families/family.ts'

/** A body that came in one chunk. */
export const chunksOf = (bytes: Buffer): Chunks => ({ list: [bytes], bytes: bytes.length })

/** A longer body is not read a second time. */
const MAX_CUT_BYTES = 4_096

/**
 * What a route makes of a request. The body is read as a whole and then byte by byte: throws where that makes a
 * difference.
 */
export function inspectRequest(
  { reader }: Pick<MeteredRoute, 'reader'>,
  body: string | Buffer,
  rest: Partial<Omit<RequestSeen, 'body'>> = {},
): CallShape | Refusal {
  const bytes = Buffer.from(body)
  const request = { headers: {}, path: '', query: '', ...rest, body: chunksOf(bytes) }
  const read = (from: RequestReader, chunks: readonly Buffer[]): CallShape | Refusal => {
    for (const chunk of chunks) from.push(chunk)
    return from.inspect(request)
  }
  const whole = read(reader(), [bytes])
  if (bytes.length > MAX_CUT_BYTES) return whole
  const cut = read(
    reader(),
    Array.from(bytes, (byte) => Buffer.from([byte])),
  )
  if (!isDeepStrictEqual(plain(cut), plain(whole)))
    throw new Error(`${JSON.stringify(plain(cut))} byte by byte, ${JSON.stringify(plain(whole))} as a whole`)
  return whole
}

/** A result without the chunks of its body, but with their bytes. */
function plain(read: CallShape | Refusal): object {
  return isRefusal(read) ? read : { ...read, body: bodyText(read) }
}

/** The body that would be sent. */
export function bodyText({ body }: Pick<CallShape, 'body'>): string {
  return Buffer.concat(body.list).toString()
}

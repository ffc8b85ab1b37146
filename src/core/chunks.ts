/** Bytes in the pieces in which they arrived. They are not joined: a copy of a large body costs more than reading it. */

export interface Chunks {
  readonly list: readonly Buffer[]
  /** Bytes of all pieces. */
  readonly bytes: number
}

/** The bytes in one piece: a copy, where there are several. */
export function joined({ list, bytes }: Chunks): Buffer {
  const [first = Buffer.alloc(0)] = list
  return list.length <= 1 ? first : Buffer.concat(list, bytes)
}

/** The same bytes, with `[from, to)` replaced by a text. */
export function replaced(chunks: Chunks, from: number, to: number, text: string): Chunks {
  const inserted = Buffer.from(text)
  const list = [...cut(chunks, 0, from), inserted, ...cut(chunks, to, chunks.bytes)]
  return { list, bytes: chunks.bytes - (to - from) + inserted.length }
}

function cut({ list }: Chunks, from: number, to: number): Buffer[] {
  const found: Buffer[] = []
  let start = 0
  for (const chunk of list) {
    const end = start + chunk.length
    if (end > from && start < to) found.push(chunk.subarray(Math.max(0, from - start), to - start))
    start = end
  }
  return found.filter((chunk) => chunk.length > 0)
}

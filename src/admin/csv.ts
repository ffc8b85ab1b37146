/**
 * CSV by RFC 4180 for downloads that people open in a spreadsheet: lines end in CRLF, a cell with a quote, a comma or a
 * line break is quoted, and text that a spreadsheet would take for a formula is made text.
 */
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

/** A number is written in plain digits; null is an empty cell. */
export type CsvCell = string | number | null

/** What a spreadsheet runs as a formula when a cell begins with it, full-width forms included. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/
const NEEDS_QUOTES = /[",\r\n]/
/** Rows are sent some kilobytes at a time: one chunk a row would cost more than the row. */
const CHUNK_LENGTH = 16_384

/** One line with its end. Only text can be a formula: a negative number stays one. */
export function csvRow(cells: readonly CsvCell[]): string {
  return `${cells.map(cellText).join(',')}\r\n`
}

function cellText(cell: CsvCell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  // A leading apostrophe is how spreadsheets themselves mark text; it is part of the cell for any other reader.
  const text = FORMULA.test(cell) ? `'${cell}` : cell
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/**
 * Answers with a file of these rows, sent as they come. The first row is awaited before anything is sent, so that a
 * failure until then is an ordinary problem; a later one ends the connection, so that half a file is never taken for all
 * of it. `name` is the file's, without its ending, and must hold nothing but `A-Z a-z 0-9 . _ -`.
 */
export async function csvReply(
  reply: FastifyReply,
  name: string,
  header: readonly string[],
  rows: AsyncIterable<readonly CsvCell[]>,
): Promise<FastifyReply> {
  const iterator = rows[Symbol.asyncIterator]()
  const first = await iterator.next()
  return reply
    .header('content-type', 'text/csv; charset=utf-8; header=present')
    .header('content-disposition', `attachment; filename="${name.replace(/[^A-Za-z0-9._-]/g, '_')}.csv"`)
    .send(Readable.from(chunks(header, first, iterator)))
}

async function* chunks(
  header: readonly string[],
  first: IteratorResult<readonly CsvCell[], unknown>,
  rest: AsyncIterator<readonly CsvCell[]>,
): AsyncGenerator<string> {
  let text = csvRow(header)
  try {
    for (let row = first; row.done !== true; row = await rest.next()) {
      text += csvRow(row.value)
      if (text.length < CHUNK_LENGTH) continue
      yield text
      text = ''
    }
    if (text !== '') yield text
  } finally {
    // A client that went away: whoever makes the rows stops, too.
    await rest.return?.()
  }
}

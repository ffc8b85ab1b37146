/**
 * CSV by RFC 4180 for downloads that people open in a spreadsheet. Lines end in CRLF, and a cell with a quote, a comma
 * or a line break is quoted. Text that a spreadsheet would run as a formula is marked as text.
 */
import { Readable } from 'node:stream'
import type { FastifyReply } from 'fastify'

/** A number is written in plain digits; null is an empty cell. */
export type CsvCell = string | number | null

/** The first characters of cells that spreadsheets run as formulas, full-width forms included. */
const FORMULA = /^[=+\-@\t\r\n＝＋－＠]/
const NEEDS_QUOTES = /[",\r\n]/
/** Rows are sent in chunks of some kilobytes, because a chunk costs more than a row. */
const CHUNK_LENGTH = 16_384

/** One line with its line end. Only text is escaped as a formula, so a negative number stays a number. */
export function csvRow(cells: readonly CsvCell[]): string {
  return `${cells.map(cellText).join(',')}\r\n`
}

function cellText(cell: CsvCell): string {
  if (cell === null) return ''
  if (typeof cell === 'number') return String(cell)
  // Spreadsheets use a leading apostrophe to mark text; other readers see it as a part of the cell.
  const text = FORMULA.test(cell) ? `'${cell}` : cell
  return NEEDS_QUOTES.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}

/**
 * Answers with a file of these rows, which are sent as they are produced. The first row is awaited before anything is
 * sent, so that a failure until then becomes an ordinary problem response. A later failure ends the connection, so that
 * no client takes half of a file for all of it. `name` is the file's, without its extension, and may only contain `A-Z
 * a-z 0-9 . _ -`.
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
    // The client is gone: stop the generator of the rows, too.
    await rest.return?.()
  }
}

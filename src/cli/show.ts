/** Formats responses for people. */

export type Row = Readonly<Record<string, unknown>>

/** A table with columns as wide as their widest value; numbers are aligned to the right. */
export function table(rows: readonly Row[], columns: readonly string[]): string {
  if (rows.length === 0) return '(none)\n'
  const cells = rows.map((row) => columns.map((column) => cell(row[column])))
  const heads = columns.map(inWords)
  const widths = heads.map((head, at) => Math.max(head.length, ...cells.map((row) => (row[at] ?? '').length)))
  const right = columns.map((column) =>
    rows.every((row) => typeof row[column] === 'number' || row[column] === null),
  )
  const line = (values: readonly string[]): string =>
    values
      .map((value, at) =>
        right[at] === true ? value.padStart(widths[at] ?? 0) : value.padEnd(widths[at] ?? 0),
      )
      .join('  ')
      .trimEnd()
  return `${[line(heads), ...cells.map(line)].join('\n')}\n`
}

/** `firedAt` as `FIRED AT`. */
const inWords = (field: string): string => field.replaceAll(/[A-Z]/g, ' $&').toUpperCase()

/** One entity, with one field per line. */
export function card(row: Row): string {
  const width = Math.max(...Object.keys(row).map((name) => name.length))
  return `${Object.entries(row)
    .map(([name, value]) => `${name.padEnd(width)}  ${cell(value)}`)
    .join('\n')}\n`
}

/** Text that a user typed may contain control characters that a terminal would interpret. */
function cell(value: unknown): string {
  if (value === null || value === undefined) return '-'
  if (typeof value === 'number') return value.toLocaleString('en-US', { maximumFractionDigits: 6 })
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return text.replaceAll(/[\p{Cc}\p{Cf}]/gu, '?')
}

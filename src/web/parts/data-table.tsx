import { VisuallyHidden } from '@mantine/core'
import type { ReactElement, ReactNode } from 'react'

export interface Column<T> {
  /** Empty for a column without a visible name, such as that of buttons; `hiddenLabel` then names it. */
  readonly label: string
  readonly hiddenLabel?: string
  readonly cell: (row: T) => ReactNode
  readonly align?: 'end'
  readonly nowrap?: boolean
  readonly width?: string
  /** The subject of the row; on a phone it is the heading of the card that the row becomes. */
  readonly lead?: boolean
  /** On a phone the value is below its name, because it takes several lines. */
  readonly stacked?: boolean
}

interface DataTableProps<T> {
  readonly caption: string
  readonly columns: readonly Column<T>[]
  readonly rows: readonly T[]
  readonly rowKey: (row: T) => string
  /** The content below an expanded row; null for a collapsed one. */
  readonly detail?: ((row: T) => ReactNode) | undefined
}

/**
 * A table that is a list of cards on a phone. Its roles are explicit, because `display` removes the implicit ones
 * there.
 */
export function DataTable<T>({ caption, columns, rows, rowKey, detail }: DataTableProps<T>): ReactElement {
  return (
    <table className="tg-table" role="table" aria-label={caption}>
      <thead role="rowgroup">
        <tr role="row">
          {columns.map((column, index) => (
            <th key={index} role="columnheader" scope="col" data-align={column.align} style={widthOf(column)}>
              {column.label === '' ? <VisuallyHidden>{column.hiddenLabel}</VisuallyHidden> : column.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody role="rowgroup">
        {rows.map((row) => (
          <Row key={rowKey(row)} row={row} columns={columns} detail={detail?.(row) ?? null} />
        ))}
      </tbody>
    </table>
  )
}

interface RowProps<T> {
  readonly row: T
  readonly columns: readonly Column<T>[]
  readonly detail: ReactNode
}

function Row<T>({ row, columns, detail }: RowProps<T>): ReactElement {
  const isOpen = detail !== null
  return (
    <>
      <tr role="row" data-open={isOpen || undefined}>
        {columns.map((column, index) => (
          <td
            key={index}
            role="cell"
            data-label={column.label === '' ? undefined : column.label}
            data-actions={column.label === '' || undefined}
            data-lead={column.lead}
            data-stacked={column.stacked}
            data-align={column.align}
            data-nowrap={column.nowrap}
          >
            {column.cell(row)}
          </td>
        ))}
      </tr>
      {isOpen && (
        <tr role="row" className="tg-detail">
          <td role="cell" colSpan={columns.length}>
            {detail}
          </td>
        </tr>
      )}
    </>
  )
}

const widthOf = ({ width }: { width?: string }): { width: string } | undefined =>
  width === undefined ? undefined : { width }

import type { ReactElement } from 'react'

const NEAR = 0.8

/** How much of a limit is used. The figures are next to it, so screen readers skip the bar. */
export function UsageBar({ used, of }: { used: number; of: number }): ReactElement {
  const share = of > 0 ? used / of : used > 0 ? 1 : 0
  const level = share >= 1 ? 'over' : share >= NEAR ? 'near' : 'fine'
  return (
    <span className="tg-bar" data-level={level} aria-hidden="true">
      <span style={{ width: `${Math.min(100, share * 100)}%` }} />
    </span>
  )
}

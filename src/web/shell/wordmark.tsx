import type { ReactElement } from 'react'

export function Wordmark(): ReactElement {
  return (
    <span className="tg-wordmark">
      <svg width="24" height="24" viewBox="0 0 32 32" aria-hidden="true">
        <rect width="32" height="32" rx="8" fill="#117864" />
        <path
          d="M8 24V11M24 24V11M8 14.5h16M8 19h9.5"
          fill="none"
          stroke="#fff"
          strokeWidth="2.6"
          strokeLinecap="round"
        />
      </svg>
      Tollgate
    </span>
  )
}

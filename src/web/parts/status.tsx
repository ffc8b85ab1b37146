import type { ReactElement, ReactNode } from 'react'

export type Tone = 'quiet' | 'plain' | 'good' | 'warn' | 'bad'

export function Status({ tone, children }: { tone: Tone; children: ReactNode }): ReactElement {
  return (
    <span className="tg-status" data-tone={tone}>
      {children}
    </span>
  )
}

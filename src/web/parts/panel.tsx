import { Text, Title } from '@mantine/core'
import { useId, type ReactElement, type ReactNode } from 'react'

interface PanelProps {
  readonly title: string
  readonly description?: ReactNode
  /** At the right of the title: the switch of the panel, or a button that adds an entry. */
  readonly action?: ReactNode
  readonly children: ReactNode
}

export function Panel({ title, description, action, children }: PanelProps): ReactElement {
  const id = useId()
  return (
    <section className="tg-panel" aria-labelledby={id}>
      <div className="tg-panel-head">
        <div className="tg-panel-title">
          <Title order={2} id={id}>
            {title}
          </Title>
          {description !== undefined && <Text c="dimmed">{description}</Text>}
        </div>
        {action}
      </div>
      {children}
    </section>
  )
}

/** A part of a panel with its own heading. */
export function SubPanel({ title, description, action, children }: PanelProps): ReactElement {
  return (
    <div className="tg-sub">
      <div className="tg-sub-head">
        <div>
          <Title order={3}>{title}</Title>
          {description !== undefined && <Text c="dimmed">{description}</Text>}
        </div>
        {action}
      </div>
      {children}
    </div>
  )
}

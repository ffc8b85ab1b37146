import { Text, Title } from '@mantine/core'
import { useEffect, useRef, type ReactElement, type ReactNode } from 'react'
import { useTitle } from './use-title.ts'

let isFirst = true

interface PageHeadProps {
  readonly title: string
  readonly children?: ReactNode
  readonly actions?: ReactNode
}

/** The heading of a view. It gets the focus after navigation, so that a screen reader announces the view. */
export function PageHead({ title, children, actions }: PageHeadProps): ReactElement {
  const heading = useRef<HTMLHeadingElement>(null)
  useTitle(title)
  useEffect(() => {
    // After a page load, the focus stays at the top of the document, as usual in browsers.
    if (!isFirst) heading.current?.focus()
    isFirst = false
  }, [])
  return (
    <div className="tg-head">
      <div className="tg-head-text">
        <Title order={1} ref={heading} tabIndex={-1}>
          {title}
        </Title>
        {children !== undefined && (
          <Text c="dimmed" mt={4} component="div">
            {children}
          </Text>
        )}
      </div>
      {actions}
    </div>
  )
}

import { Skeleton, VisuallyHidden } from '@mantine/core'
import type { ReactElement } from 'react'

/** A placeholder while content is loading. */
export function RowsSkeleton({ rows = 3 }: { rows?: number }): ReactElement {
  return (
    <div role="status">
      <VisuallyHidden>Loading</VisuallyHidden>
      {Array.from({ length: rows }, (_, row) => (
        <div key={row} className="tg-skeleton-row">
          <Skeleton height={12} width="24%" />
          <Skeleton height={12} width="38%" />
          <Skeleton height={12} width="12%" />
        </div>
      ))}
    </div>
  )
}

export function PageSkeleton(): ReactElement {
  return (
    <div className="tg-page" role="status">
      <VisuallyHidden>Loading</VisuallyHidden>
      <Skeleton height={26} width={220} />
      <Skeleton height={12} width={320} mt="md" />
      <Skeleton height={180} mt="xl" radius="lg" />
      <Skeleton height={240} mt="lg" radius="lg" />
    </div>
  )
}

export function ChartSkeleton(): ReactElement {
  return (
    <div role="status">
      <VisuallyHidden>Loading</VisuallyHidden>
      <Skeleton height={280} radius="md" />
    </div>
  )
}

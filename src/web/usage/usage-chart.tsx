/**
 * Consumption over a period against the allowance, with lines at the thresholds of alerts. It is drawn in the pixels of
 * its container, so that its text has the same size on a phone as on a desktop. Screen readers get the same figures as
 * a table.
 */
import { useElementSize } from '@mantine/hooks'
import { useState, type PointerEvent, type ReactElement } from 'react'
import { compactCredits, credits, day } from '../format.ts'
import { ticks, type Point } from './series.ts'

export interface Mark {
  readonly label: string
  readonly at: number
  readonly isFired: boolean
}

interface ChartProps {
  readonly points: readonly Point[]
  /** All days of the period, including future ones. */
  readonly days: readonly string[]
  /** The allowance or the member's own limit; null if there is none, or its past value is not known. */
  readonly limit: { readonly label: string; readonly at: number } | null
  readonly marks: readonly Mark[]
  readonly summary: string
}

const HEIGHT = 280
const PAD = { top: 18, right: 12, bottom: 28, left: 52 }
const MOST_LINES = 40
const LABEL_GAP = 15

interface Scale {
  readonly width: number
  readonly x: (index: number) => number
  readonly y: (value: number) => number
  readonly yTicks: readonly number[]
}

function scaleOf({ days, points, limit, marks }: ChartProps, width: number): Scale {
  const most = Math.max(limit?.at ?? 0, points.at(-1)?.total ?? 0, ...marks.map(({ at }) => at), 1)
  const yTicks = ticks(most, 4)
  const top = yTicks.at(-1) ?? 1
  const inner = Math.max(0, width - PAD.left - PAD.right)
  return {
    width,
    yTicks,
    x: (index) => PAD.left + (days.length < 2 ? inner / 2 : (index / (days.length - 1)) * inner),
    y: (value) => PAD.top + (1 - value / top) * (HEIGHT - PAD.top - PAD.bottom),
  }
}

export function UsageChart(props: ChartProps): ReactElement {
  const { ref, width } = useElementSize()
  const [hovered, setHovered] = useState<number | null>(null)
  const scale = scaleOf(props, width)
  function hover(event: PointerEvent<SVGSVGElement>): void {
    const x = event.clientX - event.currentTarget.getBoundingClientRect().left
    const step = scale.x(1) - scale.x(0) || 1
    const index = Math.round((x - PAD.left) / step)
    setHovered(index >= 0 && index < props.points.length ? index : null)
  }
  return (
    <div className="tg-chart" ref={ref} style={{ height: HEIGHT }}>
      {width > 0 && (
        <svg
          width={width}
          height={HEIGHT}
          role="img"
          aria-label={props.summary}
          onPointerMove={hover}
          onPointerLeave={() => setHovered(null)}
        >
          <Axes days={props.days} scale={scale} />
          <Line points={props.points} scale={scale} />
          <Marks {...props} scale={scale} />
          {hovered !== null && <Cursor point={props.points[hovered]} index={hovered} scale={scale} />}
        </svg>
      )}
      {hovered !== null && <Tip point={props.points[hovered]} x={scale.x(hovered)} width={width} />}
    </div>
  )
}

function Axes({ days, scale }: { days: readonly string[]; scale: Scale }): ReactElement {
  const every = Math.max(1, Math.ceil(days.length / Math.max(2, Math.floor(scale.width / 90))))
  return (
    <g aria-hidden="true">
      {scale.yTicks.map((tick) => (
        <g key={tick}>
          <line
            className="tg-chart-grid"
            x1={PAD.left}
            x2={scale.width - PAD.right}
            y1={scale.y(tick)}
            y2={scale.y(tick)}
          />
          <text className="tg-chart-text" x={PAD.left - 10} y={scale.y(tick)} dy="0.32em" textAnchor="end">
            {compactCredits(tick)}
          </text>
        </g>
      ))}
      {days.map((text, index) =>
        index % every === 0 ? (
          <text
            key={text}
            className="tg-chart-text"
            x={scale.x(index)}
            y={HEIGHT - 8}
            textAnchor={index === 0 ? 'start' : 'middle'}
          >
            {day(text)}
          </text>
        ) : null,
      )}
    </g>
  )
}

function Line({ points, scale }: { points: readonly Point[]; scale: Scale }): ReactElement | null {
  if (points.length === 0) return null
  const line = points.map(({ total }, index) => `${scale.x(index)},${scale.y(total)}`).join(' L')
  const last = points.length - 1
  return (
    <g aria-hidden="true">
      <path
        className="tg-chart-area"
        d={`M${line} L${scale.x(last)},${scale.y(0)} L${scale.x(0)},${scale.y(0)} Z`}
      />
      <path className="tg-chart-line" d={`M${line}`} />
      <circle className="tg-chart-dot" cx={scale.x(last)} cy={scale.y(points[last]?.total ?? 0)} r={3.5} />
    </g>
  )
}

/**
 * The lines of the limit and the alerts. A label that would overlap another is left out; the summary lists all of them.
 */
function Marks({ limit, marks, scale }: ChartProps & { scale: Scale }): ReactElement {
  const lines = [
    ...(limit === null || limit.at === 0 ? [] : [{ ...limit, kind: 'limit' }]),
    ...marks.map(({ label, at, isFired }) => ({ label, at, kind: isFired ? 'fired' : 'armed' })),
  ].slice(0, MOST_LINES)
  const taken: number[] = []
  return (
    <g aria-hidden="true">
      {lines.map(({ label, at, kind }) => {
        const y = scale.y(at)
        const isFree = taken.every((other) => Math.abs(other - y) >= LABEL_GAP)
        if (isFree) taken.push(y)
        return (
          <g key={`${kind} ${label} ${at}`}>
            <line
              className="tg-chart-mark"
              data-kind={kind}
              x1={PAD.left}
              x2={scale.width - PAD.right}
              y1={y}
              y2={y}
            />
            {isFree && (
              <text className="tg-chart-label" data-kind={kind} x={PAD.left + 6} y={y - 5}>
                {label}
              </text>
            )}
          </g>
        )
      })}
    </g>
  )
}

function Cursor({
  point,
  index,
  scale,
}: {
  point: Point | undefined
  index: number
  scale: Scale
}): ReactElement | null {
  if (point === undefined) return null
  const x = scale.x(index)
  return (
    <g aria-hidden="true">
      <line className="tg-chart-cursor" x1={x} x2={x} y1={PAD.top} y2={HEIGHT - PAD.bottom} />
      <circle className="tg-chart-dot" cx={x} cy={scale.y(point.total)} r={4} />
    </g>
  )
}

const TIP_WIDTH = 168

function Tip({
  point,
  x,
  width,
}: {
  point: Point | undefined
  x: number
  width: number
}): ReactElement | null {
  if (point === undefined) return null
  const left = Math.min(Math.max(0, x + 12), width - TIP_WIDTH)
  return (
    <div className="tg-chart-tip" style={{ left, width: TIP_WIDTH }} aria-hidden="true">
      <strong>{day(point.day, true)}</strong>
      <span>{credits(point.total)} in total</span>
      <span>{credits(point.credits)} on this day</span>
    </div>
  )
}

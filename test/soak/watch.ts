/** Memory and open files of the gateway that is never restarted, over time (Linux: what /proc says). */
import { readdir, readFile } from 'node:fs/promises'

export interface Sample {
  readonly at: number
  readonly residentKiB: number
  readonly files: number
}

export interface Watch {
  readonly samples: readonly Sample[]
  stop(): void
}

export function watchProcess(pid: number, everyMs: number): Watch {
  const samples: Sample[] = []
  const look = async (): Promise<void> => {
    const [status, files] = await Promise.all([
      readFile(`/proc/${pid}/status`, 'utf8'),
      readdir(`/proc/${pid}/fd`),
    ])
    const resident = /^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]
    samples.push({ at: Date.now(), residentKiB: Number(resident), files: files.length })
  }
  const timer = setInterval(() => void look().catch(() => undefined), everyMs)
  return { samples, stop: () => clearInterval(timer) }
}

export interface Growth {
  /** Medians of the quarters. */
  readonly quarters: readonly number[]
  /** Of a straight line through the last three quarters, per hour. */
  readonly slopePerHour: number
}

export function median(numbers: readonly number[]): number {
  const sorted = [...numbers].sort((a, b) => a - b)
  return sorted[Math.floor(sorted.length / 2)] ?? 0
}

export function growthOf(samples: readonly Sample[], read: (sample: Sample) => number): Growth {
  const quarter = Math.floor(samples.length / 4)
  const quarters = [0, 1, 2, 3].map((number) =>
    median(samples.slice(number * quarter, (number + 1) * quarter).map(read)),
  )
  return { quarters, slopePerHour: slope(samples.slice(quarter), read) * 3_600_000 }
}

/** Least squares. */
function slope(samples: readonly Sample[], read: (sample: Sample) => number): number {
  const mean = (numbers: readonly number[]): number =>
    numbers.reduce((total, number) => total + number, 0) / Math.max(1, numbers.length)
  const [x, y] = [mean(samples.map(({ at }) => at)), mean(samples.map(read))]
  const spread = samples.reduce((total, { at }) => total + (at - x) ** 2, 0)
  const together = samples.reduce((total, sample) => total + (sample.at - x) * (read(sample) - y), 0)
  return spread === 0 ? 0 : together / spread
}

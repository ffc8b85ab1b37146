/** The latency of small calls at a fixed rate, beside connections that send large prompts all the time. */
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contender, Start, Surroundings } from './contenders.ts'
import { quantile, runLoad, spread, startLoad, type Spread, type Work } from './measure.ts'

export interface BesideRow {
  readonly contender: string
  readonly p50Ms: Spread
  readonly p99Ms: Spread
  /** The longest delay of the event loop in a round. */
  readonly stallMs: Spread
}

const SMALL_CALLS_PER_SECOND = 50

/** Measures each contender in turn, round by round. */
export async function measureBeside(
  starts: readonly Start[],
  around: Surroundings,
  [small, large]: readonly [Work, Work],
  { rounds, seconds }: { readonly rounds: number; readonly seconds: number },
): Promise<BesideRow[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tg-bench-stall-'))
  const [load, background] = [startLoad(), startLoad()]
  const contenders: Contender[] = []
  try {
    for (const [index, start] of starts.entries()) {
      const env = {
        STALL_FILE: join(folder, String(index)),
        NODE_OPTIONS: `--import=${fileURLToPath(new URL('stall-monitor.mjs', import.meta.url))}`,
      }
      const contender = await start({ ...around, env })
      if (contender !== null) contenders.push(contender)
    }
    const rows = contenders.map(({ name }) => ({ name, p50: [0], p99: [0], stall: [0] }))
    for (let round = -1; round < rounds; round += 1) {
      for (const [index, contender] of contenders.entries()) {
        const loading = runLoad(background, contender, large, { seconds: seconds + 0.5, rate: null })
        await longestStall(contender, join(folder, String(index)))
        const { latencies } = await runLoad(load, contender, small, { seconds, rate: SMALL_CALLS_PER_SECOND })
        const stall = await longestStall(contender, join(folder, String(index)))
        await loading
        const row = rows[index]
        // The first round warms up.
        if (row === undefined || round < 0) continue
        row.p50[round] = quantile(latencies, 0.5)
        row.p99[round] = quantile(latencies, 0.99)
        row.stall[round] = stall
      }
    }
    return rows.map(({ name, p50, p99, stall }) => ({
      contender: name,
      ...{ p50Ms: spread(p50), p99Ms: spread(p99), stallMs: spread(stall) },
    }))
  } finally {
    for (const contender of contenders) await contender.stop()
    for (const child of [load, background]) child.kill()
    rmSync(folder, { recursive: true })
  }
}

/** Since this was last asked, in milliseconds. */
async function longestStall({ pids }: Contender, file: string): Promise<number> {
  rmSync(file, { force: true })
  process.kill(pids[0] ?? 0, 'SIGUSR2')
  for (let waits = 0; waits < 500; waits += 1) {
    await new Promise((resolve) => setTimeout(resolve, 10))
    const text = existsSync(file) ? readFileSync(file, 'utf8') : ''
    if (text !== '') return Number(text)
  }
  throw new Error('the process does not tell how long its event loop stalled')
}

/** Prints a table. */
export function reportBeside(title: string, all: readonly BesideRow[]): void {
  if (all.length === 0) return
  process.stdout.write(
    `\n## ${title}\n\n| | p50 ms | p99 ms | of bare | longest stall ms |\n|---|--:|--:|--:|--:|\n`,
  )
  const base = all[0]?.p99Ms.median ?? Number.NaN
  for (const { contender, p50Ms, p99Ms, stallMs } of all) {
    const figures = [p50Ms.median, p99Ms.median, p99Ms.median / base, stallMs.max]
    process.stdout.write(`| ${contender} | ${figures.map((figure) => figure.toFixed(2)).join(' | ')} |\n`)
  }
}

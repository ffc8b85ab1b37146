/** One measurement: load on one contender for some seconds, with the CPU time that it used. */
import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Contender } from './contenders.ts'
import type { LoadResult } from './load.ts'
import { cpuMicros, OTHER_CORE, residentBytes } from './processes.ts'
import { execFileSync } from 'node:child_process'

export interface Work {
  readonly name: string
  /** The response of the origin: `json` or `sse-N`. */
  readonly answer: string
  readonly body: Buffer
  readonly status: number
  readonly connections: number
  /** How much longer than others it is measured, because its calls take so long; 1 by default. */
  readonly longer?: number
}

export interface Sample {
  readonly callsPerSecond: number
  /** CPU time of the contender's processes per call, in microseconds. */
  readonly cpuMicros: number
  /** CPU time of Redis per call, in microseconds. */
  readonly redisCpuMicros: number
  readonly p50Ms: number
  readonly p99Ms: number
  readonly firstByteP50Ms: number
  readonly residentMb: number
}

const loads = new Set<ChildProcess>()

/** Starts the load generator as a process on the other core; one for the whole run. */
export function startLoad(): ChildProcess {
  const child = fork(fileURLToPath(new URL('load.ts', import.meta.url)), [], { execArgv: ['--import=tsx'] })
  execFileSync('taskset', ['-apc', String(OTHER_CORE), String(child.pid)], { stdio: 'ignore' })
  loads.add(child)
  return child
}

/** The bodies of all works, for the processes that send them. */
const folder = mkdtempSync(join(tmpdir(), 'tg-bench-bodies-'))
process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
const files = new Map<Buffer, string>()

function fileOf(body: Buffer): string {
  const known = files.get(body) ?? join(folder, String(files.size))
  if (!files.has(body)) writeFileSync(known, body)
  files.set(body, known)
  return known
}

function headsOf(contender: Contender, work: Work): string[] {
  return contender.headers.map((headers) => {
    const head = [
      `POST ${contender.path} HTTP/1.1`,
      `host: 127.0.0.1:${contender.port}`,
      'content-type: application/json',
      'accept: application/json',
      'user-agent: bench/1',
      `x-bench-answer: ${work.answer}`,
      `content-length: ${work.body.length}`,
      ...headers,
    ]
    return `${head.join('\r\n')}\r\n\r\n`
  })
}

export async function runLoad(
  load: ChildProcess,
  contender: Contender,
  work: Work,
  options: { readonly seconds: number; readonly rate: number | null; readonly most?: number },
): Promise<LoadResult> {
  load.send({
    port: contender.port,
    connections: work.connections,
    durationMs: options.seconds * (work.longer ?? 1) * 1_000,
    heads: headsOf(contender, work),
    bodyFile: fileOf(work.body),
    expectStatus: work.status,
    rate: options.rate,
    ...(options.most !== undefined && { most: options.most }),
  })
  const [result] = (await once(load, 'message')) as [LoadResult]
  if (result.errors > 0) {
    throw new Error(
      `${contender.name}, ${work.name}: ${result.errors} errors, the first: ${String(result.firstError)}`,
    )
  }
  if (result.calls < 3)
    throw new Error(`${contender.name}, ${work.name}: only ${result.calls} calls, so nothing was measured`)
  return result
}

/** Measures once. Rejects if there were errors, or too few calls for a measurement. */
export async function measure(
  load: ChildProcess,
  contender: Contender,
  work: Work,
  options: { readonly seconds: number; readonly rate: number | null; readonly redisPid: number },
): Promise<Sample> {
  const before = cpuMicros(...contender.pids)
  const redisBefore = cpuMicros(options.redisPid)
  const result = await runLoad(load, contender, work, options)
  const used = cpuMicros(...contender.pids) - before
  return {
    callsPerSecond: result.calls / result.seconds,
    cpuMicros: used / result.calls,
    redisCpuMicros: (cpuMicros(options.redisPid) - redisBefore) / result.calls,
    p50Ms: quantile(result.latencies, 0.5),
    p99Ms: quantile(result.latencies, 0.99),
    firstByteP50Ms: quantile(result.firstBytes, 0.5),
    residentMb: residentBytes(...contender.pids) / 1_048_576,
  }
}

/** The quantile of values in ascending order. */
export function quantile(sorted: readonly number[], q: number): number {
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))] ?? Number.NaN
}

export interface Spread {
  readonly median: number
  readonly min: number
  readonly max: number
}

export function spread(values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  return { median: quantile(sorted, 0.5), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN }
}

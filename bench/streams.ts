/**
 * Thousands of event streams at once in one process, through the bare proxy and through Tollgate:
 *
 *     npm run bench:streams [-- --streams 5000] [--chunks 30] [--pause 1000] [--out FILE]
 *
 * Each stream sends a chunk every `--pause` milliseconds. The report has the resident memory per stream (the growth of the
 * process until the middle of the run, divided by the number of streams), the time to the first byte, the delay added to
 * the pause between two chunks, and the CPU time per chunk. The limit on open files must allow for two per stream. It
 * fails if a call failed.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { parseArgs } from 'node:util'
import { setTimeout as pause } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { freePort } from '../test/support/ports.ts'
import { bareProxy, tollgate, type Contender, type Start } from './contenders.ts'
import { quantile, runLoad, startLoad, type Work } from './measure.ts'
import { cpuMicros, OTHER_CORE, residentBytes, startPinned } from './processes.ts'

const { values: options } = parseArgs({
  options: {
    streams: { type: 'string', default: '5000' },
    chunks: { type: 'string', default: '30' },
    pause: { type: 'string', default: '1000' },
    out: { type: 'string', default: '' },
  },
})
const streams = Number(options.streams)
const chunks = Number(options.chunks)
const pauseMs = Number(options.pause)
const ENOUGH = 1_000_000_000
const RAMP_SECONDS = 5

const BODY = Buffer.from(
  JSON.stringify({
    model: 'bench-model',
    stream: true,
    max_tokens: 200,
    messages: [{ role: 'user', content: 'What does it cost to wait? '.repeat(6) }],
  }),
)
const work = (connections: number): Work => ({
  name: `${connections} event streams`,
  answer: `sse-${chunks}-${pauseMs}`,
  body: BODY,
  status: 200,
  connections,
})
/** Warms up compilers and pools before memory is measured. */
const WARM: Work = { name: 'warming up', answer: 'sse-50', body: BODY, status: 200, connections: 64 }

interface Row {
  readonly contender: string
  readonly kilobytesOfStream: number
  readonly firstByteP50Ms: number
  readonly firstByteP99Ms: number
  readonly lateP50Ms: number
  readonly lateP99Ms: number
  readonly cpuMicrosOfChunk: number
}

const [originPort, redisPort] = [await freePort(), await freePort()]
const origin = await startPinned({
  core: OTHER_CORE,
  command: process.execPath,
  args: ['--import=tsx', fileURLToPath(new URL('origin.ts', import.meta.url)), String(originPort)],
  readyText: 'origin ready',
})
const redis = await startPinned({
  core: OTHER_CORE,
  command: 'redis-server',
  args: ['--port', String(redisPort), '--save', '', '--appendonly', 'no', '--bind', '127.0.0.1'],
  readyText: 'Ready to accept connections',
})
const load = startLoad()
const rows: Row[] = []
try {
  for (const start of [bareProxy, tollgate(ENOUGH)]) rows.push(await measured(start))
} finally {
  load.kill()
  await Promise.all([origin.stop(), redis.stop()])
}
report()

async function measured(start: Start): Promise<Row> {
  const contender = await start({ originPort, redisPort, profiles: null })
  if (contender === null) throw new Error(`${start.name} is not to be had here`)
  try {
    await runLoad(load, contender, WARM, { seconds: 3, rate: null })
    return await oneStreamEach(contender)
  } finally {
    await contender.stop()
  }
}

/** Streams start one after the other within RAMP_SECONDS; memory is measured when all of them are open. */
async function oneStreamEach(contender: Contender): Promise<Row> {
  const { pids } = contender
  const [before, cpuBefore] = [residentBytes(...pids), cpuMicros(...pids)]
  const seconds = RAMP_SECONDS + (chunks * pauseMs) / 1_000 + 5
  const rate = streams / RAMP_SECONDS
  const running = runLoad(load, contender, work(streams), { seconds, rate, most: streams })
  await pause(RAMP_SECONDS * 1_000 + 5_000)
  const during = residentBytes(...pids)
  const result = await running
  if (result.calls < streams)
    throw new Error(`${contender.name}: ${result.calls} of ${streams} streams came to their end`)
  const late = result.gaps.map((gap) => gap - pauseMs)
  return {
    contender: contender.name,
    kilobytesOfStream: (during - before) / streams / 1_024,
    firstByteP50Ms: quantile(result.firstBytes, 0.5),
    firstByteP99Ms: quantile(result.firstBytes, 0.99),
    lateP50Ms: quantile(late, 0.5),
    lateP99Ms: quantile(late, 0.99),
    cpuMicrosOfChunk: (cpuMicros(...pids) - cpuBefore) / result.calls / chunks,
  }
}

function report(): void {
  console.log(`${streams} event streams at once, a chunk each every ${pauseMs} ms, ${chunks} chunks`)
  console.log('| | KB a stream | first byte p50 (p99) ms | late p50 (p99) ms | CPU µs a chunk |')
  console.log('|---|--:|--:|--:|--:|')
  for (const row of rows) {
    console.log(
      `| ${row.contender} | ${row.kilobytesOfStream.toFixed(1)} | ${row.firstByteP50Ms.toFixed(0)} (${row.firstByteP99Ms.toFixed(0)}) | ${row.lateP50Ms.toFixed(1)} (${row.lateP99Ms.toFixed(1)}) | ${row.cpuMicrosOfChunk.toFixed(1)} |`,
    )
  }
  if (options.out === '') return
  mkdirSync(dirname(options.out), { recursive: true })
  writeFileSync(options.out, `${JSON.stringify({ streams, chunks, pauseMs, rows }, null, 2)}\n`)
}

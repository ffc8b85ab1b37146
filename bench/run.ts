/**
 * What enforcement costs, against every alternative, in one run:
 *
 *     npm run bench -- [--rounds 5] [--seconds 2] [--only TEXT] [--contenders REGEXP] [--out FILE] [--profiles DIR]
 *
 * Every row is measured in every round, one after the other, so that other work of the machine affects all rows equally.
 * The proxy has one core; load, origin and Redis share the other. The CPU time per call comes from the operating system.
 * It fails if a call failed or nothing was measured.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { agentPrompt } from './agent-prompts.ts'
import { measureBeside, reportBeside, type BesideRow } from './beside.ts'
import { freePort } from '../test/support/ports.ts'
import {
  bareProxy,
  direct,
  httpProxy,
  httpProxyWithScript,
  nginxWithLua,
  portkey,
  tollgate,
  type Contender,
  type Start,
} from './contenders.ts'
import { measure, runLoad, spread, startLoad, type Sample, type Spread, type Work } from './measure.ts'
import { OTHER_CORE, startPinned } from './processes.ts'

const { values: options } = parseArgs({
  options: {
    rounds: { type: 'string', default: '5' },
    seconds: { type: 'string', default: '2' },
    only: { type: 'string', default: '' },
    contenders: { type: 'string', default: '' },
    out: { type: 'string', default: '' },
    profiles: { type: 'string', default: '' },
  },
})
const rounds = Number(options.rounds)
const seconds = Number(options.seconds)

const prompt = (bytes: number): Buffer => {
  const frame = { model: 'bench-model', max_tokens: 200, messages: [{ role: 'user', content: '' }] }
  const [message] = frame.messages
  if (message !== undefined)
    message.content = 'What does it cost? '.repeat(Math.ceil(bytes / 19)).slice(0, bytes - 90)
  return Buffer.from(JSON.stringify(frame))
}
/** A prompt as agents send it. Fewer connections send the largest, so that they fit into memory several times. */
const agentWork = (name: string, bytes: number, connections: number, images = false): Work => ({
  name: `prompts of agents, ${name}`,
  ...{ answer: 'json', body: agentPrompt(bytes, { images }), status: 200, connections },
})
const streamed = Buffer.from(prompt(250).toString().replace('"max_tokens"', '"stream":true,"max_tokens"'))

const works = {
  json: { name: 'JSON answer', answer: 'json', body: prompt(250), status: 200, connections: 64 },
  sse50: { name: 'event stream, 50 chunks', answer: 'sse-50', body: streamed, status: 200, connections: 64 },
  sse500: {
    name: 'event stream, 500 chunks',
    answer: 'sse-500',
    body: streamed,
    status: 200,
    connections: 64,
  },
  large: { name: '100 KB prompt', answer: 'json', body: prompt(102_400), status: 200, connections: 64 },
  refused: { name: 'refusal (402)', answer: 'json', body: prompt(250), status: 402, connections: 64 },
} satisfies Record<string, Work>

const PROMPTS: readonly Work[] = [
  agentWork('2 KB', 2_000, 16),
  agentWork('30 KB', 30_000, 16),
  agentWork('200 KB', 200_000, 16),
  agentWork('1 MB', 1_000_000, 16),
  agentWork('4 MB', 4_000_000, 8),
  { ...agentWork('20 MB with images', 19_800_000, 3, true), longer: 4 },
]
const BESIDE = 'small calls beside prompts of 1 MB'
const SMALL_CALLS: Work = { ...works.json, connections: 16 }
const LARGE_CALLS = agentWork('1 MB', 1_000_000, 2)

/** A contender that is slower than the fastest by this factor would slow the common rate down. */
const FAR_BEHIND = 10

const ENOUGH = 1_000_000_000
const PLAN: readonly (readonly [Work, readonly Start[]])[] = [
  [
    works.json,
    [
      direct,
      bareProxy,
      httpProxy,
      httpProxyWithScript,
      nginxWithLua,
      portkey,
      tollgate(ENOUGH),
      tollgate(ENOUGH, { workers: 2 }),
    ],
  ],
  [works.sse50, [bareProxy, httpProxy, tollgate(ENOUGH)]],
  [works.sse500, [bareProxy, tollgate(ENOUGH)]],
  [works.large, [bareProxy, httpProxyWithScript, tollgate(ENOUGH)]],
  [works.refused, [tollgate(0)]],
  ...PROMPTS.map((work) => [work, [bareProxy, httpProxy, portkey, tollgate(ENOUGH)]] as const),
]

interface Row {
  readonly work: string
  readonly contender: string
  readonly callsPerSecond: Spread
  readonly cpuMicros: Spread
  /** CPU time at the common rate of the row's latency measurements. */
  readonly cpuMicrosAtRate: Spread
  readonly redisCpuMicros: Spread
  readonly p50Ms: Spread
  readonly p99Ms: Spread
  readonly firstByteP50Ms: Spread
  readonly residentMb: Spread
  /** Reserves and settles per call, and calls per batch; null for other contenders than Tollgate. */
  readonly scripts: {
    readonly perCall: number
    readonly reserveBatch: number
    readonly settleBatch: number
  } | null
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
const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, Node ${process.version}`
process.stdout.write(`${machine}; ${rounds} rounds of ${seconds} s; medians (min–max)\n`)
let besides: readonly BesideRow[] = []
try {
  for (const [work, starts] of PLAN)
    if (work.name.includes(options.only)) {
      const found = await compare(work, starts)
      report(found)
      rows.push(...found)
    }
  if (BESIDE.includes(options.only)) {
    const starts = [bareProxy, httpProxy, portkey, tollgate(ENOUGH)]
    const around = { originPort, redisPort, profiles: null }
    besides = await measureBeside(starts, around, [SMALL_CALLS, LARGE_CALLS], { rounds, seconds })
  }
} finally {
  load.kill()
  await Promise.all([origin.stop(), redis.stop()])
}
if (rows.length + besides.length === 0) throw new Error('nothing was measured')
reportBeside(BESIDE, besides)
write(machine)

async function compare(work: Work, starts: readonly Start[]): Promise<Row[]> {
  const contenders: Contender[] = []
  try {
    for (const start of starts) {
      const contender = await start({
        originPort,
        redisPort,
        profiles: options.profiles === '' ? null : options.profiles,
      })
      if (contender !== null && !new RegExp(options.contenders).test(contender.name)) await contender.stop()
      else if (contender === null) process.stderr.write(`${work.name}: ${start.name} is not to be had here\n`)
      else contenders.push(contender)
    }
    return await inTurns(work, contenders)
  } finally {
    for (const contender of contenders) await contender.stop()
  }
}

async function inTurns(work: Work, contenders: readonly Contender[]): Promise<Row[]> {
  const closed = new Map<Contender, Sample[]>(contenders.map((contender) => [contender, []]))
  const open = new Map<Contender, Sample[]>(contenders.map((contender) => [contender, []]))
  // Warms up compilers and pools before the measurement.
  for (const contender of contenders)
    await runLoad(load, contender, work, { seconds: Math.max(2, seconds), rate: null })
  const before = new Map<Contender, string | null>()
  for (const contender of contenders) before.set(contender, (await contender.metrics?.()) ?? null)
  for (let round = 0; round < rounds; round += 1) {
    for (const [contender, samples] of closed) {
      samples.push(await measure(load, contender, work, { seconds, rate: null, redisPid: redis.pid }))
    }
  }
  const after = new Map<Contender, string | null>()
  for (const contender of contenders) after.set(contender, (await contender.metrics?.()) ?? null)
  const reached = new Map(
    Array.from(closed, ([contender, samples]) => [
      contender,
      spread(samples.map((sample) => sample.callsPerSecond)).median,
    ]),
  )
  const rateOf = ratesOf(reached)
  for (let round = 0; round < Math.min(rounds, 3); round += 1) {
    for (const [contender, samples] of open) {
      samples.push(
        await measure(load, contender, work, { seconds, rate: rateOf(contender), redisPid: redis.pid }),
      )
    }
  }
  return contenders.map((contender) =>
    rowOf(work, contender, closed.get(contender) ?? [], open.get(contender) ?? [], [
      before.get(contender) ?? null,
      after.get(contender) ?? null,
    ]),
  )
}

/** One rate for all, half of what the slowest reaches; contenders that are far behind get their own. */
function ratesOf(reached: ReadonlyMap<Contender, number>): (contender: Contender) => number {
  const fastest = Math.max(...reached.values())
  const slowest = Math.min(...[...reached.values()].filter((rate) => rate * FAR_BEHIND > fastest))
  return (contender) => Math.min(slowest, reached.get(contender) ?? 0) / 2
}

function rowOf(
  work: Work,
  contender: Contender,
  closed: readonly Sample[],
  open: readonly Sample[],
  [before, after]: readonly [string | null, string | null],
): Row {
  const of = (samples: readonly Sample[], figure: keyof Sample): Spread =>
    spread(samples.map((sample) => sample[figure]))
  return {
    work: work.name,
    contender: contender.name,
    callsPerSecond: of(closed, 'callsPerSecond'),
    cpuMicros: of(closed, 'cpuMicros'),
    cpuMicrosAtRate: of(open, 'cpuMicros'),
    redisCpuMicros: of(closed, 'redisCpuMicros'),
    p50Ms: of(open, 'p50Ms'),
    p99Ms: of(open, 'p99Ms'),
    firstByteP50Ms: of(open, 'firstByteP50Ms'),
    residentMb: of(closed, 'residentMb'),
    scripts: before === null || after === null ? null : scriptsOf(before, after),
  }
}

/** From two scrapes: the number of script calls per call, and of calls per script call. */
function scriptsOf(before: string, after: string): Row['scripts'] {
  const figure = (text: string, name: string): number =>
    Number(
      text
        .split('\n')
        .find((line) => line.startsWith(`${name} `))
        ?.split(' ')
        .at(-1) ?? 0,
    )
  const grown = (name: string): number => figure(after, name) - figure(before, name)
  const of = (what: 'sum' | 'count', script: string): number =>
    grown(`tollgate_ledger_batch_size_${what}{script="${script}"}`)
  const calls = of('sum', 'reserve')
  return {
    perCall: (of('count', 'reserve') + of('count', 'settle')) / calls,
    reserveBatch: calls / of('count', 'reserve'),
    settleBatch: of('sum', 'settle') / Math.max(1, of('count', 'settle')),
  }
}

/** Prints the rows of one work. */
function report(all: readonly Row[]): void {
  const bare = all.find(({ contender }) => contender.startsWith('bare'))
  const base = bare?.cpuMicros.median ?? Number.NaN
  const baseAtRate = bare?.cpuMicrosAtRate.median ?? Number.NaN
  process.stdout.write(
    `\n## ${all[0]?.work ?? ''}\n\n| | CPU µs a call | of bare | at one rate | of bare | Redis µs | calls/s | p50 ms | p99 ms | first byte ms | MB | scripts a call |\n|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n`,
  )
  for (const row of all) {
    const { cpuMicros: cpu, scripts } = row
    const ratioText = (micros: number, of: number): string =>
      Number.isNaN(of) || micros === 0 ? '–' : (micros / of).toFixed(2)
    const ratio = ratioText(cpu.median, base)
    const rateRatio = ratioText(row.cpuMicrosAtRate.median, baseAtRate)
    const scriptText =
      scripts === null
        ? '–'
        : `${scripts.perCall.toFixed(2)} (batches ${scripts.reserveBatch.toFixed(1)}, ${scripts.settleBatch.toFixed(1)})`
    const cpuText =
      cpu.median === 0 ? '–' : `${cpu.median.toFixed(0)} (${cpu.min.toFixed(0)}–${cpu.max.toFixed(0)})`
    process.stdout.write(
      `| ${row.contender} | ${cpuText} | ${ratio} | ${row.cpuMicrosAtRate.median.toFixed(0)} | ${rateRatio} | ${row.redisCpuMicros.median.toFixed(0)} | ${row.callsPerSecond.median.toFixed(0)} | ${row.p50Ms.median.toFixed(2)} | ${row.p99Ms.median.toFixed(2)} | ${row.firstByteP50Ms.median.toFixed(2)} | ${row.residentMb.median.toFixed(0)} | ${scriptText} |\n`,
    )
  }
}

function write(machine: string): void {
  if (options.out === '') return
  mkdirSync(dirname(options.out), { recursive: true })
  writeFileSync(options.out, `${JSON.stringify({ machine, rounds, seconds, rows, besides }, null, 2)}\n`)
}

/**
 * How long a failover takes and what it loses: masters of a real Redis Cluster are killed again and again under load.
 *
 *     npm run measure:failover -- [--kills 20] [--node-timeout 1000] [--patience 5] [--gateways 2] [--callers 8] [--out FILE]
 *
 * Three masters with a replica each, and real gateways before a provider whose answers take up to 100 ms. Each call is of
 * a user of its own, so that what every single one cost stands in the store: a charge that is lost and one that is doubled
 * cannot cancel out. A master that was killed comes back as a replica before the next one is killed. `--patience` is
 * `redis.patienceSeconds`. It fails where a charge was doubled, where a call was refused that had patience left, or where
 * nothing was measured.
 */
import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { silences } from '../test/support/cluster-load.ts'
import { account } from './failover-books.ts'
import { report, type Round } from './failover-report.ts'
import { openFailoverStage, type Call, type FailoverOrg } from './failover-stage.ts'
import { until } from '../test/support/until.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '20' },
    'node-timeout': { type: 'string', default: '1000' },
    patience: { type: 'string', default: '5' },
    gateways: { type: 'string', default: '2' },
    callers: { type: 'string', default: '8' },
    out: { type: 'string' },
  },
})
const kills = Number(values.kills)
const nodeTimeoutMs = Number(values['node-timeout'])
const callers = Number(values.callers)
const patienceSeconds = Number(values.patience)
const LONGEST_ROUND_MS = 30_000 + 10 * nodeTimeoutMs

const stage = await openFailoverStage({
  gateways: Number(values.gateways),
  nodeTimeoutMs,
  patienceSeconds,
})
const { cluster, gateways } = stage

function startedCalls(org: FailoverOrg, from: number): Call[] {
  return org.calls.filter(({ startedAt }) => startedAt >= from)
}

/** Kills the master of the organization's slot, and waits until each gateway serves it again. */
async function round(hit: FailoverOrg): Promise<Round> {
  await cluster.settled()
  const master = await cluster.masterOf(hit.id)
  const replica = await cluster.replicaOf(master)
  const soFar = hit.calls.length
  await until(() => hit.calls.length > soFar + 100, { timeoutMs: LONGEST_ROUND_MS, what: 'there is load' })

  const killedAt = performance.now()
  await master.kill()
  const holds = await stage.holdsOn(replica, hit, killedAt)
  await until(
    () =>
      gateways.every((gateway) => {
        const calls = startedCalls(hit, killedAt).filter((call) => call.gateway === gateway)
        const refused = calls.findLastIndex(({ status }) => status !== 200)
        return calls.length - refused > 30
      }),
    { timeoutMs: LONGEST_ROUND_MS, what: 'every gateway serves again' },
  )
  const newMaster = await cluster.masterOf(hit.id)
  if (newMaster !== replica) throw new Error('another replica was promoted than the one that was looked at')
  await master.restart()

  const calls = hit.calls.filter(({ endedAt }) => endedAt >= killedAt)
  const refusals = calls.filter(({ status }) => status === 503).map(({ endedAt }) => endedAt - killedAt)
  // Calls that were at the provider at the time of the kill end normally.
  const successes = startedCalls(hit, killedAt)
    .filter(({ status }) => status === 200)
    .map(({ endedAt }) => endedAt - killedAt)
  return {
    firstRefusalMs: refusals.length === 0 ? null : Math.min(...refusals),
    firstSuccessMs: Math.min(...successes),
    lastRefusalMs: refusals.length === 0 ? null : Math.max(...refusals),
    longestWaitMs: Math.max(...calls.map(({ startedAt, endedAt }) => endedAt - startedAt)),
    refused: refusals.length,
    holdsAcknowledged: holds.acknowledged,
    holdsLost: holds.lost,
  }
}

const rounds: Round[] = []
try {
  const hit = stage.orgs[0] ?? never()
  const neighbours = stage.orgs.slice(1)
  const load = stage.startLoad(callers)
  const victims = new Set<number>()
  let healthySilences = 0
  for (let kill = 1; kill <= kills; kill += 1) {
    const { port } = await cluster.masterOf(hit.id)
    victims.add(port)
    const before = silences(stage, port)
    const one = await round(hit)
    healthySilences += silences(stage, port) - before
    rounds.push(one)
    const [success, wait] = [one.firstSuccessMs, one.longestWaitMs].map(Math.round)
    console.log(
      `kill ${kill}: ${one.refused} refused, first success after ${success} ms, longest wait ${wait} ms`,
    )
  }
  await cluster.settled()
  await load.end()
  const books = {
    hit: await account(stage, [hit]),
    neighbours: await account(stage, neighbours),
  }
  const machine = `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown CPU'}, Node ${process.version}`
  const result = {
    machine,
    nodeTimeoutMs,
    patienceSeconds,
    kills,
    gateways: gateways.length,
    callers,
    healthySilences,
    rounds,
    books,
  }
  console.log(report(result))
  console.log(JSON.stringify(result))
  if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`)
  if (books.hit.doubled + books.neighbours.doubled > 0) throw new Error('a charge was doubled')
  const refused = rounds.reduce((sum, one) => sum + one.refused, 0)
  if (refused > 0 && rounds.every(({ longestWaitMs }) => longestWaitMs < patienceSeconds * 1_000))
    throw new Error('calls were refused that had patience left')
  if (rounds.length === 0 || books.hit.served < 100) throw new Error('nothing was measured')
} finally {
  await stage.stop()
}

function never(): never {
  throw new Error('no organization')
}

/** Generates calls, each by a separate user, on an organization of every master of a cluster. */
import { setTimeout as pause } from 'node:timers/promises'
import { openClusterStage, type ClusterStage } from '../test/support/cluster-load.ts'
import type { TestGateway } from '../test/support/gateway.ts'
import { chatAnswer, chatBody, postChat } from '../test/support/origin.ts'
import type { ClusterNode } from '../test/support/redis-cluster.ts'
import { until } from '../test/support/until.ts'
import * as keys from '../src/store/keys.ts'

/** The outcome of a call; times as in `performance.now()`. */
export interface Call {
  readonly user: string
  readonly gateway: TestGateway
  /** 0 if there was no response: the connection broke, or nothing arrived for `SILENT_MS`. */
  readonly status: number
  readonly startedAt: number
  readonly endedAt: number
}

export interface FailoverOrg {
  readonly id: string
  /** In the order in which they ended. */
  readonly calls: Call[]
}

/** When the provider received a call, and when it answered with its usage. */
interface Received {
  readonly at: number
  reportedAt: number | null
}

export interface FailoverStage extends Pick<ClusterStage, 'cluster' | 'gateways' | 'store'> {
  /** One on each master; the first one is on the master that is killed. */
  readonly orgs: readonly FailoverOrg[]
  /** Whether the provider answered the call of this user, and so reported its usage. */
  readonly reported: (user: string) => boolean
  /** How many holds of calls that were at the provider at that time the replica of the dead master lacks. */
  holdsOn(
    replica: ClusterNode,
    org: FailoverOrg,
    killedAt: number,
  ): Promise<{ readonly acknowledged: number; readonly lost: number }>
  /**
   * Starts this many concurrent callers per gateway for the first organization, and one for each other organization.
   */
  startLoad(callers: number): { end(): Promise<void> }
  stop(): Promise<void>
}

const LONGEST_ANSWER_MS = 100
const SILENT_MS = 30_000
const PAUSE_MS = 10

export async function openFailoverStage(options: {
  readonly gateways: number
  readonly nodeTimeoutMs: number
  readonly patienceSeconds: number
}): Promise<FailoverStage> {
  const { nodeTimeoutMs, patienceSeconds } = options
  const stage = await openClusterStage(options.gateways, { nodeTimeoutMs, patienceSeconds })
  const { cluster, origin, gateways } = stage
  const received = new Map<string, Received>()
  origin.answer = async ({ body }, response) => {
    const { user = '' } = JSON.parse(body) as { user?: string }
    const call: Received = { at: performance.now(), reportedAt: null }
    received.set(user, call)
    await pause(Math.random() * LONGEST_ANSWER_MS)
    call.reportedAt = performance.now()
    chatAnswer(response)
  }

  const orgs: (FailoverOrg & { readonly key: string })[] = []
  for (const master of await cluster.masters()) {
    const org = await stage.orgOn(master)
    const { id } = org
    await gateways[0]?.admin('PATCH', `/v1/orgs/${id}`, { autoEnroll: true, maxMembers: 1_000_000 })
    const key = await org.createKey({ name: 'app', app: true, user: null })
    orgs.push({ id, key, calls: [] })
  }

  let users = 0
  async function call(gateway: TestGateway, org: (typeof orgs)[number]): Promise<void> {
    const user = `${org.id}.${(users += 1)}`
    const startedAt = performance.now()
    const init = { headers: { 'x-tollgate-user': user }, signal: AbortSignal.timeout(SILENT_MS) }
    const status = await postChat(gateway.dataUrl, org.key, chatBody({ user }), init).then(
      async (response) => (await response.arrayBuffer(), response.status),
      () => 0,
    )
    org.calls.push({ user, gateway, status, startedAt, endedAt: performance.now() })
  }

  return {
    ...stage,
    orgs,
    reported: (user) => received.get(user)?.reportedAt != null,
    async holdsOn(replica, org, killedAt) {
      const underWay = [...received].filter(
        ([user, { at, reportedAt }]) =>
          user.startsWith(`${org.id}.`) && at < killedAt && (reportedAt === null || reportedAt >= killedAt),
      )
      // When the replica has noticed that the master is gone, it has everything that the master sent.
      const isCutOff = async (): Promise<boolean> => {
        const text = await replica.client.info('replication')
        return text.includes('master_link_status:down') || text.includes('role:master')
      }
      await until(isCutOff, { what: 'the replica has noticed' })
      await replica.client.readonly()
      let [acknowledged, lost] = [0, 0]
      for (const [user] of underWay) {
        const fields = await replica.client.hkeys(keys.user(org.id, 1, user))
        acknowledged += 1
        if (!fields.some((field) => field.startsWith('o:'))) lost += 1
      }
      return { acknowledged, lost }
    },
    startLoad(callers) {
      let isOn = true
      async function work(gateway: TestGateway, org: (typeof orgs)[number]): Promise<void> {
        while (isOn) {
          await call(gateway, org)
          await pause(PAUSE_MS)
        }
      }
      const running = gateways.flatMap((gateway) =>
        orgs.flatMap((org, index) =>
          Array.from({ length: index === 0 ? callers : 1 }, () => work(gateway, org)),
        ),
      )
      return {
        async end() {
          isOn = false
          await Promise.all(running)
        },
      }
    },
  }
}

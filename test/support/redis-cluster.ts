/**
 * A real Redis Cluster for a test file: three masters, each with a replica, on free ports, in folders that are removed
 * afterwards.
 */
import { Redis } from 'ioredis'
import { slotOf } from '../../src/store/cluster-slot.ts'
import type { Certificate } from './certificate.ts'
import { freePort } from './ports.ts'
import { startRedis, type RedisServer } from './redis.ts'
import { until } from './until.ts'

export interface ClusterNode extends RedisServer {
  /** The node's id in the cluster. */
  readonly id: string
  /** Connects to this node alone, and follows no redirection. */
  readonly client: Redis
}

export interface RedisCluster {
  /** The seeds for the gateway's configuration. */
  readonly seeds: readonly string[]
  readonly nodes: readonly ClusterNode[]
  readonly options: RedisClusterOptions
  /** The current masters, according to the nodes that answer. */
  masters(): Promise<readonly ClusterNode[]>
  /** The master that owns the slot of this hash tag. */
  masterOf(tag: string): Promise<ClusterNode>
  /** The replica that is linked to a master. */
  replicaOf(master: ClusterNode): Promise<ClusterNode>
  /** A hash tag whose slot this master owns. */
  tagOn(master: ClusterNode, prefix: string): Promise<string>
  /** Resolves when all nodes agree on the owners of slots, and every running replica follows its master. */
  settled(): Promise<void>
  stop(): Promise<void>
}

export interface RedisClusterOptions {
  /** How long a node may be silent before the others consider it failed: `cluster-node-timeout`. */
  readonly nodeTimeoutMs?: number
  /** Whether each master has a replica; true by default. */
  readonly replicas?: boolean
  /** The password of the default user, also between the nodes. */
  readonly password?: string
  /**
   * TLS only, also between the nodes, which are known as `localhost`. Clients need a certificate too, for which this
   * one can be used.
   */
  readonly tls?: Certificate
}

const MASTERS = 3
const SLOTS = 16_384
export const NODE_TIMEOUT_MS = 1_000

type Setting = readonly [name: string, value: string]

const CONFIG: readonly Setting[] = [
  ['cluster-enabled', 'yes'],
  ['cluster-config-file', 'nodes.conf'],
  ['cluster-announce-ip', '127.0.0.1'],
  // The other masters keep serving when one is lost with its replica.
  ['cluster-require-full-coverage', 'no'],
  ['cluster-replica-validity-factor', '0'],
  // Replicas stay with the master that the test gave them.
  ['cluster-allow-replica-migration', 'no'],
  ['repl-diskless-sync-delay', '0'],
  ['appendonly', 'yes'],
  ['appendfsync', 'everysec'],
]

function tlsSettings({ file, keyFile }: Certificate, port: number): readonly Setting[] {
  return [
    ['port', '0'],
    ['tls-port', String(port)],
    ['tls-cert-file', file],
    ['tls-key-file', keyFile],
    ['tls-ca-cert-file', file],
    ['tls-cluster', 'yes'],
    ['tls-replication', 'yes'],
    ['cluster-announce-hostname', 'localhost'],
    ['cluster-preferred-endpoint-type', 'hostname'],
  ]
}

async function startNode({
  nodeTimeoutMs = NODE_TIMEOUT_MS,
  password,
  tls,
}: RedisClusterOptions): Promise<Omit<ClusterNode, 'id'> & { readonly busPort: number }> {
  const busPort = await freePort()
  const settings = (port: number): readonly Setting[] => [
    ...CONFIG,
    ['cluster-node-timeout', String(nodeTimeoutMs)],
    ['cluster-port', String(busPort)],
    ...(password === undefined
      ? []
      : ([
          ['requirepass', password],
          ['masterauth', password],
        ] as const)),
    ...(tls === undefined ? [] : tlsSettings(tls, port)),
  ]
  const server = await startRedis({
    args: (port) => settings(port).flatMap(([name, value]) => [`--${name}`, value]),
  })
  // Over its Unix socket, which does not use TLS.
  const client = new Redis(server.socketPath, {
    ...(password !== undefined && { password }),
    retryStrategy: () => 50,
    maxRetriesPerRequest: 0,
    enableReadyCheck: false,
    // A node that hangs is asked like all others.
    commandTimeout: 2_000,
  })
  client.on('error', () => undefined)
  return { ...server, client, busPort }
}

/** One line of CLUSTER NODES. */
interface Line {
  readonly id: string
  readonly flags: readonly string[]
  readonly masterId: string
  readonly linked: boolean
  readonly ranges: readonly (readonly [from: number, to: number])[]
}

async function linesOf(node: ClusterNode): Promise<Line[]> {
  const text = (await node.client.cluster('NODES')) as string
  return text
    .trim()
    .split('\n')
    .map((line) => {
      const [id = '', , flags = '', masterId = '', , , , link, ...slots] = line.split(' ')
      const ranges = slots
        .filter((slot) => !slot.startsWith('['))
        .map((slot) => slot.split('-').map(Number))
        .map(([from = 0, to = from]) => [from, to] as const)
      return { id, flags: flags.split(','), masterId, linked: link === 'connected', ranges }
    })
}

async function info(node: Pick<ClusterNode, 'client'>): Promise<string> {
  return node.client.cluster('INFO')
}

async function form(nodes: readonly Awaited<ReturnType<typeof startNode>>[]): Promise<ClusterNode[]> {
  const members: ClusterNode[] = []
  for (const [index, node] of nodes.entries()) {
    await until(() => node.client.status === 'ready')
    await node.client.cluster('SET-CONFIG-EPOCH', index + 1)
    members.push({ ...node, id: await node.client.cluster('MYID') })
  }
  const masters = members.slice(0, MASTERS)
  for (const [index, { client }] of masters.entries()) {
    const from = Math.ceil((SLOTS * index) / MASTERS)
    const to = Math.ceil((SLOTS * (index + 1)) / MASTERS) - 1
    await client.call('CLUSTER', 'ADDSLOTSRANGE', from, to)
  }
  for (const { client } of members)
    for (const { port, busPort } of nodes) await client.call('CLUSTER', 'MEET', '127.0.0.1', port, busPort)
  for (const node of members)
    await until(async () => (await info(node)).includes(`cluster_known_nodes:${members.length}`))
  for (const [index, { client }] of members.slice(MASTERS).entries()) {
    const { id = '' } = masters[index] ?? {}
    await until(async () => (await client.cluster('REPLICATE', id).catch(() => null)) === 'OK')
  }
  return members
}

/** Starts it; `stop` it in the test file's teardown. Its servers die with the test's process in any case. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const count = options.replicas === false ? MASTERS : 2 * MASTERS
  const nodes = await form(await Promise.all(Array.from({ length: count }, () => startNode(options))))

  async function view(): Promise<Line[]> {
    for (const node of nodes) {
      const lines = await linesOf(node).catch(() => null)
      if (lines !== null) return lines
    }
    throw new Error('no node of the cluster answers')
  }
  function named(id: string | undefined): ClusterNode {
    const node = nodes.find((known) => known.id === id)
    if (node === undefined) throw new Error(`no node ${String(id)}`)
    return node
  }
  const owns = (line: Line, slot: number): boolean =>
    line.ranges.some(([from, to]) => from <= slot && slot <= to)

  async function masterOf(tag: string): Promise<ClusterNode> {
    const slot = slotOf(tag)
    return named((await view()).find((line) => owns(line, slot))?.id)
  }

  async function agree(): Promise<boolean> {
    const pictures = new Set<string>()
    for (const node of nodes) {
      const lines = await linesOf(node).catch(() => null)
      if (lines === null) continue
      if (!(await info(node)).includes('cluster_state:ok')) return false
      const owners = lines
        .filter(({ ranges }) => ranges.length > 0)
        .map(({ id, ranges }) => `${id} ${ranges.join()}`)
      const followers = lines
        .filter(({ flags }) => flags.includes('slave'))
        .map(({ id, masterId }) => `${id} follows ${masterId}`)
      pictures.add([...owners.sort(), ...followers.sort()].join(';'))
      const isReplica = lines.some(({ flags }) => flags.includes('myself') && flags.includes('slave'))
      if (isReplica && !(await node.client.info('replication')).includes('master_link_status:up'))
        return false
    }
    return pictures.size === 1
  }

  const cluster: RedisCluster = {
    seeds: nodes.map(({ port }) => `${options.tls === undefined ? '127.0.0.1' : 'localhost'}:${port}`),
    options,
    nodes,
    masters: async () =>
      (await view())
        .filter(({ flags, ranges }) => flags.includes('master') && ranges.length > 0)
        .map(({ id }) => named(id)),
    masterOf,
    async replicaOf(master) {
      const lines = await view()
      return named(lines.find(({ masterId, flags }) => masterId === master.id && !flags.includes('fail'))?.id)
    },
    async tagOn(master, prefix) {
      const line = (await view()).find(({ id }) => id === master.id)
      for (let i = 1; line !== undefined; i += 1) {
        const tag = `${prefix}-${i}`
        if (owns(line, slotOf(tag))) return tag
      }
      throw new Error('this node is no master')
    },
    settled: () =>
      until(agree, { timeoutMs: 120_000, what: 'the cluster is whole, and all of its nodes say so' }),
    async stop() {
      for (const { client } of nodes) client.disconnect()
      for (const node of nodes) node.thaw()
      await Promise.all(nodes.map((node) => node.stop()))
    },
  }
  await cluster.settled()
  return cluster
}

/** How often nodes have answered a command with this error. */
export async function errorReplies(
  nodes: readonly ClusterNode[],
  code: 'MOVED' | 'ASK' | 'TRYAGAIN' | 'CROSSSLOT',
): Promise<number> {
  const texts = await Promise.all(nodes.map(({ client }) => client.info('errorstats')))
  const found = texts.map((text) => new RegExp(`errorstat_${code}:count=(\\d+)`).exec(text)?.[1])
  return found.reduce((sum, count) => sum + Number(count ?? 0), 0)
}

export interface SlotMove {
  readonly from: ClusterNode
  readonly to: ClusterNode
  /** Called while the slot's keys are split between both nodes: then scripts get TRYAGAIN. */
  readonly halfway?: () => Promise<void>
  /** Called when all keys have moved and the first node still owns the slot: it answers ASK. */
  readonly atEnd?: () => Promise<void>
}

/**
 * Moves a slot with all of its keys, as `redis-cli --cluster reshard` does. Waits for `halfway` while the keys are
 * split between the nodes.
 */
export async function moveSlot(
  cluster: RedisCluster,
  slot: number,
  { from, to, halfway, atEnd }: SlotMove,
): Promise<number> {
  await to.client.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id)
  await from.client.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id)
  const { password } = cluster.options
  const auth = password === undefined ? [] : ['AUTH', password]
  let moved = 0
  for (;;) {
    const keys = (await from.client.call('CLUSTER', 'GETKEYSINSLOT', slot, 2)) as string[]
    if (keys.length === 0) break
    await from.client.call('MIGRATE', '127.0.0.1', to.port, '', 0, 5_000, ...auth, 'KEYS', ...keys)
    if (moved === 0) await halfway?.()
    moved += keys.length
  }
  await atEnd?.()
  for (const node of [to, from, ...(await cluster.masters())])
    await node.client.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id)
  return moved
}

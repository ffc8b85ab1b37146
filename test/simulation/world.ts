/** One organization, three gateways' ledgers, each behind a bad network, and what became of every call. */
import assert from 'node:assert/strict'
import { mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import type { Redis } from 'ioredis'
import type { Charge, Hold } from '../../src/core/hold.ts'
import type { Microcredits } from '../../src/core/units.ts'
import type { RedisClient } from '../../src/store/connection.ts'
import type { OpenPeriod } from '../../src/directory/configure.ts'
import { createDriftDirectory } from '../../src/directory/drift/check.ts'
import { Journal } from '../../src/journal/journal.ts'
import * as keys from '../../src/store/keys.ts'
import { createRedisLedger, type RedisLedger } from '../../src/ledger/redis-ledger.ts'
import { SCRIPT_NAMES, scriptSource } from '../../src/store/scripts.ts'
import { countingMetrics, openClient, silent } from '../support/ledger.ts'
import { until } from '../support/until.ts'
import { GATEWAYS, type Action, type Setting, type SimulatedCall } from './actions.ts'
import { check, Peaks, readBooks, type Books } from './books.ts'
import { startFaultyProxy, type FaultyProxy } from './faulty-proxy.ts'
import { createOrganization } from './organization.ts'
import { removeFolder } from '../support/folder.ts'

const ORG = 'sim'
/** Longer than any run: leases end when an action says so. */
const LEASE_MS = 86_400_000
/** How long a gateway here waits for an answer: less than in production, so that a second of faults is a few of them. */
const COMMAND_TIMEOUT_MS = 250
/** And when the network is good again. */
const HEALED_TIMEOUT_MS = 60_000
const DELAY_MS = 15
const AWAIT_MS = 400

interface Gateway {
  readonly proxy: FaultyProxy
  /** Starts another process in its place. */
  readonly open: () => Promise<Pick<Gateway, 'client' | 'journal' | 'ledger'>>
  client: Redis
  journal: MortalJournal
  ledger: RedisLedger
  /** How far this machine's clock is off. */
  skewMs: number
  /** Counts its lives: a crash ends one. */
  life: number
}

/** A journal whose process can die while others of this one go on: what is to be written after that is written by nobody. */
class MortalJournal extends Journal {
  #isDead = false

  override async settle(hold: Hold, charge: Charge, mayHaveCome: boolean): Promise<void> {
    return this.#isDead ? NEVER : super.settle(hold, charge, mayHaveCome)
  }

  override async free(hold: Hold): Promise<void> {
    return this.#isDead ? NEVER : super.free(hold)
  }

  /** Answers what the disk has that the store may not have, and leaves it to whoever takes it over. */
  async die(): Promise<string[]> {
    this.#isDead = true
    const kept = this.books.flatMap(({ payable }) => payable)
    await this.close()
    return kept.flatMap((entry) => ('hold' in entry ? [entry.hold.id] : []))
  }
}

const NEVER = new Promise<void>(() => undefined)

/** A call that was admitted, as its client knows it. */
interface Admitted {
  readonly hold: Hold
  readonly prompt: number
  readonly gateway: number
  readonly life: number
  /** How it was ended, if it was; null for a free. */
  end: { readonly cost: number | null } | null
  /** Its lease has run out at some time: whatever the gateway says may have come after its expiry. */
  leaseEnded: boolean
}

export interface Counts {
  readonly calls: number
  readonly faults: number
  readonly crashes: number
  /** Holds that had expired, and were given back. */
  readonly returns: number
  /** What gateways that crashed had written down, and others brought to the store. */
  readonly adopted: number
}

export interface World {
  perform(action: Action): Promise<void>
  /** Reads the store and checks the invariants. */
  check(): Promise<void>
  /** Ends all calls, lets every lease run out, and checks what became of every hold. */
  conclude(): Promise<void>
  readonly counts: () => Counts
  close(): Promise<void>
}

export interface WorldOptions {
  readonly port: number
  readonly password: string
  readonly database: number
  readonly setting: Setting
}

async function openGateway(url: string, dir: string, skew: () => number): ReturnType<Gateway['open']> {
  const client = (await openClient({ url })) as Redis
  const journal = new MortalJournal({ dir, maxBytes: 1_000_000, logger: silent })
  const ledger = await createRedisLedger({
    redis: client,
    journal,
    leaseMs: LEASE_MS,
    userDayLifeMs: 62 * LEASE_MS,
    metrics: countingMetrics(),
    logger: silent,
    onCrossings: () => undefined,
    wallClock: () => Date.now() + skew(),
  })
  client.options.commandTimeout = COMMAND_TIMEOUT_MS
  return { client, journal, ledger }
}

async function fill(redis: RedisClient, setting: Setting): Promise<void> {
  await redis.flushdb()
  for (const name of SCRIPT_NAMES) await redis.script('LOAD', scriptSource(name))
  await createOrganization(redis, ORG, setting)
}

export async function openWorld({ port, password, database, setting }: WorldOptions): Promise<World> {
  const urlAt = (at: number): string => `redis://:${password}@127.0.0.1:${at}/${database}`
  const redis = await openClient({ url: urlAt(port) })
  await fill(redis, setting)
  const dir = mkdtempSync(join(tmpdir(), 'tg-simulation-'))
  const gateways: Gateway[] = []
  for (let index = 0; index < GATEWAYS; index += 1) {
    const timeOutMs = COMMAND_TIMEOUT_MS + 100
    const proxy = await startFaultyProxy({ target: port, password, database, delayMs: DELAY_MS, timeOutMs })
    const skew = (): number => gateways[index]?.skewMs ?? 0
    const open = (): ReturnType<Gateway['open']> => openGateway(urlAt(proxy.port), dir, skew)
    gateways.push({ proxy, open, ...(await open()), skewMs: 0, life: 0 })
  }
  return new Simulated(redis, gateways, setting, dir)
}

class Simulated implements World {
  readonly #redis: RedisClient
  readonly #gateways: Gateway[]
  readonly #setting: Setting
  readonly #admitted: Admitted[] = []
  readonly #excess = new Map<string, number>()
  readonly #peaks = new Peaks()
  readonly #dir: string
  /** Holds whose end a gateway had written down when it crashed. */
  readonly #journaled = new Set<string>()
  #crashes = 0
  #returns = 0

  constructor(redis: RedisClient, gateways: Gateway[], setting: Setting, dir: string) {
    this.#dir = dir
    this.#redis = redis
    this.#gateways = gateways
    this.#setting = setting
  }

  counts = (): Counts => ({
    calls: this.#admitted.length,
    crashes: this.#crashes,
    returns: this.#returns,
    adopted: this.#journaled.size,
    faults: this.#gateways
      .flatMap(({ proxy }) => Object.values(proxy.happened))
      .reduce((total, count) => total + count, 0),
  })

  async perform(action: Action): Promise<void> {
    switch (action.kind) {
      case 'calls':
        return this.#calls(action.calls, action.crash)
      case 'finish':
        return this.#finish(action.which, action.how === 'free' ? null : action.cost, true)
      case 'settle again':
        return this.#settleAgain(action.which)
      case 'freed late':
        return this.#freedLate(action.which, action.gateway)
      case 'faults':
        for (const fault of action.faults) this.#gateway(action.gateway).proxy.arm(fault)
        return
      case 'replay': {
        const { proxy } = this.#gateway(action.gateway)
        if (proxy.kept() > 0) await proxy.replay(action.which)
        return
      }
      case 'crash':
        return this.#crash(action.gateway, action.heir)
      case 'leases of dead gateways end':
        for (const call of this.#admitted) if (!this.#isAlive(call)) await this.#endLease(call)
        return
      case 'lease ends': {
        const open = this.#admitted.filter(({ end }) => end === null)
        const call = open[action.which % open.length]
        if (call !== undefined) await this.#endLease(call)
        return
      }
      case 'sweep':
        return this.#sweep(action.gateway)
      case 'clock jumps':
        this.#gateway(action.gateway).skewMs += action.ms
        return
      case 'period ends':
        await this.#redis.hset(keys.org(ORG), 'period_end', String(Date.now() - 1_000))
    }
  }

  async check(): Promise<void> {
    const books = await readBooks(this.#redis, ORG)
    check(books, this.#setting, this.#excess, this.#peaks)
    this.#returns = [...books.resolved.values()].filter(({ status }) => status === 'returned').length
  }

  async conclude(): Promise<void> {
    for (const { proxy, client } of this.#gateways) {
      proxy.heal()
      client.options.commandTimeout = HEALED_TIMEOUT_MS
    }
    for (let open = this.#open(); open.length > 0; open = this.#open()) await this.#finish(0, 50, false)
    for (const { ledger } of this.#gateways) assert.ok(await ledger.drained(20_000), 'settles are stuck')
    const isPaid = (): boolean => this.#gateways.every(({ journal }) => journal.entries === 0)
    await until(isPaid, { what: 'the journals are brought to the store', timeoutMs: 120_000 })
    await this.check()
    // Only holds of the dead are left: their leases run out, and any gateway frees them.
    const { leases } = await readBooks(this.#redis, ORG)
    const alive = new Set(
      this.#admitted.filter((call) => this.#isAlive(call)).map(({ hold }) => minter(hold.id)),
    )
    for (const lease of leases) {
      const [, , id = ''] = lease.split(' ')
      // A refused question that a network delivers once more may be admitted then: that one only its lease ends.
      assert.ok(
        this.#wasTwice(id) || !alive.has(minter(id)),
        `${lease} is left to its lease, though its gateway lives`,
      )
    }
    for (const lease of leases) await this.#overdue(lease)
    const { ledger } = this.#gateway(0)
    await until(async () => {
      await ledger.sweep().catch(() => undefined)
      return (await this.#redis.zcard(keys.leases(ORG))) === 0
    })
    await this.check()
    this.#checkOutcomes(await readBooks(this.#redis, ORG))
    // What operators look with must see what these books see.
    const openPeriod: OpenPeriod = (org, now) => ledger.openPeriod(org, now)
    const drift = await createDriftDirectory({ redis: this.#redis, openPeriod }).checkDrift(ORG, null)
    assert.deepEqual(drift?.differences, [], 'drift')
  }

  async close(): Promise<void> {
    for (const { ledger, client, journal, proxy } of this.#gateways) {
      ledger.close()
      client.disconnect()
      await journal.die()
      await proxy.stop()
    }
    this.#redis.disconnect()
    removeFolder(this.#dir)
  }

  // --- what clients and gateways do ---------------------------------------------------------------------------------------

  async #calls(calls: readonly SimulatedCall[], crash: number | null): Promise<void> {
    const all = calls.map((call) => this.#call(call))
    if (crash !== null) {
      // In the middle of it: scripts are on their way, replies are not back.
      await pause(1)
      await this.#crash(crash, null)
    }
    await Promise.all(all)
  }

  async #call(call: SimulatedCall): Promise<void> {
    const gateway = this.#gateway(call.gateway)
    const { life } = gateway
    const promptPrice = Math.floor((call.worstCase * call.prompt) / 100)
    const result = await gateway.ledger
      .reserve({
        org: ORG,
        user: call.user,
        source: call.source,
        model: call.model,
        worstCase: call.worstCase as Microcredits,
        strictWorstCase: call.worstCase as Microcredits,
        promptPrice: promptPrice as Microcredits,
        mayEnroll: false,
      })
      // Whether it held is not known: then the gateway releases it, or its lease does.
      .catch(() => null)
    // A gateway that crashed meanwhile has told nobody; its hold is nobody's.
    if (result?.status !== 'reserved' || gateway.life !== life) return
    const place = this.#gateways.indexOf(gateway)
    const admitted: Admitted = {
      hold: result.hold,
      prompt: promptPrice,
      gateway: place,
      life,
      end: null,
      leaseEnded: false,
    }
    this.#admitted.push(admitted)
    if (call.end !== 'stay') await this.#end(admitted, call.end === 'free' ? null : call.cost, call.isAwaited)
  }

  /** Calls in flight of gateways that live. */
  #open(): Admitted[] {
    return this.#admitted.filter((call) => call.end === null && this.#isAlive(call))
  }

  async #finish(which: number, percent: number | null, isAwaited: boolean): Promise<void> {
    const open = this.#open()
    const call = open[which % open.length]
    if (call !== undefined) await this.#end(call, percent, isAwaited)
  }

  /** `percent` of the hold is what it cost; null frees it. Under `strict` nothing costs more than its worst case. */
  async #end(call: Admitted, percent: number | null, isAwaited: boolean): Promise<void> {
    const { hold } = call
    const { ledger } = this.#gateway(call.gateway)
    const most = this.#setting.admission === 'strict' ? 100 : Infinity
    const cost = percent === null ? null : Math.floor((hold.amount * Math.min(percent, most)) / 100)
    call.end = { cost }
    // What may pass the limit: the part above the hold, and all of it where the hold may be gone already.
    const above = (cost ?? 0) - (call.leaseEnded ? 0 : hold.amount)
    if (above > 0) this.#excess.set(hold.user, (this.#excess.get(hold.user) ?? 0) + above)
    if (cost === null) ledger.free(hold)
    else ledger.settle(hold, chargeOf(hold, cost))
    if (isAwaited) await ledger.drained(AWAIT_MS)
  }

  /** A sweep that the network breaks off is made again by the next one. */
  async #sweep(gateway: number): Promise<void> {
    await this.#gateway(gateway)
      .ledger.sweep()
      .catch(() => undefined)
  }

  async #freedLate(which: number, gateway: number): Promise<void> {
    const open = this.#open()
    const call = open[which % open.length]
    if (call === undefined) return
    await this.#endLease(call)
    await this.#sweep(gateway)
    await this.#end(call, null, true)
  }

  async #settleAgain(which: number): Promise<void> {
    const ended = this.#admitted.filter((call) => call.end !== null && this.#isAlive(call))
    const call = ended[which % ended.length]
    if (call?.end?.cost === null || call?.end?.cost === undefined) return
    const { ledger } = this.#gateway(call.gateway)
    ledger.settle(call.hold, chargeOf(call.hold, call.end.cost))
    await ledger.drained(AWAIT_MS)
  }

  /** The process is gone with all that it knew but its journal; another one starts at the same place, and takes that over unless the heir has. */
  async #crash(place: number, heir: number | null): Promise<void> {
    const gateway = this.#gateway(place)
    gateway.ledger.close()
    gateway.client.disconnect()
    gateway.life += 1
    this.#crashes += 1
    gateway.proxy.heal()
    for (const id of await gateway.journal.die()) this.#journaled.add(id)
    if (heir !== null && this.#gateway(heir) !== gateway) this.#gateway(heir).journal.adopt()
    Object.assign(gateway, await gateway.open())
  }

  async #endLease(call: Admitted): Promise<void> {
    const { hold } = call
    if (call.end !== null && call.end.cost !== null && !call.leaseEnded) {
      // Its settle may still be on its way, also where its gateway has died since: the network may have kept it.
      this.#excess.set(hold.user, (this.#excess.get(hold.user) ?? 0) + Math.min(hold.amount, call.end.cost))
    }
    call.leaseEnded = true
    await this.#overdue(keys.lease(hold.periodNo, hold.day, hold.id, hold.user))
  }

  /** Moves the end of a lease into the past, where it is still there. */
  async #overdue(lease: string): Promise<void> {
    const [period = '', , , user = ''] = lease.split(' ')
    const isThere = await this.#redis.zadd(keys.leases(ORG), 'XX', 'CH', 1, lease)
    if (isThere === 0) return
    await this.#redis.hset(keys.user(ORG, Number(period), user), 'sweep_at', '1')
  }

  // --- what must have come of it --------------------------------------------------------------------------------------------

  /** Every hold was resolved once, to what the rules allow for what happened to it (C3, C5, C6). */
  #checkOutcomes(after: Books): void {
    const known = new Map(this.#admitted.map((call) => [call.hold.id, call]))
    assert.deepEqual(after.leases, [], 'no hold is left')
    for (const [id, call] of known) {
      const outcome = after.resolved.get(id)
      const may = this.#allowed(call)
      const what = `${id} of ${call.hold.user}: ${JSON.stringify({ ...call, hold: undefined, outcome })}`
      assert.ok(outcome !== undefined && may.has(outcome.amount), `${what} may be ${[...may].join(' or ')}`)
    }
    // Whoever was never told of a hold pays its prompt at the most, and only where its gateway died.
    for (const [id, { status }] of after.resolved) {
      if (known.has(id) || status === 'freed' || status === 'returned') continue
      assert.equal(status, 'expired', `${id}, which nobody was told of, was charged`)
      assert.ok(
        this.#crashes > 0 || this.#wasTwice(id),
        `${id}, which nobody was told of, was left to its lease`,
      )
    }
  }

  #wasTwice(holdId: string): boolean {
    return this.#gateways.some(({ proxy }) => proxy.wasTwice(holdId))
  }

  #allowed(call: Admitted): Set<number> {
    const { end, hold, prompt, leaseEnded } = call
    const isDead = !this.#isAlive(call)
    const expires = leaseEnded || isDead
    // What it had written down comes to the store all the same.
    const died = isDead && !this.#journaled.has(hold.id)
    if (end === null) return new Set([prompt])
    const { cost } = end
    // Its gateway tries until the store has it, and then nothing is left of what expiring charged.
    if (cost === null) return new Set(died ? [0, prompt] : [0])
    return new Set([cost, ...(expires ? [Math.max(cost, prompt)] : []), ...(died ? [prompt] : [])])
  }

  #isAlive({ gateway, life }: Admitted): boolean {
    return this.#gateway(gateway).life === life
  }

  #gateway(place: number): Gateway {
    const gateway = this.#gateways[place % this.#gateways.length]
    if (gateway === undefined) throw new Error('no gateway')
    return gateway
  }
}

/** The gateway, in the life in which it made this id. */
function minter(holdId: string): string {
  return holdId.split('.')[1] ?? ''
}

function chargeOf(hold: Hold, cost: number) {
  return { cost: cost as Microcredits, model: hold.model, inputTokens: 7, outputTokens: 3 }
}

/** What happens to a soak's world, at random, on a schedule that its seed decides. */
import { setTimeout as pause } from 'node:timers/promises'
import type { Life, World } from './world.ts'

export const FAULTS = [
  'the store hangs',
  'connections are cut',
  'the store restarts',
  'scripts are flushed',
  'a gateway is killed',
  // The second gateway has workers in every other life: after it was killed, and until it is stopped.
  'a worker is killed',
  'a gateway is stopped',
  'mail is down',
] as const
export type Fault = (typeof FAULTS)[number]

export interface Happened {
  readonly fault: Fault
  readonly from: number
  readonly to: number
}

export interface FaultOptions {
  readonly world: World
  readonly random: () => number
  readonly mailDownMs: number
  /** Something happened that must not, such as a gateway that did not stop in good order. */
  readonly onViolation: (what: string) => void
}

const HANG_MS = 1_000

/** Lets one happen; resolves when it is over: false where there was nothing that it could happen to. */
export async function strike(fault: Fault, options: FaultOptions): Promise<boolean> {
  const { world, random, onViolation } = options
  const { store, proxies, mailbox } = world
  // The first gateway lives from the start to the end.
  const place = 1 + Math.floor(random() * (world.lives.length - 1))
  const life = world.lives[place]
  switch (fault) {
    case 'the store hangs':
      store.freeze()
      await pause(HANG_MS)
      store.thaw()
      return true
    case 'connections are cut':
      proxies[Math.floor(random() * proxies.length)]?.cut()
      return true
    case 'the store restarts':
      await store.kill()
      await pause(random() * HANG_MS)
      await store.restart()
      return true
    case 'scripts are flushed':
      await world.flushScripts()
      return true
    case 'a gateway is killed':
      if (life === undefined) return false
      await replace(world, place, life, () => killed(life))
      return true
    case 'a gateway is stopped':
      if (life === undefined) return false
      await replace(world, place, life, async () => {
        const code = await life.gateway.stop()
        if (code !== 0) onViolation(`a gateway that was asked to stop exited with ${String(code)}`)
      })
      return true
    case 'a worker is killed': {
      const [worker] = life === undefined ? [] : await world.workersOf(life)
      if (life === undefined || worker === undefined) return false
      life.kills.push(Date.now())
      process.kill(worker, 'SIGKILL')
      return true
    }
    case 'mail is down':
      await mailbox.mailDown()
      await pause(options.mailDownMs)
      await mailbox.mailUp()
      return true
  }
}

async function killed(life: Life): Promise<void> {
  life.kills.push(Date.now())
  await life.gateway.kill()
}

/** As behind a load balancer: no call goes to the old one any more, and none to the new one before it listens. */
async function replace(world: World, place: number, life: Life, end: () => Promise<void>): Promise<void> {
  life.isReady = false
  await end()
  await life.agent.destroy()
  await world.start(place)
}

/** Waits so long; false as soon as the signal says that it is over. */
export async function waits(ms: number, signal: AbortSignal): Promise<boolean> {
  return pause(ms, true, { signal }).catch(() => false)
}

/** Faults one after the other, with pauses between, until told to stop. */
export async function strikeAtRandom(
  options: FaultOptions,
  { betweenMs, signal, happened }: { betweenMs: number; signal: AbortSignal; happened: Happened[] },
): Promise<void> {
  const { random } = options
  while (await waits(betweenMs * (0.5 + random()), signal)) {
    const fault = FAULTS[Math.floor(random() * FAULTS.length)] ?? 'the store hangs'
    const from = Date.now()
    if (await strike(fault, options)) happened.push({ fault, from, to: Date.now() })
  }
}

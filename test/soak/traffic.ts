/** Calls at random moments, at a rate, through whichever gateway is ready. */
import { request } from 'undici'
import { askedOf, send } from './client.ts'
import { diedAround, type Call } from './fates.ts'
import { waits } from './faults.ts'
import type { Household } from './households.ts'
import { draw } from './plan.ts'
import type { Life, World } from './world.ts'

export interface Traffic {
  /** Calls that ended since they were last taken. */
  take(): Call[]
  /** Starts calls until the signal; resolves when the last of them has ended. */
  run(signal: AbortSignal): Promise<void>
  /** How many were made. */
  readonly count: () => number
}

export interface TrafficOptions {
  readonly world: World
  readonly random: () => number
  readonly households: readonly Household[]
  readonly perSecond: number
  readonly onViolation: (what: string) => void
}

/** A share of the calls costs nothing: a list of models, or the caller's own standing. */
const FREE_SHARE = 0.04

export function createTraffic({
  world,
  random,
  households,
  perSecond,
  onViolation,
}: TrafficOptions): Traffic {
  const running = new Set<Promise<void>>()
  let ended: Call[] = []
  let count = 0

  async function call(place: number, life: Life): Promise<void> {
    const plan = draw(random, `call-${count}`, households)
    world.origin.announce(plan)
    const asked = askedOf(plan)
    const startedAt = Date.now()
    const seen = await send(life.agent, life.gateway.dataUrl, asked, plan.leavesAfterMs)
    const bytes = Buffer.byteLength(asked.body)
    ended.push({ plan, bytes, place, life, startedAt, endedAt: Date.now(), seen })
  }

  async function free(life: Life): Promise<void> {
    const household = households[count % households.length]
    const [user, key] = [...(household?.ownKeys ?? [])][count % 5] ?? []
    if (key === undefined) return
    const path = count % 2 === 0 ? '/openai/v1/models' : '/tollgate/v1/me'
    const headers = { authorization: `Bearer ${key}` }
    const startedAt = Date.now()
    try {
      const answer = await request(life.gateway.dataUrl + path, { headers, dispatcher: life.agent })
      const text = await answer.body.text()
      if (answer.statusCode !== 200 && answer.statusCode !== 503) {
        onViolation(`${path} of ${String(user)}: ${answer.statusCode} ${text}`)
      }
    } catch (error) {
      if (!diedAround(life, startedAt, Date.now()))
        onViolation(`${path} of ${String(user)}: ${String(error)}`)
    }
  }

  return {
    count: () => count,
    take() {
      const taken = ended
      ended = []
      return taken
    },
    async run(signal) {
      while (await waits((-Math.log(1 - random()) / perSecond) * 1_000, signal)) {
        const ready = world.lives.flatMap((life, place) => (life.isReady ? [{ life, place }] : []))
        const chosen = ready[Math.floor(random() * ready.length)]
        if (chosen === undefined) continue
        count += 1
        const isFree = random() < FREE_SHARE
        const one = isFree ? free(chosen.life) : call(chosen.place, chosen.life)
        const tracked = one.finally(() => running.delete(tracked))
        running.add(tracked)
      }
      await Promise.all(running)
    },
  }
}

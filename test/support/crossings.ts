/**
 * Records every crossing that a script adds to an outbox. MONITOR shows the XADD itself, so a crossing is seen even if
 * a relay removes it at once.
 */
import { Redis } from 'ioredis'
import { until } from './until.ts'

/** The fields of an entry, in the order of their firing. */
export type SeenCrossing = Readonly<Record<string, string>> & { readonly type: string }

export interface CrossingWatch {
  /** All crossings that were added to the organization's outbox so far. */
  of(org: string): Promise<SeenCrossing[]>
  stop(): void
}

export async function watchCrossings(url: string): Promise<CrossingWatch> {
  const redis = new Redis(url)
  const monitor = await redis.monitor()
  const seen = new Map<string, SeenCrossing[]>()
  const marks = new Set<string>()
  let asked = 0
  monitor.on('monitor', (_time: string, args: string[]) => {
    const [command = '', key = ''] = args
    const flat = args.slice(3)
    if (command.toLowerCase() === 'echo') marks.add(key)
    const [, org] = /^tg:\{(.*)\}:outbox$/.exec(key) ?? []
    if (command.toLowerCase() !== 'xadd' || org === undefined) return
    const fields: Record<string, string> = {}
    for (let index = 0; index + 1 < flat.length; index += 2) fields[flat[index] ?? ''] = flat[index + 1] ?? ''
    seen.set(org, [...(seen.get(org) ?? []), fields as SeenCrossing])
  })
  return {
    async of(org) {
      asked += 1
      const mark = `crossings-${process.pid}-${asked}`
      await redis.echo(mark)
      await until(() => marks.has(mark), { what: 'MONITOR has caught up' })
      return seen.get(org) ?? []
    },
    stop() {
      monitor.disconnect()
      redis.disconnect()
    },
  }
}

/** What a soak says of itself at every comparison. */
import { FAULTS } from './faults.ts'
import type { Soak } from './run.ts'
import { growthOf, type Growth } from './watch.ts'

/** Memory counts as growing when its last quarter lies so far above its second … */
const MOST_GROWTH = 1.15
/** … and as known when there are so many samples, of 40 minutes: until then a process that is seldom called warms up. */
const FEWEST_SAMPLES = 1_200
const MORE_FILES = 20

export function summary(soak: Soak, started: number): string[] {
  const { traffic, changes, happened, audit, watch, violate } = soak
  const minutes = ((Date.now() - started) / 60_000).toFixed(1)
  const counted = FAULTS.map((fault) => `${happened.filter((one) => one.fault === fault).length} × ${fault}`)
  const memory = growthOf(watch.samples, ({ residentKiB }) => residentKiB / 1_024)
  const files = growthOf(watch.samples, ({ files: open }) => open)
  const { crossings, mails, posts, repeats } = soak.deliveries.counts()
  const lines = [
    `--- ${minutes} min: ${traffic.count()} calls, ${changes.count()} changes by admins`,
    `faults: ${counted.join(', ')}`,
    ...itemised(soak),
    `crossings: ${crossings}, each in the queue once; ${mails} mails and ${posts} posts, ${repeats} of them repeats`,
    `leases that ran out: ${audit.expired()}`,
    `resident MiB: ${shown(memory)}; open files: ${shown(files)}`,
  ]
  if (watch.samples.length >= FEWEST_SAMPLES) {
    const [, memorySecond = 0, , memoryLast = 0] = memory.quarters
    const [, filesSecond = 0, , filesLast = 0] = files.quarters
    if (memoryLast > memorySecond * MOST_GROWTH) violate(`memory grows: ${shown(memory)}`)
    if (filesLast > filesSecond + MORE_FILES) violate(`open files grow: ${shown(files)}`)
  }
  return lines
}

function shown({ quarters, slopePerHour }: Growth): string {
  const medians = quarters.map((number) => number.toFixed(1)).join(' ')
  return `${medians} (medians of the quarters), ${slopePerHour.toFixed(1)} an hour`
}

/** Microcredits are shown as credits with every digit. */
const credits = (amount: number): string => (amount / 1_000_000).toFixed(6)

function itemised({ audit }: Soak): string[] {
  const rows = [...audit.items].sort(([a], [b]) => (a < b ? -1 : 1))
  const sum = (read: (item: { served: number; charged: number; calls: number }) => number): number =>
    rows.reduce((total, [, item]) => total + read(item), 0)
  const row = (name: string, calls: number, served: number, charged: number): string =>
    `  ${name.padEnd(30)} ${String(calls).padStart(7)} calls  served ${credits(served).padStart(14)}  charged ${credits(charged).padStart(14)}  difference ${credits(charged - served)}`
  return [
    ...rows.map(([name, { calls, served, charged }]) => row(name, calls, served, charged)),
    row(
      'all',
      sum(({ calls }) => calls),
      sum(({ served }) => served),
      sum(({ charged }) => charged),
    ),
  ]
}

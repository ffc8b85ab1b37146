/** The journal's file: what is whole of it counts, whatever happened to the rest (D2). */
import { appendFileSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { StoreUnavailable } from '../../src/store/unavailable.ts'
import type { Microcredits, UnixMs } from '../../src/core/units.ts'
import { Journal } from '../../src/journal/journal.ts'
import { readLines } from '../../src/journal/lines.ts'
import { orphanId, ownName } from '../../src/journal/owner.ts'
import { charge, silent } from '../support/ledger.ts'
import { until } from '../support/until.ts'

const call = {
  org: 'acme',
  user: 'ada',
  source: 'chat',
  model: 'm',
  promptPrice: 7 as Microcredits,
  at: 1 as UnixMs,
  orgCreatedAt: '',
} as const

function open(dir: string, maxBytes = 1_000_000): Journal {
  return new Journal({ dir, maxBytes, logger: silent })
}

/** A journal whose process is gone, with calls of these costs, and the name of its file. */
async function leftBehind(t: Test, costs: readonly number[]): Promise<{ dir: string; file: string }> {
  const dir = t.testdir({})
  const journal = open(dir)
  for (const cost of costs) journal.end(await journal.admit(call), charge(cost))
  await until(() => journal.books[0]?.payable.length === costs.length)
  await journal.close()
  const [name = ''] = readdirSync(dir)
  return { dir, file: join(dir, name) }
}

async function costsAdopted(dir: string): Promise<number[]> {
  const journal = open(dir)
  journal.adopt()
  await until(() => journal.books.every(({ open: left }) => left === 0))
  const costs = journal.books.flatMap((book) =>
    book.payable.map((entry) => ('charge' in entry ? entry.charge.cost / 1e6 : 0)),
  )
  await journal.close()
  return costs
}

void t.test('D2: what was written is there for the next process, in its order', async (t) => {
  const { dir } = await leftBehind(t, [1, 2, 3])
  t.same(await costsAdopted(dir), [1, 2, 3])
  t.same(
    await costsAdopted(dir),
    [1, 2, 3],
    'and for the one after that, where the first did not come to charge it',
  )
})

void t.test('D2: a torn end is no end of the rest', async (t) => {
  const { dir, file } = await leftBehind(t, [1, 2, 3])
  const text = readFileSync(file, 'utf8')
  writeFileSync(file, text.slice(0, -20))
  t.same(await costsAdopted(dir), [1, 2, 7e-6], 'the call whose end is torn is charged its prompt')
  const [name = ''] = readdirSync(dir)
  const { entries, spoilt } = readLines(readFileSync(join(dir, name), 'utf8'))
  t.same(
    [entries.length, entries.at(-1)?.kind, spoilt],
    [6, 'charge', 1],
    'what was added behind it can be read',
  )
})

void t.test('D2: a spoilt line in the middle costs that line only', async (t) => {
  const { dir, file } = await leftBehind(t, [1, 2, 3])
  const lines = readFileSync(file, 'utf8').split('\n')
  const at = lines.findIndex((line) => line.includes('"charge"') && line.includes('"cost":2000000'))
  lines[at] = lines[at]?.replace('"cost":2000000', '"cost":9000000') ?? ''
  writeFileSync(file, lines.join('\n'))
  t.same(await costsAdopted(dir), [1, 3, 7e-6])
})

void t.test('D2: a charge needs no other line than its own', async (t) => {
  const { dir, file } = await leftBehind(t, [1])
  const lines = readFileSync(file, 'utf8').split('\n')
  writeFileSync(file, lines.filter((line) => !line.includes('"admit"')).join('\n'))
  t.same(await costsAdopted(dir), [1])
})

void t.test('D2: a call that cost nothing leaves nothing', async (t) => {
  const dir = t.testdir({})
  const journal = open(dir)
  journal.end(await journal.admit(call), null)
  await until(() => journal.entries === 0)
  await journal.close()
  t.same(readdirSync(dir), [])
})

void t.test('D1: a journal keeps room for the ends of the calls that it let through', async (t) => {
  const journal = open(t.testdir({}), 65_536)
  const tickets: number[] = []
  await until(async () => {
    try {
      tickets.push(await journal.admit(call))
      return false
    } catch (error) {
      t.ok(error instanceof StoreUnavailable)
      return true
    }
  })
  for (const ticket of tickets) journal.end(ticket, charge(1))
  await until(() => journal.books[0]?.payable.length === tickets.length)
  t.ok((journal.books[0]?.file.size ?? 0) <= 65_536)
  await journal.close()
})

void t.test('D2: only the journal of a process that is gone is an orphan', async (t) => {
  const own = ownName('id')
  t.equal(
    orphanId(own, () => 0),
    null,
    'its own',
  )
  const [, pid = '', start = '', place = ''] = /^id\.(\d+)-(\d+)-(\w+)\.journal$/.exec(own) ?? []
  t.equal(
    orphanId(`id.${pid}-${Number(start) + 1}-${place}.journal`, () => 0),
    'id',
    'a pid that was used again',
  )
  const elsewhere = `id.${pid}-${start}-0123456789ab.journal`
  t.equal(
    orphanId(elsewhere, () => Date.now()),
    null,
    'of another machine, touched just now',
  )
  t.equal(
    orphanId(elsewhere, () => Date.now() - 61_000),
    'id',
    'of another machine, not touched for a minute',
  )
  t.equal(
    orphanId('notes.txt', () => 0),
    null,
  )
  await turn()
})

void t.test('D2: a file that was taken away is given up, and a new one begun', async (t) => {
  const dir = t.testdir({})
  const journal = open(dir)
  await journal.admit(call)
  const [name = ''] = readdirSync(dir)
  renameSync(join(dir, name), join(dir, 'taken.txt'))
  await journal.tidy()
  await journal.admit(call)
  t.equal(readdirSync(dir).length, 2)
  appendFileSync(join(dir, 'taken.txt'), '')
  await journal.close()
})

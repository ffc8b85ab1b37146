/** One file of a journal on a disk that fails (D2): what was said to be kept is there, what was refused is not, whatever fails next. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { JournalFile, NotWritten } from '../../src/journal/file.ts'
import { failingDiskOfThisProcess, noShims } from '../support/shim.ts'

const disk = noShims === false ? failingDiskOfThisProcess() : null

type Outcome = 'kept' | 'refused' | 'may stand'

/** A file with a first line, of ten bytes like all of them, and what becomes of what is appended to it. */
async function open(
  dir: string,
): Promise<{ file: JournalFile; lines: () => string[]; append: typeof append }> {
  const path = join(dir, 'one.journal')
  const file = new JournalFile('one', path)
  const append = (...names: string[]): Promise<Outcome[]> =>
    Promise.all(
      names.map((name) =>
        file.append(`${name.padEnd(9, '.')}\n`).then(
          (): Outcome => 'kept',
          (error: unknown): Outcome => (error instanceof NotWritten ? 'refused' : 'may stand'),
        ),
      ),
    )
  await append('first')
  return {
    file,
    append,
    lines: () =>
      readFileSync(path, 'utf8')
        .split('\n')
        .map((line) => line.replaceAll('.', '')),
  }
}

void t.test('a disk that fails', { skip: noShims }, (t) => {
  t.beforeEach(() => disk?.fail())

  void t.test('full: what did not find room is refused and leaves nothing', async (t) => {
    const { file, append, lines } = await open(t.testdir({}))
    disk?.fail({ room: 25 })
    t.same(await append('a', 'b', 'c', 'd'), ['kept', 'refused', 'refused', 'refused'])
    t.same(lines(), ['first', 'a', ''])
    disk?.fail()
    t.same(await append('e'), ['kept'])
    t.same(lines(), ['first', 'a', 'e', ''])
    t.equal(file.size, 30)
  })

  void t.test('nothing can be synced: what stands in the file was not promised to anybody', async (t) => {
    const { file, append, lines } = await open(t.testdir({}))
    disk?.fail({ syncFails: 1 })
    for (let attempt = 0; attempt < 10; attempt += 1)
      t.same(await append('a', 'b'), ['may stand', 'may stand'])
    t.equal(file.size, 10, 'what is taken back fills no journal')
    t.same(lines(), ['first', ''])
    disk?.fail()
    t.same(await append('c'), ['kept'])
    t.same(
      lines().filter((line) => line !== ''),
      ['first', 'c'],
    )
  })

  void t.test('a torn line that cannot be taken back ends where the next one begins', async (t) => {
    const { append, lines } = await open(t.testdir({}))
    disk?.fail({ room: 25, cannotCut: 1 })
    t.same(await append('a', 'b', 'c'), ['kept', 'may stand', 'may stand'])
    disk?.fail()
    t.same(await append('d', 'e'), ['kept', 'kept'])
    t.same(lines(), ['first', 'a', 'b', 'c', 'd', 'e', ''])
  })

  void t.test(
    'what was kept behind something that could not be taken back is not cut off later',
    async (t) => {
      const { append, lines } = await open(t.testdir({}))
      disk?.fail({ syncFails: 1, cannotCut: 1 })
      t.same(await append('a'), ['may stand'])
      disk?.fail()
      t.same(await append('b'), ['kept'])
      disk?.fail({ room: 5 })
      t.same(await append('c'), ['refused'])
      t.same(lines(), ['first', 'a', '', 'b', ''])
    },
  )

  void t.test('what is done with stays where it cannot be emptied, and is emptied later', async (t) => {
    const { file, append, lines } = await open(t.testdir({}))
    disk?.fail({ isReadOnly: 1 })
    await file.clear()
    t.same([lines(), file.size], [['first', ''], 10])
    t.same(await append('a'), ['may stand'])
    disk?.fail()
    await file.clear()
    t.same([lines(), file.size], [[''], 0])
    t.same(await append('b'), ['kept'])
    t.same(lines(), ['', 'b', ''])
  })
  t.end()
})

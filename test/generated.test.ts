/** What is made of the source and kept in the repository is current. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { GENERATED } from '../scripts/generate/files.ts'

for (const [file, make] of Object.entries(GENERATED)) {
  void t.test(`${file} is what the source generates (if not: npm run generate)`, async (t) => {
    const kept = readFileSync(new URL(`../${file}`, import.meta.url), 'utf8')
    const made = await make()
    // Whole files as a difference would be thousands of lines: the first line that differs is enough.
    const [keptLines, madeLines] = [kept.split('\n'), made.split('\n')]
    const line = madeLines.findIndex((text, index) => text !== keptLines[index])
    t.equal(line, -1, `line ${line + 1} should be: ${madeLines[line] ?? ''}`)
    t.equal(kept.length, made.length)
  })
}

/** SECURITY.md: what it names is there. */
import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { ROOT } from './fences.ts'

const text = readFileSync(`${ROOT}SECURITY.md`, 'utf8')

void t.test('every test that a protection names exists, and every link leads somewhere', (t) => {
  const tests = new Set(text.match(/test\/[a-z/-]+\.test\.ts/g))
  t.ok(tests.size > 20, `${tests.size} tests are named`)
  for (const file of tests) t.ok(existsSync(ROOT + file), file)
  for (const [, target = ''] of text.matchAll(/\]\(([^)#]+)[^)]*\)/g)) t.ok(existsSync(ROOT + target), target)
  t.match(readFileSync(`${ROOT}README.md`, 'utf8'), '(SECURITY.md)')
  t.end()
})

/** How steps are shown: one line that changes on a terminal, lines now and then in a log. */
import t from 'tap'
import { until } from '../support/until.ts'

interface Outcome {
  readonly isDone: boolean
  readonly output: string
}
interface Steps {
  readonly print: (text: string) => void
  readonly run: (
    title: string,
    work: (showProgress: (describe: () => string) => void) => Promise<Outcome>,
  ) => Promise<Outcome>
}
interface Out {
  readonly isTTY: boolean
  readonly columns: number
  readonly write: (text: string) => void
}
interface ReportModule {
  readonly progressText: (left: number, total: number, running: ReadonlyMap<string, number>) => string
}
interface StepsModule {
  readonly createSteps: (count: number, options: { out: Out; logMs?: number }) => Steps
  readonly duration: (since: number, until: number) => string
}
const script = (name: string): string => new URL(`../../scripts/${name}.mjs`, import.meta.url).href
const { createSteps, duration } = (await import(script('steps'))) as StepsModule
const { progressText } = (await import(script('test-report'))) as ReportModule

const DONE = { isDone: true, output: '' }

for (const isTTY of [true, false]) {
  void t.test(`${isTTY ? 'on a terminal' : 'in a log'}, a step says how far it is`, async (t) => {
    let text = ''
    const out = { isTTY, columns: 60, write: (more: string) => void (text += more) }
    const steps = createSteps(2, { out, logMs: 0 })
    let unpacked = 311
    await steps.run('Installing packages', async (showProgress) => {
      showProgress(() => `${unpacked} of 640`)
      await until(() => /\[1\/2\] Installing packages … 311 of 640 \([0-9.]+ s\)/.test(text))
      unpacked = 312
      await until(() => /\[1\/2\] Installing packages … 312 of 640 \([0-9.]+ s\)/.test(text))
      return DONE
    })
    t.match(text, /\[1\/2\] Installing packages: done \([0-9.]+ s\)\n$/)
    t.equal(text.includes('\r'), isTTY, 'only a terminal has a line that changes')
    t.equal(text.split('\n').length > 3, !isTTY)
  })
}

void t.test(
  'on a terminal, steps side by side share the line, which is never wider than the terminal',
  async (t) => {
    const lines: string[] = []
    const out = {
      isTTY: true,
      columns: 40,
      write: (text: string) => void lines.push(text.replace('\r\x1b[K', '')),
    }
    const steps = createSteps(2, { out })
    const both = () =>
      until(() => lines.some((line) => line.includes('[1/2] Types') && line.includes('· [2/2]')))
    await Promise.all(['Types', 'Lint'].map((title) => steps.run(title, async () => (await both(), DONE))))
    t.ok(lines.every((line) => line.length <= 40))
    t.match(lines.join(''), /\[1\/2\] Types: done/)
  },
)

for (const [ms, expected] of [
  [49, '0.0 s'],
  [9_940, '9.9 s'],
  [9_960, '10 s'],
  [59_400, '59 s'],
  [59_600, '1 min 0 s'],
  [125_000, '2 min 5 s'],
] as const) {
  void t.test(`${ms} ms are ${expected}`, (t) => {
    t.equal(duration(0, ms), expected)
    t.end()
  })
}

void t.test('the progress of test files names those that run, and for how long', (t) => {
  const running = new Map([['test/web/access.test.ts', performance.now() - 35_000]])
  t.equal(progressText(12, 165, running), '12 of 165 files left, web/access (35 s)')
  t.equal(progressText(165, 165, new Map()), '165 of 165 files left')
  t.end()
})

/** C10 as properties: what random sequences of reports are believed to say. */
import fc from 'fast-check'
import t from 'tap'
import {
  createReports,
  sumOfChoices,
  sumOfOutput,
  sumOfPrompt,
  type OutputSide,
  type PromptSide,
  type Report,
  type Side,
} from '../../src/core/reports.ts'
import { tokensOfText } from '../../src/core/tariff.ts'

const figure = fc.oneof(
  { weight: 2, arbitrary: fc.constant(0) },
  fc.nat({ max: 1_000 }),
  fc.constant(1_000_000_000),
)
const prompts: fc.Arbitrary<Side<PromptSide>> = fc.oneof(fc.constantFrom(null, 'nonsense' as const), {
  weight: 5,
  arbitrary: fc.record({
    input: figure,
    cachedInput: figure,
    cacheWrite: figure,
    cacheWrite1h: figure,
    audioInput: figure,
  }),
})
const outputs: fc.Arbitrary<Side<OutputSide>> = fc.oneof(fc.constantFrom(null, 'nonsense' as const), {
  weight: 5,
  arbitrary: fc.record({ output: figure, audioOutput: figure, imageOutput: figure }),
})
interface Step {
  readonly prompt: Side<PromptSide>
  readonly output: Side<OutputSide>
  readonly text: number
}
const steps = fc.array(fc.record({ prompt: prompts, output: outputs, text: fc.nat({ max: 400 }) }), {
  maxLength: 8,
})

const reportOf = ({ prompt, output }: Step): Report => ({ prompt, output, webSearches: 0, unpriced: [] })
const sound = <T>(side: Side<T>): side is T => side !== null && side !== 'nonsense'

function believe(list: readonly Step[], tail: number) {
  const reports = createReports()
  let textBytes = 0
  for (const step of list) {
    textBytes += step.text
    reports.take(reportOf(step), textBytes, false)
  }
  textBytes += tail
  return { ...reports.read(textBytes, false), textBytes }
}

/** Reports whose every figure makes sense. */
const soundSteps = steps.map((list) =>
  list.filter(({ prompt, output }) => prompt !== 'nonsense' && output !== 'nonsense'),
)

void t.test('C10: never below the largest believable report of a side, nor made up of several', (t) => {
  fc.assert(
    fc.property(soundSteps, fc.nat({ max: 400 }), (list, tail) => {
      const { usage, guessedPrompt, guessedOutput } = believe(list, tail)
      const promptsSeen = list
        .map(({ prompt }) => prompt)
        .filter(sound)
        .filter((side) => sumOfPrompt(side) > 0)
      const outputsSeen = list.map(({ output }) => output).filter(sound)
      const largest = Math.max(0, ...promptsSeen.map(sumOfPrompt))
      if (usage === null) {
        if (largest > 0) throw new Error('a prompt was reported')
        return
      }
      if (guessedPrompt !== (largest === 0) && sumOfPrompt(usage) + sumOfOutput(usage) > 0)
        throw new Error('guessed')
      if (sumOfPrompt(usage) !== largest) throw new Error(`a prompt of ${sumOfPrompt(usage)}, not ${largest}`)
      const isOne = promptsSeen.some((side) =>
        Object.entries(side).every(([kind, n]) => usage[kind as keyof PromptSide] === n),
      )
      if (largest > 0 && !isOne) throw new Error('no report had this prompt')
      if (sumOfOutput(usage) < Math.max(0, ...outputsSeen.map(sumOfOutput)))
        throw new Error('less output than reported')
      const reported = sumOfOutput(usage) - guessedOutput
      if (reported > 0 && !outputsSeen.some((side) => sumOfOutput(side) === reported))
        throw new Error('made up')
    }),
    { numRuns: 5_000 },
  )
  t.pass()
  t.end()
})

void t.test('C10: never above what was reported and a token for every four bytes of text', (t) => {
  fc.assert(
    fc.property(steps, fc.nat({ max: 400 }), (list, tail) => {
      const { usage, textBytes, guessedOutput } = believe(list, tail)
      if (usage === null) return
      const most = Math.max(0, ...list.map(({ output }) => (sound(output) ? sumOfOutput(output) : 0)))
      if (sumOfOutput(usage) > most + tokensOfText(textBytes)) throw new Error('too much output')
      if (guessedOutput > tokensOfText(textBytes)) throw new Error('guessed too much')
      if (
        sumOfPrompt(usage) >
        Math.max(0, ...list.map(({ prompt }) => (sound(prompt) ? sumOfPrompt(prompt) : 0)))
      )
        throw new Error('too much prompt')
    }),
    { numRuns: 5_000 },
  )
  t.pass()
  t.end()
})

void t.test('C10: of reports that never fall, the last one counts, as it stands', (t) => {
  fc.assert(
    fc.property(soundSteps, (list) => {
      const last = list.at(-1)
      if (last === undefined || !sound(last.prompt) || !sound(last.output)) return
      const isLargest = list.every(
        ({ prompt, output }) =>
          (!sound(prompt) || sumOfPrompt(prompt) <= sumOfPrompt(last.prompt as PromptSide)) &&
          (!sound(output) || sumOfOutput(output) <= sumOfOutput(last.output as OutputSide)),
      )
      if (!isLargest || sumOfPrompt(last.prompt) === 0 || sumOfOutput(last.output) === 0) return
      const { usage, guessedOutput } = believe(list, 0)
      const [prompt, output] = [last.prompt, last.output]
      const same = { ...usage, webSearches: 0 }
      if (
        guessedOutput !== 0 ||
        JSON.stringify(same) !== JSON.stringify(Object.assign({ ...same }, prompt, output))
      )
        throw new Error('another one')
    }),
    { numRuns: 5_000 },
  )
  t.pass()
  t.end()
})

void t.test('C10: a side that only nonsense told of leaves nothing to believe', (t) => {
  const prompt = { input: 5, cachedInput: 0, cacheWrite: 0, cacheWrite1h: 0, audioInput: 0 }
  const output = { output: 7, audioOutput: 0, imageOutput: 0 }
  t.equal(believe([{ prompt: 'nonsense', output, text: 0 }], 0).usage, null)
  t.equal(believe([{ prompt, output: 'nonsense', text: 0 }], 0).usage, null)
  const mended = believe(
    [
      { prompt, output, text: 0 },
      { prompt: 'nonsense', output: { ...output, output: 1 }, text: 0 },
    ],
    0,
  )
  t.equal(mended.usage?.output, 7)
  t.end()
})

void t.test('C10: choices share the prompt, and each has its output', (t) => {
  const prompt = { input: 5, cachedInput: 2, cacheWrite: 0, cacheWrite1h: 0, audioInput: 0 }
  const output = { output: 7, audioOutput: 1, imageOutput: 2 }
  const one = reportOf({ prompt, output, text: 0 })
  t.same(sumOfChoices([one, one, { ...one, prompt: null }]), {
    ...one,
    output: { output: 21, audioOutput: 3, imageOutput: 6 },
  })
  t.equal(sumOfChoices([one, { ...one, output: 'nonsense' }]).output, 'nonsense')
  t.end()
})

/** Formats the results of test files: for people, and as TAP. */
import { inspect } from 'node:util'
import { duration } from './steps.mjs'

/** Some assertions use the compared value as their title. */
const MOST_TITLE = 160
/** In a stack frame, tap names the compiled file before the source. */
const COMPILED = /\(?\.tap\/tests-\S+ (?=\()/g

/** How many files are left, and which are running since when. */
export function progressText(left, total, running) {
  const now = [...running].map(([file, since]) => {
    const name = file.replace(/^test\//, '').replace(/\.test\.ts$/, '')
    return `${name} (${duration(since)})`
  })
  return [`${left} of ${total} files left`, ...now].join(', ')
}

/** One line for a finished file, and the titles of its failures. */
export function fileLine(file, { passed, failures, skipped, ms }, left) {
  const counts = [
    `${passed} passed`,
    ...(failures.length > 0 ? [`${failures.length} failed`] : []),
    ...(skipped.length > 0 ? [`${skipped.length} skipped`] : []),
  ]
  const mark = failures.length > 0 ? 'FAIL' : ' ok '
  const line = `${mark} ${file} (${duration(0, ms)}, ${counts.join(', ')}); ${left} ${left === 1 ? 'file' : 'files'} left`
  return [line, ...failures.map(({ title }) => `       ${shorten(title)}`)].join('\n')
}

const shorten = (text) => (text.length <= MOST_TITLE ? text : `${text.slice(0, MOST_TITLE)} …`)

/** A failure with all of its details. */
export function failureText(number, file, { title, diag = {} }, output) {
  const { diff, found, wanted, compare: _, stack, at, source, ...more } = diag
  const parts = [
    diff ??
      (wanted === undefined && found === undefined ? '' : `wanted: ${show(wanted)}\nfound: ${show(found)}`),
    ...Object.entries(more).map(([name, value]) => `${name}: ${show(value)}`),
    source,
    stack?.replaceAll(COMPILED, '') ??
      (at?.fileName === undefined ? '' : `${at.fileName}:${at.lineNumber}:${at.columnNumber}`),
    output,
  ]
  const body = parts
    .filter((part) => part !== undefined && part !== '')
    .map((part) => indent(part.trimEnd(), 3))
  return [`${number}. ${file} › ${title}`, ...body].join('\n\n')
}

const show = (value) =>
  typeof value === 'string' ? value : inspect(value, { depth: 4, breakLength: 110, compact: 8 })

const indent = (text, width) => text.replaceAll(/^(?=.)/gm, ' '.repeat(width))

/** A file as a subtest of the run. */
export function tapOf(number, file, { tap, failures, ms }) {
  const body = tap.replace(/^TAP version \d+\n/, '').trimEnd()
  const flaws = failures.filter(({ diag }) => diag === undefined).map(({ title }) => `# ${title}\n`)
  const isOk = failures.length === 0
  return `# Subtest: ${file}\n${indent(body, 4)}\n${flaws.join('')}${isOk ? 'ok' : 'not ok'} ${number} - ${file} # time=${ms.toFixed(3)}ms\n`
}

/** Every code block of the documentation is run, or says why not; what is data is read as what it is; links lead somewhere. */
import { execFileSync, spawnSync } from 'node:child_process'
import { existsSync, writeFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import t from 'tap'
import { parse, stringify } from 'yaml'
import { loadConfig } from '../../src/config.ts'
import { fencesOf, nameOf, pages, ROOT, textOf, type Fence } from './fences.ts'

/** What can be run or read as it stands; blocks of `text` show output and drawings. */
const RUN = new Set(['sh', 'js', 'yaml', 'json'])
const fences = pages().flatMap(fencesOf)
const unmarked = (language: string): Fence[] =>
  fences.filter((fence) => fence.language === language && fence.marker === null)

void t.test('every code block is run by a test, or says why not', (t) => {
  t.ok(fences.length > 30, `${fences.length} blocks`)
  for (const fence of fences) {
    const { language, marker } = fence
    if (language === 'text') t.equal(marker, null, nameOf(fence))
    else if (marker === null)
      t.ok(RUN.has(language), `${nameOf(fence)} needs a marker such as <!-- not run: why -->`)
    else if (marker.kind === 'not run') t.match(marker.text, /\w+ \w+/, `${nameOf(fence)} says why`)
    else if (marker.kind === 'run by') {
      t.ok(existsSync(ROOT + marker.text), `${nameOf(fence)}: ${marker.text} exists`)
      const name = fence.page.split('/').at(-1) ?? ''
      t.ok(textOf(marker.text).includes(name), `${nameOf(fence)}: ${marker.text} reads this page`)
    }
  }
  t.end()
})

void t.test('JSON is JSON', (t) => {
  for (const fence of unmarked('json')) t.doesNotThrow(() => void JSON.parse(fence.code), nameOf(fence))
  t.end()
})

void t.test('YAML is a configuration, or the part of one that is spoken of', (t) => {
  const file = join(t.testdir({}), 'tollgate.yaml')
  const least = {
    redis: { url: 'redis://127.0.0.1:6379' },
    upstreams: { openai: { family: 'openai', prefix: '/openai', url: 'https://api.openai.com' } },
  }
  for (const fence of unmarked('yaml')) {
    for (const [, name = ''] of fence.code.matchAll(/\$\{([A-Z_]+)\}/g))
      process.env[name] ??= 'a-secret-of-the-test'
    writeFileSync(file, stringify({ ...least, ...(parse(fence.code) as object) }))
    t.doesNotThrow(() => void loadConfig(file), nameOf(fence))
  }
  t.end()
})

const hasPython = spawnSync('python3', ['--version']).status === 0
void t.test('Python compiles, also what is not run', { skip: !hasPython && 'no Python here' }, (t) => {
  const check = 'import ast, sys; ast.parse(sys.stdin.read())'
  for (const fence of fences.filter(({ language }) => language === 'python'))
    t.doesNotThrow(() => void execFileSync('python3', ['-c', check], { input: fence.code }), nameOf(fence))
  t.end()
})

void t.test('links lead to files and headings that exist', (t) => {
  for (const page of pages()) {
    for (const { target, file, heading } of linksOf(page)) {
      t.ok(existsSync(ROOT + file), `${page}: ${target}`)
      if (heading !== undefined && file.endsWith('.md') && existsSync(ROOT + file))
        t.ok(anchors(file).includes(heading), `${page}: ${target}`)
    }
  }
  t.end()
})

void t.test('the README leads to every page, decisions and lab reports by the index of their folder', (t) => {
  for (const page of pages().filter((page) => page !== 'README.md')) {
    const [index = ''] = /^docs\/(?:decisions|lab)\//.exec(page) ?? []
    const from = index === '' || page === `${index}README.md` ? 'README.md' : `${index}README.md`
    const links = linksOf(from).map(({ file }) => file)
    t.ok(links.includes(page), `${from} leads to ${page}`)
  }
  t.end()
})

interface Link {
  readonly target: string
  /** Relative to the repository. */
  readonly file: string
  readonly heading: string | undefined
}

/** The links of a page to files of the repository, outside of code blocks. */
function linksOf(page: string): Link[] {
  const text = textOf(page).replaceAll(/^( *)```[^]*?^\1```$/gm, '')
  return Array.from(text.matchAll(/(?:\]\(|\bsrc=")([^)"\s]+)[)"]/g), ([, target = '']) => target)
    .filter((target) => !/^[a-z]+:/.test(target))
    .map((target) => {
      const [path = '', heading] = target.split('#')
      return { target, file: path === '' ? page : normalize(join(dirname(page), path)), heading }
    })
}

/** As GitHub names headings, and what names itself. */
function anchors(page: string): string[] {
  const text = textOf(page)
  const headings = Array.from(text.matchAll(/^#+ (.*)$/gm), ([, title = '']) =>
    title
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
  return [...headings, ...Array.from(text.matchAll(/<a (?:id|name)="([^"]+)"/g), ([, id = '']) => id)]
}

/** What machines can hold of the design: which way imports point, what a file may use, how long it may be (docs/decisions). */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { builtinModules } from 'node:module'
import { basename, dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'
import { PROBLEMS } from '../src/admin/problem-codes.ts'
import { ERRORS } from '../src/errors.ts'
import { SCRIPT_NAMES } from '../src/store/scripts.ts'
import { SIGNATURES, type Signature } from '../src/store/signatures.ts'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const MOST_LINES = 300

/** What is made, fetched or private, and therefore not kept in the repository. */
const NOT_OURS = new Set(['node_modules', 'dist', '.tap', '.git', 'data'])

function filesBelow(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { withFileTypes: true })
    .filter(({ name }) => !NOT_OURS.has(name))
    .flatMap((entry) =>
      entry.isDirectory() ? filesBelow(join(folder, entry.name)) : [join(folder, entry.name)],
    )
}

const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8')
const isTypeScript = (file: string): boolean => /\.tsx?$/.test(file)

interface Import {
  readonly from: string
  /** A file of ours from the root, or the name of a package or of a module of Node's. */
  readonly to: string
  readonly isOurs: boolean
}

const IMPORT =
  /^(?:import|export)\s[^'"]*?\bfrom\s+['"]([^'"]+)['"]|^import\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)/gm

function importsOf(file: string): Import[] {
  return Array.from(read(file).matchAll(IMPORT), ([, named, bare, dynamic]) => {
    const to = named ?? bare ?? dynamic ?? ''
    const isOurs = to.startsWith('.')
    return { from: file, to: isOurs ? relative(ROOT, join(ROOT, dirname(file), to)) : to, isOurs }
  })
}

const SRC = filesBelow('src').filter(isTypeScript)
const IMPORTS = SRC.flatMap(importsOf)
const LUA = filesBelow('lua')
const EVERYTHING = filesBelow('.')

void t.test('these tests would look at nothing: the files and imports are found', (t) => {
  t.ok(SRC.length > 60, `${SRC.length} files`)
  t.ok(IMPORTS.length > 200, `${IMPORTS.length} imports`)
  for (const file of SRC) {
    const words = read(file).match(/^import\b|\bimport\(/gm) ?? []
    const found = importsOf(file).filter(({ from }) => from === file)
    t.ok(found.length >= words.length, `${file}: ${found.length} of ${words.length} imports are understood`)
  }
  for (const { from, to, isOurs } of IMPORTS) if (isOurs) t.ok(existsSync(join(ROOT, to)), `${from} → ${to}`)
  t.end()
})

// --- which way imports point ----------------------------------------------------------------------------------------

/**
 * What each folder, or file beside the folders, may import of the others: json ← core ← store ← journal, outbox, ledger ← directory ←
 * virtual-keys ← call, notifications, admin ← gateway ← workers ← main. Errors and the configuration are leaves that others may
 * know; the demo starts what `main` hands it; the page knows no other part.
 */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  json: [],
  core: ['json'],
  errors: ['core'],
  config: ['core', 'errors', 'prices'],
  package: [],
  families: ['json', 'core', 'errors'],
  prices: ['core'],
  store: ['core', 'errors', 'config', 'metrics', 'package'],
  journal: ['core', 'store', 'metrics'],
  outbox: ['core', 'store'],
  ledger: ['core', 'store', 'journal', 'metrics'],
  directory: ['core', 'store', 'ledger', 'outbox', 'metrics'],
  'virtual-keys': ['core', 'store', 'directory'],
  outbound: ['core', 'errors', 'config'],
  metrics: ['package'],
  call: [
    ...['json', 'core', 'errors', 'config', 'families', 'prices', 'store', 'ledger', 'directory'],
    ...['virtual-keys', 'metrics', 'outbound'],
  ],
  notifications: ['core', 'errors', 'config', 'store', 'outbox', 'directory', 'metrics', 'outbound'],
  admin: [
    ...['core', 'errors', 'config', 'store', 'ledger', 'outbox', 'directory', 'virtual-keys', 'metrics'],
    'package',
  ],
  web: [],
  cli: ['errors', 'web'],
  demo: ['core', 'errors', 'config'],
  gateway: [
    ...[
      'core',
      'errors',
      'config',
      'families',
      'prices',
      'store',
      'journal',
      'outbox',
      'ledger',
      'directory',
    ],
    ...['virtual-keys', 'metrics', 'call', 'notifications', 'admin'],
  ],
  workers: ['errors', 'config', 'store', 'metrics', 'gateway'],
  main: ['errors', 'config', 'package', 'gateway', 'workers', 'demo', 'cli'],
}

/** The part that a file belongs to: its folder, or the file itself beside the folders. */
function partOf(file: string): string {
  const [, folder = ''] = file.split('/')
  return basename(folder, '.ts')
}

void t.test('a part would know what is built on it: imports point one way', (t) => {
  for (const file of SRC)
    t.ok(partOf(file) in MAY_IMPORT, `${file}: decide in MAY_IMPORT what '${partOf(file)}' may import`)
  for (const { from, to, isOurs } of IMPORTS) {
    if (!isOurs || !to.startsWith('src/')) continue
    const [part, other] = [partOf(from), partOf(to)]
    if (part !== other && MAY_IMPORT[part]?.includes(other) !== true) t.fail(`${from} imports ${to}`)
  }
  // The table itself has no circle: what a part may import must not be allowed to import it.
  const reaches = (part: string, goal: string): boolean =>
    (MAY_IMPORT[part] ?? []).some((next) => next === goal || reaches(next, goal))
  for (const part of Object.keys(MAY_IMPORT)) t.notOk(reaches(part, part), `${part} stands in no circle`)
  t.end()
})

void t.test('src would depend on its tests, its build or files of no part', (t) => {
  for (const { from, to, isOurs } of IMPORTS) if (isOurs) t.match(to, /^src\//, `${from} imports ${to}`)
  t.end()
})

void t.test('modules would need each other before they are there: no import stands in a circle', (t) => {
  const next = new Map<string, string[]>()
  // What is only a type is gone when the program runs.
  for (const file of SRC) {
    const text = read(file).replace(/^(?:import|export) type [^'"]*? from ['"][^'"]+['"]/gm, '')
    const to = Array.from(text.matchAll(IMPORT), ([, named, bare]) => named ?? bare ?? '').filter((name) =>
      name.startsWith('.'),
    )
    next.set(
      file,
      to.map((name) => relative(ROOT, join(ROOT, dirname(file), name))),
    )
  }
  const done = new Set<string>()
  const visit = (file: string, path: readonly string[]): void => {
    if (path.includes(file)) t.fail([...path.slice(path.indexOf(file)), file].join(' → '))
    else if (!done.has(file)) for (const other of next.get(file) ?? []) visit(other, [...path, file])
    done.add(file)
  }
  for (const file of SRC) visit(file, [])
  t.end()
})

void t.test(
  'core would not be pure: no package, no module of Node’s, no clock, no chance, no timer, no promise',
  (t) => {
    for (const { from, to, isOurs } of IMPORTS)
      if (partOf(from) === 'core' && !isOurs) t.fail(`${from} imports ${to}`)
    const IMPURE =
      /\bDate\.now\b|\bnew Date\(\)|\bperformance\b|\bMath\.random\b|\bprocess\b|\bset(?:Timeout|Interval|Immediate)\b|\bqueueMicrotask\b|\bPromise\b|\bawait\b|\basync\b|\bfetch\(|\bconsole\b|\bglobalThis\b/
    for (const file of SRC.filter((name) => partOf(name) === 'core')) {
      t.notMatch(withoutComments(read(file)).match(IMPURE)?.[0] ?? '', /./, file)
    }
    t.end()
  },
)

/** Comments out, strings left alone as far as they hold no `//`. */
function withoutComments(text: string): string {
  return text.replace(/\/\*[^]*?\*\//g, '').replace(/(^|\s)\/\/.*$/gm, '$1')
}

/** The steps of a call, in their order; each is handed what it needs by pipeline.ts. */
const STEPS = ['identify', 'bodies', 'price', 'reserve', 'forward', 'settle'].map(
  (step) => `src/call/${step}.ts`,
)

void t.test(
  'a step of the call would know another one, be it through a helper: only the pipeline knows their order',
  (t) => {
    const within = new Map(
      SRC.map((file) => [
        file,
        importsOf(file)
          .map(({ to }) => to)
          .filter((to) => to.startsWith('src/call/')),
      ]),
    )
    for (const step of STEPS) {
      t.ok(SRC.includes(step), `${step} is there`)
      const reached = new Set<string>()
      const visit = (file: string): void => {
        for (const to of within.get(file) ?? []) {
          if (reached.has(to)) continue
          reached.add(to)
          visit(to)
        }
      }
      visit(step)
      t.same(
        STEPS.filter((other) => other !== step && reached.has(other)),
        [],
        step,
      )
    }
    t.same(
      STEPS.filter((step) => !(within.get('src/call/pipeline.ts') ?? []).includes(step)),
      [],
      'the pipeline has them all',
    )
    t.end()
  },
)

/** Packages that only one part may know, so that what they do stands in one place. */
const ONLY_IN: Readonly<Record<string, readonly string[]>> = {
  ioredis: ['store', 'directory'],
  bullmq: ['notifications'],
  nodemailer: ['notifications'],
  'prom-client': ['metrics'],
  yaml: ['config'],
  undici: ['call', 'notifications', 'outbound', 'demo'],
  '@fastify/http-proxy': ['call'],
  '@pydantic/genai-prices': ['prices'],
}

void t.test(
  'a package would spread through the code: each is known where its job is, and every import is a declared dependency',
  (t) => {
    const { dependencies } = JSON.parse(read('package.json')) as { dependencies: Record<string, string> }
    const packageOf = (name: string): string =>
      name
        .split('/')
        .slice(0, name.startsWith('@') ? 2 : 1)
        .join('/')
    for (const { from, to, isOurs } of IMPORTS) {
      if (isOurs || partOf(from) === 'web') continue
      if (to.startsWith('node:')) {
        t.ok(builtinModules.includes(to.slice('node:'.length)), `${from}: ${to}`)
        continue
      }
      const name = packageOf(to)
      t.ok(name in dependencies, `${from}: ${name} is a dependency (a module of Node's is written node:…)`)
      const parts = ONLY_IN[name]
      if (parts !== undefined)
        t.ok(parts.includes(partOf(from)), `${from} imports ${name}, which is for ${parts.join(', ')}`)
    }
    t.end()
  },
)

// --- keys of Redis --------------------------------------------------------------------------------------------------

const KEYS = 'src/store/keys.ts'

void t.test('a key of Redis would be built where nobody looks: only src/store/keys.ts builds them', (t) => {
  t.match(read(KEYS), /const PREFIX = 'tg'/)
  for (const file of [...SRC, ...LUA]) {
    if (file === KEYS) continue
    const text = file.endsWith('.lua') ? read(file) : withoutComments(read(file))
    t.notMatch(text.match(/.*\btg:.*/)?.[0] ?? '', /./, `${file} has the prefix of keys`)
    t.notMatch(text.match(/.*[\w}]:\{\$\{.*/)?.[0] ?? '', /./, `${file} builds a hash tag`)
  }
  t.end()
})

void t.test('docs/store.md would forget a key', (t) => {
  const documented = read('docs/store.md')
  for (const [, key = ''] of read(KEYS).matchAll(/`\$\{PREFIX\}:([^`]+)`/g)) {
    const shown = key
      .replace('{${id}}', '{org}')
      .replace(/\$\{periodNo\}/, '<n>')
      .replace(/\$\{date\}/, '<day>')
      .replace(/\$\{bucket\}/, '<bucket>')
    const written = shown
      .replace(/\$\{userId\}/, '<user>')
      .replace(/\$\{sha256\}/, '<sha256>')
      .replace(/\$\{subject\}/, '<subject>')
      .replace(/\$\{noticeId\}/, '<notice>')
      .replace(/\$\{state\}/, '<state>')
    const isThere =
      documented.includes(`tg:${written}`) || documented.includes(`:${written.split(':').at(-1) ?? ''}\``)
    t.ok(isThere || /channel/i.test(commentAbove(KEYS, key)), `tg:${written}`)
  }
  t.end()
})

/** The comment in front of the line that has `text`. */
function commentAbove(file: string, text: string): string {
  const lines = read(file).split('\n')
  return lines[lines.findIndex((line) => line.includes(text)) - 1] ?? ''
}

// --- errors ---------------------------------------------------------------------------------------------------------

interface Row {
  readonly code: string
  readonly status: string
  readonly when: string
  readonly whatToDo: string
}

/** The rows of the table below a heading of docs/errors.md. */
function rowsBelow(heading: string): Row[] {
  const section =
    read('docs/errors.md')
      .split(/^## /m)
      .find((text) => text.startsWith(`${heading}\n`)) ?? ''
  return Array.from(
    section.matchAll(/^\| `([^`]+)` \| ([^|]+) \| ([^|]+) \| ([^|]+) \|$/gm),
    ([, code = '', status = '', when = '', whatToDo = '']) => ({ code, status, when, whatToDo }),
  )
}

for (const [heading, catalogue] of [
  ['Data plane', ERRORS],
  ['Admin plane', PROBLEMS],
] as const) {
  void t.test(`docs/errors.md would leave a caller alone with a code: ${heading}`, (t) => {
    const rows = rowsBelow(heading)
    t.same(
      rows.map(({ code }) => code),
      Object.keys(catalogue),
      'one row a code, in the order of the catalogue',
    )
    for (const { code, status, when, whatToDo } of rows) {
      const kind: { status: number; retryAfter?: number } | undefined = (
        catalogue as Record<string, { status: number; retryAfter?: number }>
      )[code]
      t.equal(
        status,
        kind?.retryAfter === undefined ? String(kind?.status) : `${kind.status} + \`retry-after\``,
        code,
      )
      t.match(when, /\.$/, `${code}: when`)
      t.match(whatToDo, /\.$/, `${code}: what to do`)
    }
    t.end()
  })
}

// --- files ----------------------------------------------------------------------------------------------------------

void t.test('a file would be too long to read in one sitting', (t) => {
  for (const file of [...SRC, ...LUA]) {
    if (file.endsWith('.d.ts')) continue // Made of the OpenAPI document, and read by the compiler alone.
    const lines = read(file).trimEnd().split('\n').length
    t.ok(lines <= MOST_LINES, `${file}: ${lines} lines`)
  }
  t.end()
})

void t.test('a script in Lua would not say what it does: shebang, purpose, Returns, Effects', (t) => {
  const scripts = LUA.filter((file) => dirname(file) === 'lua')
  t.same(
    scripts.map((file) => basename(file, '.lua')).sort(),
    [...SCRIPT_NAMES].sort(),
    'the scripts are those that signatures.ts declares',
  )
  for (const file of scripts) {
    const [shebang = '', ...lines] = read(file).split('\n')
    t.match(shebang, /^#!lua(?: flags=allow-oom)?$/, file)
    const head = lines.slice(
      0,
      lines.findIndex((line) => !line.startsWith('--') || line.startsWith('-- @include')),
    )
    t.equal(head[0]?.startsWith(`-- ${basename(file, '.lua')}: `), true, `${file}: purpose`)
    t.match(head[1], /^--(?: .*)?$/)
    const sections = head
      .map((line) => /^-- (Returns|Effects) +\S/.exec(line)?.[1])
      .filter((name) => name !== undefined)
    t.same(sections, ['Returns', 'Effects'], `${file}: sections, in this order`)
  }
  for (const file of LUA.filter((name) => dirname(name) === 'lua/include')) {
    t.match(
      read(file),
      /^(?:--|local function) /,
      `${file}: begins with what it is for, or with its one function`,
    )
    t.notMatch(read(file), /^#!/, `${file} is put into others`)
  }
  t.end()
})

/** The code of a script and its includes, without comments. */
const codeOf = (name: string): string =>
  [
    `lua/${name}.lua`,
    ...Array.from(
      read(`lua/${name}.lua`).matchAll(/^-- @include (\S+)$/gm),
      ([, file]) => `lua/include/${file}.lua`,
    ),
  ]
    .map(read)
    .join('\n')
    .replace(/--.*$/gm, '')

void t.test('a script in Lua would be called with something else than it reads', (t) => {
  for (const [name, signature] of Object.entries<Signature>(SIGNATURES)) {
    const code = codeOf(name)
    t.notMatch(code, /\b(?:KEYS|ARGV)\b/, `${name} reads by name`)
    const named = (table: string): string[] =>
      [
        ...new Set(
          Array.from(code.matchAll(new RegExp(`\\b${table}\\.(\\w+)`, 'g')), ([, field = '']) => field),
        ),
      ].sort()
    const { keys, keyLists = [], args = {}, lists = [], items } = signature
    const allKeys = [...keys, ...keyLists]
    const allArgs = [...Object.keys(args), ...lists]
    t.same(
      named('key').filter((field) => !allKeys.includes(field)),
      [],
      `${name}: keys that are read and not declared`,
    )
    t.same(
      named('arg').filter((field) => !allArgs.includes(field)),
      [],
      `${name}: arguments that are read and not declared`,
    )
    // Indexes by state are read as key[state].
    const byState = code.includes('key[state]')
    t.same(
      byState ? [] : allKeys.filter((field) => !named('key').includes(field)),
      [],
      `${name}: keys that are declared and not read`,
    )
    t.same(
      allArgs.filter((field) => !named('arg').includes(field)),
      [],
      `${name}: arguments that are declared and not read`,
    )
    t.equal(/\bitems\b/.test(code), items !== undefined, `${name}: items`)
    for (const field of Object.keys(items ?? {}))
      t.match(code, new RegExp(`\\.${field}\\b`), `${name}: ${field} of an item`)
  }
  t.end()
})

void t.test('a script in Lua would not fit on a screen', (t) => {
  for (const file of LUA) {
    const lines = read(file).split('\n')
    t.ok(lines.length <= 121, `${file} has ${lines.length} lines`)
    t.same(
      lines.filter((line) => Array.from(line).length > 120),
      [],
      file,
    )
  }
  t.end()
})

void t.test(
  'scripts that resolve holds would be refused when memory is full, or others would write all the same',
  (t) => {
    const atAnyMemory = LUA.filter((file) => read(file).startsWith('#!lua flags=allow-oom')).map((file) =>
      basename(file, '.lua'),
    )
    // Renewing moves the deadlines of leases that are there: it takes no memory either.
    t.same(atAnyMemory.sort(), ['expire', 'free', 'renew', 'replay', 'settle'])
    t.end()
  },
)

/** The one exception, for tests only: programs go on calling what an SDK deprecates, and it has to work for them. */
const DEPRECATED_ON_PURPOSE = '// eslint-' + 'disable-next-line @typescript-eslint/no-deprecated'

void t.test('types or rules would be switched off: no any, no ts-ignore, no eslint-disable', (t) => {
  const OFF = new RegExp(
    [
      '@ts-(?:ignore|nocheck|expect-error)',
      'eslint-' + 'disable',
      '(?::|<|\\bas|\\|) *any\\b',
      '\\bany\\[\\]',
    ].join('|'),
  )
  for (const file of [...SRC, ...filesBelow('test').filter(isTypeScript), ...filesBelow('scripts')]) {
    if (file === 'test/architecture.test.ts') continue
    const text = file.startsWith('test/') ? read(file).replaceAll(DEPRECATED_ON_PURPOSE, '') : read(file)
    t.notMatch(withoutPlainComments(text).match(OFF)?.[0] ?? '', /./, file)
  }
  t.end()
})

/** What is prose or text out; comments that talk to machines (`@ts-…`, `eslint-…`) stay. */
function withoutPlainComments(text: string): string {
  return text
    .replace(/\/\*[^]*?\*\/|(?<=^|\s)\/\/.*$/gm, (comment) => (/@ts-|eslint-/.test(comment) ? comment : ''))
    .replace(/'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[^])*`/g, "''")
}

// --- the repository -------------------------------------------------------------------------------------------------

const TEXT =
  /\.(?:[cm]?[jt]sx?|json|ya?ml|md|lua|html|css|sh|toml|txt)$|(?:^|\/)(?:run|Dockerfile|\.[a-z]+(?:rc|config|ignore))$/

void t.test(
  'the repository would name a machine: no host of a package registry, no absolute path of somebody’s',
  (t) => {
    // Put together here, so that this file does not hold what it looks for.
    const hosts = [
      'registry\\.npm',
      'npmjs\\.(?:org|com)/[^p]',
      'registry\\.yarnpkg',
      'npmmirror',
      'artifactory',
      'npm\\.pkg\\.github',
      'verdaccio',
      'pkgs\\.dev\\.azure',
    ]
    const paths = [
      '/wo' + 'rk/',
      '/ro' + 'ot/',
      '/ho' + 'me/[a-z]',
      '/Us' + 'ers/[A-Za-z]',
      '/var/fol' + 'ders/',
      '[A-Z]:\\\\Us' + 'ers',
    ]
    const NAMES = new RegExp([...hosts, ...paths].join('|'), 'i')
    const texts = EVERYTHING.filter((file) => TEXT.test(file) && file !== 'test/architecture.test.ts')
    t.ok(texts.length > 100, `${texts.length} files are looked at`)
    for (const file of texts) {
      const found = read(file)
        .split('\n')
        .find((line) => NAMES.test(line))
      if (found !== undefined) t.fail(`${file}: ${found.trim().slice(0, 160)}`)
    }
    t.end()
  },
)

void t.test(
  'an install would fetch something else than was tested: versions are exact, and the lock file has no addresses',
  (t) => {
    const manifest = JSON.parse(read('package.json')) as Record<string, Record<string, string> | undefined>
    const exact = /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/
    for (const group of ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies']) {
      for (const [name, version] of Object.entries(manifest[group] ?? {})) t.match(version, exact, name)
    }
    const overrides = (node: object): [string, string][] =>
      Object.entries(node).flatMap(([name, value]: [string, string | object]) =>
        typeof value === 'string' ? [[name, value] as [string, string]] : overrides(value),
      )
    // `$name` is the version that this package itself depends on.
    for (const [name, version] of overrides(manifest['overrides'] ?? {}))
      t.match(version === `$${name}` ? (manifest['devDependencies']?.[name] ?? '') : version, exact, name)
    const lock = JSON.parse(read('package-lock.json')) as {
      packages: Record<string, Record<string, unknown>>
    }
    const [, ...packages] = Object.entries(lock.packages)
    t.ok(packages.length > 100, `${packages.length} packages are locked`)
    for (const [path, entry] of packages) {
      if (entry['resolved'] !== undefined) t.fail(`${path} has an address`)
      if (entry['integrity'] === undefined && entry['link'] !== true && entry['inBundle'] !== true)
        t.fail(`${path} has no checksum`)
    }
    const locked = lock.packages[''] ?? {}
    t.same(locked['dependencies'], manifest['dependencies'], 'the lock file is of this package.json')
    t.same(locked['devDependencies'], manifest['devDependencies'])
    t.end()
  },
)

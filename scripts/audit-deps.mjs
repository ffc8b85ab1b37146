/**
 * `npm run audit:deps`: checks that shipped packages have no known vulnerabilities, and no licences with obligations
 * for the distributor.
 *
 * Exit codes: 0 nothing found · 1 something found · 3 the registry could not be reached, so the result is unknown. With
 * `--licences` it checks only the licences.
 */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
/**
 * These licences only require that their text is included. OFL is for fonts, and only forbids selling the font by
 * itself.
 */
const PERMISSIVE = new Set([
  '0BSD',
  'Apache-2.0',
  'BSD-2-Clause',
  'BSD-3-Clause',
  'BlueOak-1.0.0',
  'CC0-1.0',
  'ISC',
  'MIT',
  'MIT-0',
  'OFL-1.1',
  'Unlicense',
])
/** Every finding from `low` up counts; none may be ignored. */
const LEVELS = ['low', 'moderate', 'high', 'critical']

/** Whether an SPDX expression allows a permissive choice. An expression that cannot be parsed does not. */
export function isPermissive(expression) {
  if (typeof expression !== 'string') return false
  const text = expression.replace(/^\((.*)\)$/, '$1')
  if (/[()]/.test(text)) return false
  return text.split(' OR ').some((choice) => choice.split(' AND ').every((one) => PERMISSIVE.has(one.trim())))
}

const readJson = (path) => JSON.parse(readFileSync(path, 'utf8'))

/** Packages whose code is in the page's bundle: they are development dependencies, but are shipped. */
function bundledRoots() {
  const sources = readdirSync(join(ROOT, 'src/web'), { recursive: true }).filter((file) =>
    /(?<!\.config)\.(?:tsx?|css)$/.test(file),
  )
  const names = sources.flatMap((file) =>
    [
      ...readFileSync(join(ROOT, 'src/web', file), 'utf8').matchAll(
        /(?:from|import) ['"]([^.'"][^'"]*)['"]/g,
      ),
    ].map(([, specifier = '']) =>
      specifier
        .split('/')
        .slice(0, specifier.startsWith('@') ? 2 : 1)
        .join('/'),
    ),
  )
  return new Set(names.filter((name) => !name.startsWith('node:')))
}

/** The folder of a package as Node resolves it from `from`; null if it is optional and not installed. */
function resolve(packages, from, name) {
  for (let at = from; ; at = at.slice(0, Math.max(0, at.lastIndexOf('node_modules/') - 1))) {
    const path = at === '' ? `node_modules/${name}` : `${at}/node_modules/${name}`
    if (packages[path] !== undefined) return path
    if (at === '') return null
  }
}

/** Every shipped package, with its version and its licence. */
export function shippedPackages() {
  const { packages } = readJson(join(ROOT, 'package-lock.json'))
  const { dependencies } = readJson(join(ROOT, 'package.json'))
  const found = new Map()
  const open = [...Object.keys(dependencies), ...bundledRoots()].map((name) => resolve(packages, '', name))
  while (open.length > 0) {
    const path = open.pop()
    if (path === null || found.has(path)) continue
    const { version, license, dependencies: needed = {}, optionalDependencies = {} } = packages[path]
    found.set(path, { name: path.slice(path.lastIndexOf('node_modules/') + 13), version, license })
    for (const name of Object.keys({ ...needed, ...optionalDependencies }))
      open.push(resolve(packages, path, name))
  }
  return [...found.values()].sort((a, b) => a.name.localeCompare(b.name))
}

function checkLicences() {
  const shipped = shippedPackages()
  const bad = shipped.filter(({ license }) => !isPermissive(license))
  for (const { name, version, license } of bad)
    console.error(`${name} ${version}: licence ${license ?? 'unknown'}`)
  const counts = new Map()
  for (const { license } of shipped) counts.set(license, (counts.get(license) ?? 0) + 1)
  const kinds = Array.from(counts, ([license, count]) => `${license} ${count}`).join(', ')
  console.log(
    `${shipped.length} packages are shipped (${kinds}), ${bad.length} under a licence that is not permissive.`,
  )
  return bad.length === 0
}

/** The JSON of npm's audit. npm exits with 1 both if it found something and if the request failed. */
function npmAudit() {
  return new Promise((done) => {
    execFile(
      'npm',
      ['audit', '--omit=dev', '--json', '--audit-level=low'],
      { cwd: ROOT, maxBuffer: 64 << 20 },
      (_error, stdout) => {
        try {
          done(JSON.parse(stdout))
        } catch {
          done({ message: 'npm answered no JSON' })
        }
      },
    )
  })
}

async function checkAdvisories() {
  const report = await npmAudit()
  const counts = report.metadata?.vulnerabilities
  if (counts === undefined) {
    console.error(
      `The registry could not be asked for advisories, so nothing is known of them: ${report.message ?? report.error?.summary ?? 'no reason given'}`,
    )
    return null
  }
  for (const { name, severity, range } of Object.values(report.vulnerabilities ?? {}))
    console.error(`${name} ${range}: ${severity}`)
  const sum = LEVELS.reduce((all, level) => all + (counts[level] ?? 0), 0)
  console.log(`${sum} of the packages that run in production have known vulnerabilities.`)
  return sum === 0
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const areLicencesGood = checkLicences()
  const areClean = process.argv.includes('--licences') ? true : await checkAdvisories()
  process.exit(!areLicencesGood || areClean === false ? 1 : areClean === null ? 3 : 0)
}

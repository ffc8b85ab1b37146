/** A small project with the scripts of this one and an npm of its own, to run `npm start` and `npm test` in. */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, mkdtempSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { removeFolder } from '../support/folder.ts'
import { came } from '../support/until.ts'

const ROOT = new URL('../..', import.meta.url).pathname
const TAP = { include: ['test/**/*.test.ts'], jobs: 2, timeout: 60 }
const BUILD = 'mkdir -p dist/web && cp main.js dist/ && cp main.js dist/web/index.html'

export interface Run {
  readonly process: ChildProcess
  /** What it has written to stdout so far. */
  readonly out: () => string
  readonly ended: Promise<{ readonly code: number | null; readonly out: string; readonly err: string }>
}

export interface Project {
  readonly dir: string
  /** Runs a file of the project with Node. */
  readonly run: (file: string, ...args: string[]) => Run
  readonly remove: () => void
}

export interface ProjectOptions {
  /** More files, by their path. */
  readonly files?: Readonly<Record<string, string>>
  /** What `npm run …` does; by default all succeeds. */
  readonly scripts?: Readonly<Record<string, string>>
  /** What `npm ci` does. Without it, the packages are those of this project. */
  readonly install?: string
  readonly jobs?: number
  /** How many times as fast as here the clock goes by which scripts tell how long something takes. */
  readonly clockRate?: number
}

/** A module that is loaded before all others. */
function clockEnv(rate: number): NodeJS.ProcessEnv {
  const code = `const now = performance.now.bind(performance); performance.now = () => now() * ${rate}`
  return { NODE_OPTIONS: `--import=data:text/javascript,${encodeURIComponent(code)}` }
}

/** npm as far as the scripts use it. */
function npmOf(install: string): string {
  return `
    import { spawnSync } from 'node:child_process'
    import { readFileSync } from 'node:fs'
    const [command, ...args] = process.argv.slice(2)
    const { scripts } = JSON.parse(readFileSync('package.json', 'utf8'))
    const line = command === 'ci' ? ${JSON.stringify(install)} : scripts[args.at(-1)]
    process.exit(spawnSync(line, { shell: true, stdio: 'inherit' }).status)
  `
}

export function createProject(options: ProjectOptions): Project {
  const dir = mkdtempSync(join(tmpdir(), 'tg-project-'))
  const scripts = { typecheck: 'true', lint: 'true', build: BUILD, ...options.scripts }
  const files: Record<string, string> = {
    'package.json': JSON.stringify({
      type: 'module',
      scripts,
      tap: { ...TAP, jobs: options.jobs ?? TAP.jobs },
    }),
    'npm.js': npmOf(options.install ?? 'false'),
    'main.js': 'console.log("started with", ...process.argv.slice(2))',
    'src/main.ts': '',
    'tsconfig.json': '{}',
    'tsconfig.build.json': '{}',
    ...options.files,
  }
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, path)), { recursive: true })
    writeFileSync(join(dir, path), content)
  }
  cpSync(join(ROOT, 'scripts'), join(dir, 'scripts'), { recursive: true })
  if (options.install === undefined) {
    cpSync(join(ROOT, 'package-lock.json'), join(dir, 'package-lock.json'))
    symlinkSync(join(ROOT, 'node_modules'), join(dir, 'node_modules'))
  }

  function run(file: string, ...args: string[]): Run {
    const child = spawn(process.execPath, [file, ...args], {
      cwd: dir,
      env: {
        ...process.env,
        npm_execpath: join(dir, 'npm.js'),
        npm_lifecycle_event: undefined,
        ...clockEnv(options.clockRate ?? 1),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    const text = { out: '', err: '' }
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => (text.out += chunk))
    child.stderr.setEncoding('utf8').on('data', (chunk: string) => (text.err += chunk))
    return {
      process: child,
      out: () => text.out,
      ended: came(
        once(child, 'close').then(([code]) => ({ code: code as number | null, ...text })),
        () => `the end of ${file}, which said: ${text.out}${text.err}`,
        { timeoutMs: 240_000 },
      ),
    }
  }

  return { dir, run, remove: () => removeFolder(dir) }
}

/**
 * Shim libraries between a program and its system (LD_PRELOAD). They simulate conditions that cannot be produced
 * otherwise, such as a clock that steps back or a disk that fails. Compiled from test/support/shims/ when a test needs
 * them.
 */
import { spawnSync } from 'node:child_process'
import { closeSync, mkdtempSync, openSync, readFileSync, writeFileSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { removeFolder } from './folder.ts'

/** Why shims are not possible here, for a test's `skip`; false if they are. */
export const noShims = process.platform === 'linux' ? false : 'LD_PRELOAD is Linux only'

function compile(name: string, dir: string): string {
  const source = fileURLToPath(new URL(`shims/${name}.c`, import.meta.url))
  const library = join(dir, `${name}.so`)
  const args = ['-shared', '-fPIC', '-O1', '-Wall', '-Werror', '-o', library, source]
  const { status, stderr, error } = spawnSync('cc', args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`cc ${name}.c: ${error?.message ?? stderr}`)
  return library
}

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tg-shim-'))
  process.once('exit', () => removeFolder(dir))
  return dir
}

export interface SteppedClock {
  /** The environment for the process. */
  readonly env: Readonly<Record<string, string>>
  /** Sets the offset of the process's clock. */
  stepTo(ms: number): void
}

/** A time of day that can be moved while the process runs. */
export function createSteppedClock(): SteppedClock {
  const dir = folder()
  const path = join(dir, 'step')
  writeFileSync(path, numbers([0]))
  return {
    env: { LD_PRELOAD: compile('stepped-clock', dir), STEPPED_CLOCK: path },
    stepTo: (ms) => overwrite(path, numbers([ms * 1_000])),
  }
}

const FAULTS = ['room', 'syncFails', 'cannotCut', 'isReadOnly'] as const
type Faults = Readonly<Record<(typeof FAULTS)[number], number>>
const HEALTHY: Faults = { room: -1, syncFails: 0, cannotCut: 0, isReadOnly: 0 }
const SYNCED_AT = 8 * FAULTS.length

export interface FailingDisk {
  readonly env: Readonly<Record<string, string>>
  /** Sets the operations that fail from now on (see failing-disk.c); without `faults` all succeed. */
  fail(faults?: Partial<Faults>): void
  /** How many sync calls there were so far. */
  readonly synced: () => number
}

/** A disk that can fail for the journals of a running process. */
export function createFailingDisk(): FailingDisk {
  const dir = folder()
  const path = join(dir, 'faults')
  writeFileSync(path, Buffer.alloc(SYNCED_AT + 8))
  // Loaded in addition to the library that moves the date under `npm run test:anywhere`.
  const preloaded = [compile('failing-disk', dir), process.env['LD_PRELOAD'] ?? ''].filter(Boolean).join(':')
  const disk = failingDiskAt(path, { LD_PRELOAD: preloaded })
  disk.fail()
  return disk
}

function failingDiskAt(path: string, env: Readonly<Record<string, string>>): FailingDisk {
  return {
    env: { ...env, FAILING_DISK: path, UV_USE_IO_URING: '0' },
    fail: (faults = {}) => overwrite(path, numbers(FAULTS.map((name) => ({ ...HEALTHY, ...faults })[name]))),
    synced: () => Number(readFileSync(path).readBigInt64LE(SYNCED_AT)),
  }
}

/**
 * The disk of this process: the test file that asks for it is run again in a child on such a disk, which replaces the
 * run.
 */
export function failingDiskOfThisProcess(): FailingDisk {
  const path = process.env['FAILING_DISK']
  if (path !== undefined) return failingDiskAt(path, {})
  const env = { ...process.env, ...createFailingDisk().env }
  const args = [...process.execArgv, ...process.argv.slice(1)]
  process.exit(spawnSync(process.execPath, args, { env, stdio: 'inherit' }).status ?? 1)
}

/** The numbers in C's layout. */
function numbers(values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(8 * values.length)
  values.forEach((value, index) => bytes.writeBigInt64LE(BigInt(value), 8 * index))
  return bytes
}

/** Overwrites the file in place, because a process has it mapped into memory. */
function overwrite(path: string, bytes: Buffer): void {
  const fd = openSync(path, 'r+')
  writeSync(fd, bytes, 0, bytes.length, 0)
  closeSync(fd)
}

/** The demo's state between two runs, in files that only their owner can read. */
import { randomBytes } from 'node:crypto'
import { chmodSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'

export interface DemoState {
  /** Ada's virtual key, with which the examples make calls. */
  readonly userKey: string | null
  /** Grace's key of scope `admin`. */
  readonly adminKey: string | null
  /** Whether the limits and alerts were set before, so that a later start does not overwrite changes to them. */
  readonly hasSettings: boolean
}

const NOTHING: DemoState = { userKey: null, adminKey: null, hasSettings: false }

/** Reads the state. A missing or unreadable file means that nothing is set up yet. */
export function readState(file: string): DemoState {
  try {
    const { userKey, adminKey, hasSettings } = JSON.parse(readFileSync(file, 'utf8')) as Record<
      string,
      unknown
    >
    return {
      userKey: typeof userKey === 'string' ? userKey : null,
      adminKey: typeof adminKey === 'string' ? adminKey : null,
      hasSettings: hasSettings === true,
    }
  } catch {
    return NOTHING
  }
}

export function writeState(file: string, state: DemoState): void {
  writePrivate(file, `${JSON.stringify(state, null, 2)}\n`)
}

/** The operator's token: generated once, stored in `file`. */
export function operatorToken(file: string): string {
  try {
    const token = readFileSync(file, 'utf8').trim()
    if (token.length >= 16) return token
  } catch {
    // The file does not exist yet.
  }
  const token = `op_${randomBytes(24).toString('base64url')}`
  writePrivate(file, `${token}\n`)
  return token
}

/** Writes the file atomically; other users can never read it, not even briefly. */
function writePrivate(file: string, text: string): void {
  mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
  const temporary = `${file}.${process.pid}`
  writeFileSync(temporary, text, { mode: 0o600 })
  chmodSync(temporary, 0o600)
  renameSync(temporary, file)
}

/**
 * A widely used AI gateway in Node, `@portkey-ai/gateway`. It is installed here on demand and is never a dependency of
 * Tollgate.
 */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { join } from 'node:path'

const VERSION = '1.15.2'
const FOLDER = fileURLToPath(new URL('../.cache/portkey', import.meta.url))
const START = join(FOLDER, 'node_modules/@portkey-ai/gateway/build/start-server.js')

/** The path of the script that starts it; null if it cannot be installed. */
export function installPortkey(): string | null {
  if (existsSync(START)) return START
  mkdirSync(FOLDER, { recursive: true })
  writeFileSync(join(FOLDER, 'package.json'), '{"private":true}\n')
  try {
    execFileSync('npm', ['install', '--no-audit', '--no-fund', `@portkey-ai/gateway@${VERSION}`], {
      cwd: FOLDER,
      stdio: 'ignore',
      timeout: 300_000,
    })
  } catch {
    return null
  }
  return existsSync(START) ? START : null
}

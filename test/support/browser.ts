/** Starts the Chromium on PATH. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join } from 'node:path'
import { chromium, type Browser, type BrowserContext } from 'playwright-core'
import { dateMovedMs, movedDate } from './moved-date.ts'

const PROGRAMS = ['chromium', 'chromium-browser', 'google-chrome']
const QUIET = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]

/**
 * Starts the Chromium that Debian or another system provides; the caller closes it. It hangs when libfaketime is
 * preloaded, so it runs without: `useMovedClock` moves the clock of its pages instead.
 */
export function launchChromium(): Promise<Browser> {
  const env = { ...process.env }
  delete env['LD_PRELOAD']
  return chromium.launch({ executablePath: program(), headless: true, args: QUIET, env })
}

/** Moves the clock of a context's pages to the date of this process, if `npm run test:anywhere` has moved it. */
export async function useMovedClock(context: BrowserContext): Promise<void> {
  const aheadMs = dateMovedMs()
  if (aheadMs !== 0) await context.addInitScript(`{ ${movedDate(aheadMs)} }`)
}

function program(): string {
  const folders = (process.env['PATH'] ?? '').split(delimiter)
  const found = PROGRAMS.flatMap((name) => folders.map((folder) => join(folder, name))).find(isProgram)
  if (found === undefined) throw new Error('no Chromium on PATH')
  return found
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

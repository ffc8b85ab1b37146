/** Folders of a test's own. */
import { rmSync } from 'node:fs'

const ATTEMPTS = 40
const PAUSE_MS = 50

/** Removes a folder with all that is in it, also where a process that is about to end still writes there. */
export function removeFolder(dir: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      rmSync(dir, { recursive: true, force: true })
      return
    } catch (error) {
      // Node's own retries remove the folder again, but not what came into it since.
      const isWrittenTo = error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY'
      if (!isWrittenTo || attempt === ATTEMPTS) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
    }
  }
}

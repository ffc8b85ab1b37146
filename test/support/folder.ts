/** Temporary folders of the tests. */
import { rmSync } from 'node:fs'

const ATTEMPTS = 40
const PAUSE_MS = 50

/** Removes a folder with its content, even if a process that is ending still writes to it. */
export function removeFolder(dir: string): void {
  for (let attempt = 1; ; attempt += 1) {
    try {
      rmSync(dir, { recursive: true, force: true })
      return
    } catch (error) {
      // Node's own retries remove the folder again, but not files that were added in the meantime.
      const isWrittenTo = error instanceof Error && 'code' in error && error.code === 'ENOTEMPTY'
      if (!isWrittenTo || attempt === ATTEMPTS) throw error
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE_MS)
    }
  }
}

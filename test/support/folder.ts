/** Folders of a test's own. */
import { rmSync } from 'node:fs'

/** Removes a folder with all that is in it, also where a process that is about to end still writes there. */
export function removeFolder(dir: string): void {
  rmSync(dir, { recursive: true, force: true, maxRetries: 20, retryDelay: 20 })
}

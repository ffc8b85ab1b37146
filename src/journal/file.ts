/**
 * One file of a journal. A promise of `append` resolves when its line is on the disk; concurrent appends share a sync.
 */
import { closeSync, fdatasync, ftruncate, openSync, renameSync, unlinkSync, utimesSync, write } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { nobodysName } from './owner.ts'

const sync = promisify(fdatasync)
const truncate = promisify(ftruncate)
const writeBytes = promisify(write)

interface Waiting {
  readonly line: string
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/** The write failed, and none of the appended lines is in the file. */
export class NotWritten extends Error {
  override readonly name = 'NotWritten'
}

export class JournalFile {
  readonly id: string
  readonly #path: string
  readonly #fd: number
  /** Where the next byte goes. */
  #end: number
  /** Bytes that are known to be on the disk; later ones belong to a failed write. */
  #kept: number
  /** Bytes of lines that are waiting to be written. */
  #coming = 0
  /** Whether the file may end in an incomplete line. */
  #torn: boolean
  #waiting: Waiting[] = []
  #isWriting = false
  #written: Promise<void> = Promise.resolve()

  /** Throws if the file cannot be opened. `size` is the size of its earlier content. */
  constructor(id: string, path: string, size = 0) {
    this.id = id
    this.#path = path
    this.#fd = openSync(path, 'a', 0o600)
    this.#end = size
    this.#kept = size
    this.#torn = size > 0
  }

  /** Size in bytes, including lines waiting to be written. */
  get size(): number {
    return this.#end + this.#coming
  }

  append(line: string): Promise<void> {
    this.#coming += Buffer.byteLength(line)
    return new Promise((resolve, reject) => {
      this.#waiting.push({ line, resolve, reject })
      if (!this.#isWriting) this.#written = this.#write()
    })
  }

  async #write(): Promise<void> {
    this.#isWriting = true
    while (this.#waiting.length > 0) {
      const batch = this.#waiting
      this.#waiting = []
      const lines = batch.map(({ line }) => line).join('')
      try {
        await this.#writeAll(Buffer.from((this.#torn ? '\n' : '') + lines))
        await sync(this.#fd)
        this.#torn = false
        this.#kept = this.#end
        for (const { resolve } of batch) resolve()
      } catch (error) {
        const verdict = await this.#undo(error)
        for (const { reject } of batch) reject(verdict)
      }
      this.#coming -= Buffer.byteLength(lines)
    }
    this.#isWriting = false
  }

  /**
   * Removes what a failed write left. If that fails too, the lines may be in the file, and its end may be incomplete.
   */
  async #undo(error: unknown): Promise<unknown> {
    try {
      await truncate(this.#fd, this.#kept)
      this.#end = this.#kept
      await sync(this.#fd)
    } catch {
      this.#torn = true
      return error
    }
    return new NotWritten(error instanceof Error ? error.message : String(error), { cause: error })
  }

  async #writeAll(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await writeBytes(this.#fd, bytes, at, bytes.length - at, null)
      at += bytesWritten
      this.#end += bytesWritten
    }
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#written
  }

  /**
   * Empties the file, unless something is being appended. If the disk fails, the file keeps its content, which is no
   * longer needed.
   */
  async clear(): Promise<void> {
    if (this.#isWriting || this.#end === 0) return
    // Appends during this wait for its end.
    this.#isWriting = true
    try {
      await truncate(this.#fd, 0)
      this.#end = 0
      this.#kept = 0
    } catch {
      // The next call tries again.
    }
    this.#written = this.#write()
  }

  /** Shows other gateways that its owner is alive. */
  touch(): void {
    const now = new Date()
    utimesSync(this.#path, now, now)
  }

  /** Closes the file, and removes it or leaves it for another process to take over. */
  close(what: 'remove' | 'leave'): void {
    closeSync(this.#fd)
    if (what === 'remove') unlinkSync(this.#path)
    else renameSync(this.#path, join(dirname(this.#path), nobodysName(this.id)))
  }
}

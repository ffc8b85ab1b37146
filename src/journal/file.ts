/** One file of a journal: what is appended is on the disk when the promise resolves; those who append together share a sync. */
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

/** The disk refused, and nothing of what was to be appended stands in the file. */
export class NotWritten extends Error {
  override readonly name = 'NotWritten'
}

export class JournalFile {
  readonly id: string
  readonly #path: string
  readonly #fd: number
  /** Where the next byte goes. */
  #end: number
  /** Bytes that are on the disk; what stands behind them was refused. */
  #kept: number
  /** Of lines that are to be written. */
  #coming = 0
  /** Whether what stands at the end may be half a line. */
  #torn: boolean
  #waiting: Waiting[] = []
  #isWriting = false
  #written: Promise<void> = Promise.resolve()

  /** Throws where the file cannot be opened. `size` is that of what was there before. */
  constructor(id: string, path: string, size = 0) {
    this.id = id
    this.#path = path
    this.#fd = openSync(path, 'a', 0o600)
    this.#end = size
    this.#kept = size
    this.#torn = size > 0
  }

  /** Bytes, with what is about to be written. */
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

  /** Takes back what a write that failed has left; where that fails, too, it may stand there, and the end is torn. */
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

  /** Forgets everything in it, unless something is being appended. Where the disk fails, it stays: it is done with. */
  async clear(): Promise<void> {
    if (this.#isWriting || this.#end === 0) return
    // What is appended meanwhile waits for the end of this.
    this.#isWriting = true
    try {
      await truncate(this.#fd, 0)
      this.#end = 0
      this.#kept = 0
    } catch {
      // The next time.
    }
    this.#written = this.#write()
  }

  /** Shows others that its owner is there. */
  touch(): void {
    const now = new Date()
    utimesSync(this.#path, now, now)
  }

  /** Closes it, and removes it or leaves it to whoever comes. */
  close(what: 'remove' | 'leave'): void {
    closeSync(this.#fd)
    if (what === 'remove') unlinkSync(this.#path)
    else renameSync(this.#path, join(dirname(this.#path), nobodysName(this.id)))
  }
}

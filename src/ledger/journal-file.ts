/** One file of a journal: what is appended is on the disk when the promise resolves; those who append together share a sync. */
import { closeSync, fdatasync, ftruncate, openSync, renameSync, unlinkSync, utimesSync, write } from 'node:fs'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { nobodysName } from './journal-owner.ts'

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
  #size: number
  /** Bytes that are on the disk; what stands behind them is half a write. */
  #kept: number
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
    this.#size = size
    this.#kept = size
    this.#torn = size > 0
  }

  /** Bytes, with what is about to be written. */
  get size(): number {
    return this.#size
  }

  append(line: string): Promise<void> {
    this.#size += Buffer.byteLength(line)
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
      const bytes = Buffer.from((this.#torn ? '\n' : '') + batch.map(({ line }) => line).join(''))
      try {
        await this.#writeAll(bytes)
        await sync(this.#fd)
        this.#torn = false
        this.#kept += bytes.length
        for (const { resolve } of batch) resolve()
      } catch (error) {
        const verdict = await this.#undo(batch, error)
        for (const { reject } of batch) reject(verdict)
      }
    }
    this.#isWriting = false
  }

  /** Takes back what a write that failed has left; where that fails, too, it may stand there, and the end is torn. */
  async #undo(batch: readonly Waiting[], error: unknown): Promise<unknown> {
    try {
      await truncate(this.#fd, this.#kept)
      await sync(this.#fd)
    } catch {
      this.#torn = true
      return error
    }
    for (const { line } of batch) this.#size -= Buffer.byteLength(line)
    return new NotWritten(error instanceof Error ? error.message : String(error), { cause: error })
  }

  async #writeAll(bytes: Buffer): Promise<void> {
    for (let at = 0; at < bytes.length;) {
      const { bytesWritten } = await writeBytes(this.#fd, bytes, at, bytes.length - at, null)
      at += bytesWritten
    }
  }

  /** Resolves when nothing is being written. */
  async idle(): Promise<void> {
    await this.#written
  }

  /** Forgets everything in it, unless something is being appended. */
  async clear(): Promise<void> {
    if (this.#isWriting || this.#size === 0) return
    // What is appended meanwhile waits for the end of this.
    this.#isWriting = true
    this.#size = 0
    await truncate(this.#fd, 0)
      .then(() => {
        this.#kept = 0
      })
      .finally(() => this.#write())
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

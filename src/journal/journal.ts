/**
 * Keeps what the store could not take until it can (D2): settles and frees of holds, and the costs of calls that were
 * let through while it was down (D1, `onStoreDown: open`). Each process has one file, which is limited in size and
 * synced before an entry counts as written. Any gateway that uses the same folder takes over the file of a process that
 * is gone.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Logger } from 'pino'
import { StoreUnavailable } from '../store/unavailable.ts'
import type { Charge, Hold } from '../core/hold.ts'
import { Book } from './book.ts'
import { JournalFile } from './file.ts'
import { readLines, type Unchecked } from './lines.ts'
import { orphanId, ownName } from './owner.ts'

export interface JournalOptions {
  readonly dir: string
  readonly maxBytes: number
  readonly logger: Logger
}

/** Space that the end of a call may need; reserved for each call that was let through. */
const ROOM_BYTES = 2_048

export class Journal {
  readonly #options: JournalOptions
  readonly #adopted: Book[] = []
  #own: Book | null = null
  #isFailing = false

  constructor(options: JournalOptions) {
    this.#options = options
  }

  /** The journals that this process applies to the store. */
  get books(): readonly Book[] {
    return this.#own === null ? this.#adopted : [this.#own, ...this.#adopted]
  }

  /** Entries that the store does not have. */
  get entries(): number {
    return this.books.reduce((sum, book) => sum + book.size, 0)
  }

  /**
   * Records that a call is let through. Rejects with StoreUnavailable if the file may have no room for the call's end.
   */
  async admit(call: Unchecked): Promise<number> {
    return this.#written((book) => {
      if (book.file.size + (book.open + 2) * ROOM_BYTES > this.#options.maxBytes)
        throw new StoreUnavailable('the journal is full')
      return book.admit(call)
    })
  }

  end(of: number, charge: Charge | null): void {
    this.#own?.end(of, charge)
  }

  /** Rejects with StoreUnavailable where it is not on the disk. */
  async settle(hold: Hold, charge: Charge, mayHaveCome: boolean): Promise<void> {
    await this.#resolved((book) => book.settle(hold, charge, mayHaveCome))
  }

  /** Rejects with StoreUnavailable where it is not on the disk. */
  async free(hold: Hold): Promise<void> {
    await this.#resolved((book) => book.free(hold))
  }

  /** Settles and frees may use any space except that reserved for the ends of calls that were let through. */
  async #resolved(write: (book: Book) => Promise<void>): Promise<void> {
    await this.#written((book) => {
      if (book.file.size + (book.open + 1) * ROOM_BYTES > this.#options.maxBytes)
        throw new StoreUnavailable('the journal is full')
      return write(book)
    })
  }

  async #written<T>(write: (book: Book) => Promise<T>): Promise<T> {
    try {
      const written = await write((this.#own ??= this.#create()))
      this.#isFailing = false
      return written
    } catch (error) {
      if (error instanceof StoreUnavailable) throw error
      if (!this.#isFailing) this.#options.logger.error({ err: error }, 'the journal cannot be written')
      this.#isFailing = true
      throw new StoreUnavailable('the journal cannot be written', { cause: error })
    }
  }

  #create(): Book {
    const { dir } = this.#options
    mkdirSync(dir, { recursive: true, mode: 0o700 })
    const id = randomBytes(9).toString('base64url')
    return new Book(new JournalFile(id, join(dir, ownName(id))))
  }

  /** Takes over the files of processes that are gone. */
  adopt(): void {
    const { dir, logger } = this.#options
    for (const name of namesIn(dir)) {
      const path = join(dir, name)
      try {
        const id = orphanId(name, () => statSync(path).mtimeMs)
        if (id !== null) this.#takeOver(path, id)
      } catch (error) {
        // Another gateway was faster, or the disk fails: the next round tries again.
        logger.debug({ err: error, name }, 'a journal could not be taken over')
      }
    }
  }

  #takeOver(orphan: string, id: string): void {
    const path = join(this.#options.dir, ownName(id))
    renameSync(orphan, path)
    const text = readFileSync(path, 'utf8')
    const { entries, spoilt } = readLines(text)
    const book = new Book(new JournalFile(id, path, Buffer.byteLength(text)), entries)
    this.#adopted.push(book)
    const { logger } = this.#options
    logger.warn({ journal: id, entries: book.size }, 'the journal of a process that is gone is taken over')
    if (spoilt > 0)
      logger.error({ journal: id, lines: spoilt }, 'a journal has lines that cannot be read: skipped')
    book.endAll()
  }

  /**
   * Retries failed writes, empties files that are no longer needed, and shows other gateways that this one is alive.
   */
  async tidy(): Promise<void> {
    for (const book of this.books) {
      book.writeOwed()
      if (!this.#isStillOurs(book)) continue
      if (!book.isDone) continue
      if (book === this.#own) {
        await book.file.clear()
        continue
      }
      this.#adopted.splice(this.#adopted.indexOf(book), 1)
      book.file.close('remove')
    }
  }

  /**
   * Whether the file still belongs to this process. After a long stop other gateways may have treated it as gone; then
   * another one applies its entries.
   */
  #isStillOurs(book: Book): boolean {
    try {
      book.file.touch()
      return true
    } catch (error) {
      // If the disk refuses changes, the file has not been taken away: its entries can still be charged.
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') return true
      this.#options.logger.error({ err: error, journal: book.file.id }, 'a journal was taken away')
      if (book === this.#own) this.#own = null
      else this.#adopted.splice(this.#adopted.indexOf(book), 1)
      return false
    }
  }

  /** Closes the files. Any process may take over those with entries left. */
  async close(): Promise<void> {
    for (const book of this.books) {
      await book.file.idle()
      book.file.close(book.isDone ? 'remove' : 'leave')
    }
    this.#own = null
    this.#adopted.length = 0
  }
}

function namesIn(dir: string): string[] {
  try {
    return readdirSync(dir)
  } catch {
    return []
  }
}

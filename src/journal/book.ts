/** One journal: its file, and the entries that the store does not have yet. */
import type { Charge, Hold } from '../core/hold.ts'
import { JournalFile, NotWritten } from './file.ts'
import { lineOf, type Entry, type Unchecked } from './lines.ts'

/** The entries to apply to the store, in the order of `seq`. */
export type Payable = Extract<Entry, { kind: 'charge' | 'settle' | 'free' }>

type WithoutSeq<T> = T extends unknown ? Omit<T, 'seq'> : never

export const orgOf = (entry: Payable): string => ('hold' in entry ? entry.hold.org : entry.call.org)

export class Book {
  readonly file: JournalFile
  readonly #admitted = new Map<number, Unchecked>()
  #payable: Payable[] = []
  /** Ends of calls that could not be written to the disk yet. */
  #owed: WithoutSeq<Entry>[] = []
  #seq = 0
  #appending = 0

  constructor(file: JournalFile, entries: readonly Entry[] = []) {
    this.file = file
    for (const entry of entries) {
      this.#seq = Math.max(this.#seq, entry.seq)
      this.#take(entry)
    }
  }

  get payable(): readonly Payable[] {
    return this.#payable
  }

  /** Calls that were let through and have not ended. */
  get open(): number {
    return this.#admitted.size
  }

  /** Whether the file has no entry that is still needed. */
  get isDone(): boolean {
    return this.#payable.length + this.#admitted.size + this.#owed.length + this.#appending === 0
  }

  /** How many entries the store does not have. */
  get size(): number {
    return this.#payable.length + this.#admitted.size
  }

  /** Resolves when the entry is on the disk; rejects if it cannot be written. */
  async admit(call: Unchecked): Promise<number> {
    return this.#append({ kind: 'admit', call })
  }

  async settle(hold: Hold, charge: Charge, mayHaveCome: boolean): Promise<void> {
    await this.#append({ kind: 'settle', hold, charge, mayHaveCome })
  }

  async free(hold: Hold): Promise<void> {
    await this.#append({ kind: 'free', hold })
  }

  /** Records how a call ended; `charge` is null if it cost nothing. */
  end(of: number, charge: Charge | null): void {
    const call = this.#admitted.get(of)
    if (call === undefined) return
    this.#owe(charge === null ? { kind: 'cancel', of } : { kind: 'charge', of, call, charge })
  }

  /** Ends every open call at the price of its prompt, because its gateway is gone. */
  endAll(): void {
    for (const [of, call] of this.#admitted) {
      this.end(of, { cost: call.promptPrice, model: call.model, inputTokens: 0, outputTokens: 0 })
    }
  }

  /** Retries the entries that could not be written. */
  writeOwed(): void {
    for (const entry of this.#owed.splice(0)) this.#owe(entry)
  }

  paid(entries: ReadonlySet<Payable>): void {
    this.#payable = this.#payable.filter((entry) => !entries.has(entry))
  }

  #owe(entry: WithoutSeq<Entry>): void {
    this.#append(entry).catch(() => this.#owed.push(entry))
  }

  async #append(content: WithoutSeq<Entry>): Promise<number> {
    this.#seq += 1
    const entry: Entry = { ...content, seq: this.#seq }
    this.#appending += 1
    try {
      await this.file.append(lineOf(entry))
      this.#take(entry)
      return entry.seq
    } catch (error) {
      // The entry may be in the file anyway. Since it is not known to be written, a `cancel` makes it count for
      // nothing.
      const mayStand = !(error instanceof NotWritten)
      if (mayStand && entry.kind !== 'cancel') this.#owed.push({ kind: 'cancel', of: entry.seq })
      throw error
    } finally {
      this.#appending -= 1
    }
  }

  #take(entry: Entry): void {
    switch (entry.kind) {
      case 'admit':
        this.#admitted.set(entry.seq, entry.call)
        return
      case 'settle':
      case 'free':
        this.#payable.push(entry)
        return
      case 'charge':
        this.#admitted.delete(entry.of)
        this.#payable.push(entry)
        return
      case 'cancel':
        this.#admitted.delete(entry.of)
        this.#payable = this.#payable.filter(({ seq }) => seq !== entry.of)
    }
  }
}

/** One server of the store: whether it gives signs of life, and who waits for it. */
import { isNoConnection } from './faults.ts'

export interface NodeWatchOptions {
  /** `host:port` in a cluster. */
  readonly name: string
  /** How long a server may be silent. */
  readonly silenceMs: number
  readonly ping: () => Promise<unknown>
  /** A write to the keys of an organization that this server refused. */
  readonly probe: (org: string) => Promise<unknown>
  readonly onAnswer: () => void
  readonly onDown: (reason: string) => void
  readonly onUp: (downMs: number) => void
}

/** Fewer than a process that runs comes round in the time of silence. */
const LEAST_ROUNDS = 4

export class NodeWatch {
  /** Those who wait for an answer of this server; each is called once with the reason when it counts as down. */
  readonly waiting = new Set<(reason: string) => void>()
  /** Those who wait until it answers again; each is called once. */
  readonly waitingForReturn = new Set<() => void>()
  readonly #options: NodeWatchOptions
  /** When the first question was put that has no good answer yet. */
  #askedAt: number | null = null
  /** How often this process has come round since then. */
  #rounds = 0
  #isAsking = false
  #lastError = 'no answer'
  /** When it was found to be down. */
  #downAt: number | null = null
  #reason = ''
  /** The organization whose writes it refused, where it is down for that. */
  #refusedOrg: string | null = null

  constructor(options: NodeWatchOptions) {
    this.#options = options
  }

  get name(): string {
    return this.#options.name
  }

  get isDown(): boolean {
    return this.#downAt !== null
  }

  get reason(): string {
    return this.#reason
  }

  /** What its last failure said; while it is down this may change, as when it comes back with another password. */
  get lastError(): string {
    return this.#lastError
  }

  /** For how long it has been down, in ms; 0 while it is up. */
  get downMs(): number {
    return this.#downAt === null ? 0 : performance.now() - this.#downAt
  }

  /** For how long it has given no sign of life, in ms; 0 while it is up, or answers and refuses. */
  get silentMs(): number {
    if (this.#downAt === null || this.#askedAt === null || this.#refusedOrg !== null) return 0
    return performance.now() - this.#askedAt
  }

  /** Asks for a sign of life, one question at a time. */
  ask(): void {
    if (this.#askedAt !== null) this.#rounds += 1
    if (this.#isAsking) return
    this.#isAsking = true
    this.#askedAt ??= performance.now()
    const org = this.#refusedOrg
    const question = org === null ? this.#options.ping() : this.#options.probe(org)
    question.then(
      () => this.#answered(org),
      (error: unknown) => {
        this.#isAsking = false
        this.#lastError = error instanceof Error ? (error.message.split('\n', 1)[0] ?? '') : String(error)
        if (isNoConnection(this.#lastError)) this.#refusedOrg = null
      },
    )
  }

  /**
   * Finds it down where it has been silent for too long. Time in which this process did not run, because the machine is
   * overloaded, is not the server's silence, and likely it did not run either.
   */
  judge(): void {
    if (this.#askedAt === null || this.#rounds < LEAST_ROUNDS) return
    if (performance.now() - this.#askedAt < this.#options.silenceMs) return
    this.#goDown(this.#isAsking ? 'no answer' : this.#lastError)
  }

  /**
   * A call failed for good: from here on only a write of this organization's shows that it serves again. Null where the
   * connection is gone, so that any sign of life does.
   */
  refused(reason: string, org: string | null): void {
    if (this.isDown) return
    this.#refusedOrg = org
    this.#lastError = reason
    if (org === null) this.#askedAt ??= performance.now()
    this.#goDown(reason)
  }

  /** It serves no keys any more, and is missed by nobody. Who waits for it is redirected by its connection. */
  leave(): void {
    this.#isBack()
  }

  #answered(org: string | null): void {
    this.#isAsking = false
    this.#options.onAnswer()
    // A sign of life that was asked for before the refusal proves nothing.
    if (org !== this.#refusedOrg) return
    this.#askedAt = null
    this.#rounds = 0
    this.#lastError = 'no answer'
    this.#refusedOrg = null
    this.#isBack()
  }

  #isBack(): void {
    if (this.#downAt === null) return
    const downMs = Math.round(performance.now() - this.#downAt)
    this.#downAt = null
    this.#options.onUp(downMs)
    const waiting = [...this.waitingForReturn]
    this.waitingForReturn.clear()
    for (const goOn of waiting) goOn()
  }

  #goDown(reason: string): void {
    if (this.#downAt !== null) return
    this.#downAt = performance.now()
    this.#reason = reason
    this.#options.onDown(reason)
    for (const giveUp of this.waiting) giveUp(reason)
    this.waiting.clear()
  }
}

/** Watches one server of the store: whether it responds, and who waits for it. */
import { isNoConnection } from './faults.ts'

export interface NodeWatchOptions {
  /** `host:port` in a cluster. */
  readonly name: string
  /** How long a server may be silent. */
  readonly silenceMs: number
  readonly ping: () => Promise<unknown>
  /** Tries a write to the keys of an organization whose writes this server refused. */
  readonly probe: (org: string) => Promise<unknown>
  readonly onAnswer: () => void
  readonly onDown: (reason: string) => void
  readonly onUp: (downMs: number) => void
}

/**
 * The ticks without an answer that are needed to call a server silent; a process that runs normally has more in that
 * time.
 */
const LEAST_ROUNDS = 4

export class NodeWatch {
  /** Callbacks of operations in flight; each is called once with the reason when the server counts as down. */
  readonly waiting = new Set<(reason: string) => void>()
  /** Callbacks of those who wait until it answers again; each is called once. */
  readonly waitingForReturn = new Set<() => void>()
  readonly #options: NodeWatchOptions
  /** When the first ping without a successful answer was sent. */
  #askedAt: number | null = null
  /** How many ticks this process has run since then. */
  #rounds = 0
  #isAsking = false
  #lastError = 'no answer'
  /** When it was found to be down. */
  #downAt: number | null = null
  #reason = ''
  /** The organization whose writes the server refused, if it is down because of that. */
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

  /**
   * The message of its last failure. It may change while the server is down, for example if it comes back with another
   * password.
   */
  get lastError(): string {
    return this.#lastError
  }

  /** How long it has been down, in ms; 0 while it is up. */
  get downMs(): number {
    return this.#downAt === null ? 0 : performance.now() - this.#downAt
  }

  /** How long it has not responded, in ms; 0 while it is up, or responds with refusals. */
  get silentMs(): number {
    if (this.#downAt === null || this.#askedAt === null || this.#refusedOrg !== null) return 0
    return performance.now() - this.#askedAt
  }

  /** Sends a ping, or a probe write after a refusal; one at a time. */
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
   * Marks the server as down if it was silent for too long. Time in which this process did not run, because the machine
   * is overloaded, does not count: the server likely did not run either.
   */
  judge(): void {
    if (this.#askedAt === null || this.#rounds < LEAST_ROUNDS) return
    if (performance.now() - this.#askedAt < this.#options.silenceMs) return
    this.#goDown(this.#isAsking ? 'no answer' : this.#lastError)
  }

  /**
   * Marks the server as down after a failure that a retry did not fix. From then on only a write to this organization's
   * keys shows that it serves again. If `org` is null, the connection is gone, and any response does.
   */
  refused(reason: string, org: string | null): void {
    if (this.isDown) return
    this.#refusedOrg = org
    this.#lastError = reason
    if (org === null) this.#askedAt ??= performance.now()
    this.#goDown(reason)
  }

  /**
   * The server no longer serves keys and is not watched any more. Waiting operations resume, and their connection
   * redirects them.
   */
  leave(): void {
    this.#isBack()
  }

  #answered(org: string | null): void {
    this.#isAsking = false
    this.#options.onAnswer()
    // An answer to a ping that was sent before the refusal proves nothing.
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

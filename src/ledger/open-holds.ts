/**
 * The open holds of this gateway: added by a reservation, renewed while their calls run, removed when they are
 * resolved.
 */
import type { Hold } from '../core/hold.ts'

export class OpenHolds {
  readonly #byId = new Map<string, Hold>()

  get size(): number {
    return this.#byId.size
  }

  opened(hold: Hold): void {
    this.#byId.set(hold.id, hold)
  }

  closed({ id }: Hold): void {
    this.#byId.delete(id)
  }

  all(): Iterable<Hold> {
    return this.#byId.values()
  }
}

/** Settles and frees that are on their way to the store, by user: who asks for a reservation may have to wait for them. */
import type { Hold } from '../core/hold.ts'

interface OfUser {
  count: number
  /** Who waits, and for how many more. */
  readonly waiting: { left: number; readonly goOn: () => void }[]
}

type Whose = Pick<Hold, 'org' | 'user'>

export class UnderWay {
  readonly #ofUsers = new Map<string, OfUser>()
  #tried = 0

  /** How many have been tried so far, whatever came of it. */
  get tried(): number {
    return this.#tried
  }

  began({ org, user }: Whose): void {
    const name = `${org} ${user}`
    const known = this.#ofUsers.get(name)
    if (known === undefined) this.#ofUsers.set(name, { count: 1, waiting: [] })
    else known.count += 1
  }

  /**
   * Resolves when as much as is on its way for this user now has been tried; null when nothing is. What comes later is
   * not waited for: under steady traffic there would be no end of it.
   */
  ofUser(org: string, user: string): Promise<void> | null {
    const known = this.#ofUsers.get(`${org} ${user}`)
    if (known === undefined) return null
    return new Promise((goOn) => known.waiting.push({ left: known.count, goOn }))
  }

  /** One was tried: whoever waits for this user's goes on, whatever came of it. */
  wasTried({ org, user }: Whose): void {
    this.#tried += 1
    const name = `${org} ${user}`
    const known = this.#ofUsers.get(name)
    if (known === undefined) return
    known.count -= 1
    if (known.count === 0) this.#ofUsers.delete(name)
    for (const waiter of known.waiting) {
      waiter.left -= 1
      if (waiter.left === 0) waiter.goOn()
    }
    // They began to wait in this order, so those who are done stand in front.
    while (known.waiting[0]?.left === 0) known.waiting.shift()
  }
}

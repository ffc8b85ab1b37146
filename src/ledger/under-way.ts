/** Settles and frees in flight to the store, by user. A reservation may have to wait for them. */
import type { Hold } from '../core/hold.ts'

interface OfUser {
  count: number
  /** The waiters, and how many more attempts each waits for. */
  readonly waiting: { left: number; readonly goOn: () => void }[]
}

type Whose = Pick<Hold, 'org' | 'user'>

export class UnderWay {
  readonly #ofUsers = new Map<string, OfUser>()
  #tried = 0

  /** How many have been tried so far, whatever the result. */
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
   * Resolves when as many attempts as are in flight for this user now have been made; null if there are none. It does
   * not wait for later ones: under steady traffic that would never end.
   */
  ofUser(org: string, user: string): Promise<void> | null {
    const known = this.#ofUsers.get(`${org} ${user}`)
    if (known === undefined) return null
    return new Promise((goOn) => known.waiting.push({ left: known.count, goOn }))
  }

  /** Records that one was tried, whatever the result, and resumes the waiters that waited for it. */
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
    // Waiters are in the order of arrival, so those that are done come first.
    while (known.waiting[0]?.left === 0) known.waiting.shift()
  }
}

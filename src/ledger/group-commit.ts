/**
 * Group commit: items that arrive close together share one run. Items that arrive during a run wait and form the next
 * batch, so batches grow exactly when the store is the bottleneck.
 */
export interface GroupCommit<T> {
  add(item: T): void
  /** The items that wait for a batch, in order. */
  readonly waiting: readonly T[]
  /** Removes the waiting items for which `isOver` holds. */
  drop(isOver: (item: T) => boolean): void
}

export interface GroupCommitOptions<T> {
  readonly maxBatch: number
  /** How long the first item of a batch waits for others: to the end of this turn of the event loop, or milliseconds. */
  readonly collect: 'turn' | number
  /** Must settle every item itself and never reject. */
  readonly run: (batch: T[]) => Promise<void>
}

export function createGroupCommit<T>(options: GroupCommitOptions<T>): GroupCommit<T> {
  const { maxBatch, collect, run } = options
  let waiting: T[] = []
  let running = false
  let scheduled = false

  function flush(): void {
    scheduled = false
    if (running || waiting.length === 0) return
    const batch = waiting.length <= maxBatch ? waiting : waiting.slice(0, maxBatch)
    waiting = waiting.length <= maxBatch ? [] : waiting.slice(maxBatch)
    running = true
    void run(batch).finally(() => {
      running = false
      if (waiting.length >= maxBatch) flush()
      else if (waiting.length > 0) schedule()
    })
  }

  function schedule(): void {
    if (scheduled || running) return
    scheduled = true
    if (collect === 'turn') setImmediate(flush)
    else setTimeout(flush, collect)
  }

  return {
    add(item) {
      waiting.push(item)
      schedule()
    },
    get waiting() {
      return waiting
    },
    drop(isOver) {
      waiting = waiting.filter((item) => !isOver(item))
    },
  }
}

/** How many jobs are in the queues, as counted now and then; what was counted too long ago is not told. */
import type { QueueJobs, Queues } from './queue.ts'

export interface Depth {
  /** Rejects as the store does; what was counted before stays for a while. */
  count(): Promise<void>
  /** As last counted; nothing where that was too long ago, or never. */
  jobs(): readonly QueueJobs[]
}

export interface DepthOptions {
  readonly queues: Pick<Queues, 'countJobs'>
  /** For how long a count is told. */
  readonly validMs: number
  /** Milliseconds of a clock that only goes forward. */
  readonly now?: () => number
}

export function createDepth({ queues, validMs, now = () => performance.now() }: DepthOptions): Depth {
  let counted: { readonly jobs: readonly QueueJobs[]; readonly atMs: number } | null = null
  return {
    async count() {
      // Of the time before it was asked: an answer that was long in coming is no younger for that.
      const atMs = now()
      counted = { jobs: await queues.countJobs(), atMs }
    },
    jobs: () => (counted === null || now() - counted.atMs > validMs ? [] : counted.jobs),
  }
}

/**
 * Connections that a worker was given and did not take.
 *
 * Node's primary accepts every connection and hands it to a worker, one at a time per listener, keeping its own copy
 * until the worker answers whether it took it. If not, the next worker gets it. Two cases leave a client waiting on a
 * connection that nobody serves, until it gives up or the primary ends:
 *
 * - The worker dies before it answers: Node forgets the copy, without closing it, and does not even notice that the
 *   channel has ended. Here the end is noticed, and counts as the answer "not taken".
 * - All workers stop: the connection is kept for the next one, and there is none. Here the primary is told that it was
 *   taken, which makes it close its copy.
 */
import type { Worker } from 'node:cluster'

/** The messages between Node's primary and its workers, as far as this needs them. */
interface ClusterMessage {
  readonly cmd?: string
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
  accepted?: boolean
}

/** `othersServe` says whether there is anybody else to give the worker's connections to. */
export function returnHandoffs(worker: Worker, othersServe: () => boolean): void {
  const channel = worker.process
  /** Sequence numbers of the messages that gave it a connection. */
  const unanswered = new Set<number>()
  const send = channel.send.bind(channel) as (message: unknown, ...rest: unknown[]) => boolean
  channel.send = (message: ClusterMessage, ...rest: unknown[]) => {
    const { cmd, act, seq } = message
    if (cmd === 'NODE_CLUSTER' && act === 'newconn' && seq !== undefined) unanswered.add(seq)
    return send(message, ...rest)
  }
  channel.prependListener('internalMessage', (answer: ClusterMessage) => {
    if (answer.ack === undefined || !unanswered.delete(answer.ack)) return
    if (answer.accepted === false && !othersServe()) answer.accepted = true
  })
  let isDisconnected = false
  channel.once('disconnect', () => {
    isDisconnected = true
  })
  channel.once('close', () => {
    // Takes the worker out of the turn. Without it, what is given back could come here again.
    if (!isDisconnected) channel.emit('disconnect')
    for (const ack of unanswered) {
      channel.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: false })
    }
  })
}

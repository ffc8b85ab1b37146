/**
 * Returns connections that a worker was given and did not accept.
 *
 * Node's primary accepts every connection and hands it to a worker, one at a time per listener. It keeps its own copy
 * until the worker answers whether it accepted. If not, the next worker gets the connection. In two cases no worker
 * serves a connection, and the client waits until it gives up or the primary ends:
 *
 * - The worker dies before it answers. Node forgets the copy without closing it, and does not notice that the channel
 * has ended. This module notices the end and treats it as the answer "not accepted".
 *
 * - All workers stop. Node keeps the connection for the next worker, and there is none. This module tells the primary
 * that the connection was accepted, so that it closes its copy.
 */
import type { Worker } from 'node:cluster'

/** The messages between Node's primary and its workers, as far as this module needs them. */
interface ClusterMessage {
  readonly cmd?: string
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
  accepted?: boolean
}

/** `othersServe` says whether another worker can take the connections. */
export function returnHandoffs(worker: Worker, othersServe: () => boolean): void {
  const channel = worker.process
  /** Sequence numbers of the messages that handed it a connection. */
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
    // Removes the worker from the rotation. Without this, it could be given the returned connections again.
    if (!isDisconnected) channel.emit('disconnect')
    for (const ack of unanswered) {
      channel.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack, accepted: false })
    }
  })
}

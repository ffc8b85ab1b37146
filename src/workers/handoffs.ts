/**
 * Connections that were given to a worker which died before it took them.
 *
 * Node's primary accepts every connection and hands it to a worker, one at a time per listener, keeping its own copy
 * until the worker says that it has it. When the worker dies before that, Node forgets the copy without closing it, and
 * does not notice that the channel has ended: the client would wait until it gives up. Here the end is noticed, and
 * the missing answer taken to be "not accepted", for which Node has a way: the next worker gets the connection.
 */
import type { Worker } from 'node:cluster'

/** The messages between Node's primary and its workers, as far as this needs them. */
interface ClusterMessage {
  readonly cmd?: string
  readonly act?: string
  readonly seq?: number
  readonly ack?: number
}

interface Handle {
  close(): void
}

/** `othersServe` says, when the worker is gone, whether there is anybody to give its connections to. */
export function returnHandoffs(worker: Worker, othersServe: () => boolean): void {
  const channel = worker.process
  const open = new Map<number, Handle>()
  const send = channel.send.bind(channel) as (
    message: unknown,
    handle?: unknown,
    ...rest: unknown[]
  ) => boolean
  channel.send = ((message: ClusterMessage, handle?: Handle, ...rest: unknown[]) => {
    const { cmd, act, seq } = message
    if (cmd === 'NODE_CLUSTER' && act === 'newconn' && seq !== undefined && handle !== undefined) {
      open.set(seq, handle)
    }
    return send(message, handle, ...rest)
  }) as typeof channel.send
  channel.on('internalMessage', ({ ack }: ClusterMessage) => {
    if (ack !== undefined) open.delete(ack)
  })
  let isDisconnected = false
  channel.once('disconnect', () => {
    isDisconnected = true
  })
  channel.once('close', () => {
    // Takes the worker out of the turn. Without it, what is given back could come here again.
    if (!isDisconnected) channel.emit('disconnect')
    for (const [seq, handle] of open) {
      if (othersServe()) channel.emit('internalMessage', { cmd: 'NODE_CLUSTER', ack: seq, accepted: false })
      else handle.close()
    }
  })
}

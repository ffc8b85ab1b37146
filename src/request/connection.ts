/** When a client's connection is gone, told to every call on it. */
import type { Socket } from 'node:net'

const watchers = new WeakMap<Socket, Set<() => void>>()

/**
 * Calls `listener` when the connection closes, until the returned function is called. Node emits `close` only on the answer
 * that is being written: one that a pipelining client has queued behind it would wait for ever.
 */
export function onConnectionClosed(socket: Socket, listener: () => void): () => void {
  let listeners = watchers.get(socket)
  if (listeners === undefined) {
    const added = new Set<() => void>()
    listeners = added
    watchers.set(socket, added)
    socket.once('close', () => {
      for (const each of [...added]) each()
    })
  }
  const known = listeners.add(listener)
  return () => known.delete(listener)
}

/** When a client's connection is gone, told to every call on it. */
import type { Socket } from 'node:net'

const watchers = new WeakMap<Socket, (() => void)[]>()

/**
 * Calls `listener` when the connection closes, until the returned function is called. Node emits `close` only on the answer
 * that is being written: one that a pipelining client has queued behind it would wait for ever.
 */
export function onConnectionClosed(socket: Socket, listener: () => void): () => void {
  let listeners = watchers.get(socket)
  if (listeners === undefined) {
    const added: (() => void)[] = []
    listeners = added
    watchers.set(socket, added)
    socket.once('close', () => {
      for (const each of [...added]) each()
    })
  }
  const known = listeners
  known.push(listener)
  return () => remove(known, listener)
}

/** A connection has a handful: a list of them costs less than a set, which is laid out anew every few changes. */
function remove(listeners: (() => void)[], listener: () => void): void {
  const at = listeners.indexOf(listener)
  if (at === -1) return
  for (let next = at + 1; next < listeners.length; next += 1) {
    const moved = listeners[next]
    if (moved !== undefined) listeners[next - 1] = moved
  }
  listeners.pop()
}

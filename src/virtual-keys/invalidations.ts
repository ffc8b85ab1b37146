/**
 * Receives revocations of virtual keys, and knows whether it still does.
 *
 * A connection can be dead without either end noticing (a cable, a firewall that dropped its state), and in a cluster
 * ioredis does not expose the subscribing connection. So this gateway regularly sends itself a message, on a channel of
 * its own beside the one for revocations. If one does not come back in time, revocations do not arrive either.
 */
import { randomUUID } from 'node:crypto'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'

export interface KeyInvalidationsOptions {
  /** Publishes the messages to itself. */
  readonly redis: RedisClient
  /** The connection that subscribes; nothing else may use it. */
  readonly listener: RedisClient
  /** A key's SHA-256, or `*` for all of them. */
  readonly onInvalidated: (sha256: string) => void
  /** Called when revocations may have been missed: when the subscription is lost, and again when it is back. */
  readonly onMissed: () => void
  readonly beatMs?: number
}

export interface KeyInvalidations {
  /** Whether every revocation is received; a loss is noticed within two beats. */
  hearing(): boolean
  close(): Promise<void>
}

/**
 * A lost message is noticed within two beats, less than the second in which a revocation must take effect everywhere.
 */
const BEAT_MS = 300

export function listenForInvalidations(options: KeyInvalidationsOptions): KeyInvalidations {
  const { redis, listener, onInvalidated, onMissed } = options
  const echo = `${keys.KEY_INVALIDATIONS}:${randomUUID()}`
  let hearing = false
  let subscribing = false
  let closed = false
  let sent = 0
  let heard = 0

  const lose = (): void => {
    if (!hearing) return
    hearing = false
    onMissed()
  }
  const subscribe = (): void => {
    if (subscribing || closed) return
    subscribing = true
    listener
      .subscribe(keys.KEY_INVALIDATIONS, echo)
      // `hearing` becomes true with the first message of its own that comes back.
      .then(beat, () => undefined)
      .finally(() => (subscribing = false))
  }
  const beat = (): void => {
    sent += 1
    // A failure shows as a message that did not come back.
    redis.publish(echo, String(sent)).catch(() => undefined)
  }
  const onMessage = (channel: string, message: string): void => {
    if (channel === keys.KEY_INVALIDATIONS) onInvalidated(message)
    if (channel !== echo) return
    heard = Number(message)
    if (hearing) return
    hearing = true
    onMissed()
  }
  const check = (): void => {
    if (closed) return
    if (heard < sent) {
      lose()
      subscribe()
    }
    beat()
  }

  const detach = attach(listener, { message: onMessage, close: lose, end: lose, ready: subscribe })
  // Messages that arrived while this process was busy are read before a missing one is noticed, so this does not run in
  // the timer's own phase.
  const timer = setInterval(() => setImmediate(check), options.beatMs ?? BEAT_MS)
  timer.unref()
  subscribe()

  return {
    hearing: () => hearing,
    close: async () => {
      closed = true
      clearInterval(timer)
      detach()
      // Unsubscribing on a connection that does not answer would only wait.
      if (hearing) await listener.unsubscribe(keys.KEY_INVALIDATIONS, echo).catch(() => undefined)
    },
  }
}

interface Handlers {
  readonly message: (channel: string, message: string) => void
  readonly close: () => void
  readonly end: () => void
  readonly ready: () => void
}

function attach(listener: RedisClient, { message, close, end, ready }: Handlers): () => void {
  listener.on('message', message).on('close', close).on('end', end).on('ready', ready)
  return () => void listener.off('message', message).off('close', close).off('end', end).off('ready', ready)
}

/**
 * Hears which virtual keys were revoked, and knows whether it still hears.
 *
 * A connection can be gone without anybody noticing (a cable, a firewall that forgot it), and in a cluster ioredis keeps
 * the subscribing connection to itself. So this gateway regularly sends a message to itself, on a channel of its own
 * next to the one it listens to: one that does not come back in time means that revocations do not come either.
 */
import { randomUUID } from 'node:crypto'
import type { RedisClient } from '../store/connection.ts'
import * as keys from '../store/keys.ts'

export interface KeyInvalidationsOptions {
  /** Sends the messages to itself. */
  readonly redis: RedisClient
  /** The connection that subscribes; nothing else may use it. */
  readonly listener: RedisClient
  /** A key's SHA-256, or `*` for all of them. */
  readonly onInvalidated: (sha256: string) => void
  /** Revocations may have been missed, up to now. Called when hearing was lost, and again when it is back. */
  readonly onMissed: () => void
  readonly beatMs?: number
}

export interface KeyInvalidations {
  /** Whether every revocation is heard, give or take two beats. */
  hearing(): boolean
  close(): Promise<void>
}

/** A lost message is noticed within two beats, which is below the second in which a revocation must be everywhere. */
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
      // Hearing begins with the first message of its own that comes back.
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
  // What arrived while this process was busy is read before it is judged as missing: hence not in the timer's own phase.
  const timer = setInterval(() => setImmediate(check), options.beatMs ?? BEAT_MS)
  timer.unref()
  subscribe()

  return {
    hearing: () => hearing,
    close: async () => {
      closed = true
      clearInterval(timer)
      detach()
      // A connection that does not answer would only be waited for.
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

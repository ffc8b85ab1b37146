/**
 * Checks whether the server can hold the ledger: Redis or Valkey, version 7 or later, judged by its behaviour and not
 * by its name.
 */
import type { Logger } from 'pino'
import type { Config } from '../config.ts'
import { StartupError } from '../errors.ts'
import { askAny, type RedisClient } from './connection.ts'
import { accessFault } from './access.ts'

const OLDEST_MAJOR = 7
const NEEDED = 'Tollgate needs Redis or Valkey, version 7 or later'

/**
 * Tests the features that every script relies on: flags after the shebang, the server's clock, JSON, and whole numbers
 * of 16 digits. It touches no key.
 */
const PROBE = `#!lua flags=allow-oom
local at = redis.call('TIME')
return string.format('%.0f', 2 ^ 53 - #cjson.decode('[1]')) .. ' ' .. #at`
const PROBED = '9007199254740991 2'

/** Limit on the server's text in an error message. */
const MOST_TEXT = 200

/**
 * Rejects with a StartupError if the server lacks a required feature (exit code 2), or refuses the credentials (exit
 * code 1).
 */
export async function checkServer(
  redis: RedisClient,
  config: Config['redis'],
  what: string,
  logger: Logger,
): Promise<void> {
  try {
    await checkVersion(redis, what)
    await checkScripts(redis, what)
    await checkEviction(redis, logger)
  } catch (error) {
    if (error instanceof StartupError) throw error
    const cause = error instanceof AggregateError ? (error.errors[0] as unknown) : error
    const fault = cause instanceof Error ? accessFault(cause, config, what) : null
    throw fault ?? unlike(what, cause)
  }
}

/** The error for a server that does not behave like Redis 7 or later. */
export function unlike(what: string, error: unknown): StartupError {
  const text = (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? ''
  return new StartupError(
    `redis: ${what} does not do what Redis 7 does (it answers: ${text.slice(0, MOST_TEXT)}); ${NEEDED}`,
    2,
  )
}

async function checkVersion(redis: RedisClient, what: string): Promise<void> {
  const info = await askAny(redis, (server) => server.info('server'))
  const version = /redis_version:(\S+)/.exec(info)?.[1]
  const major = Number.parseInt(version ?? '', 10)
  if (version === undefined || Number.isNaN(major))
    throw new StartupError(`redis: ${what} does not say which version it is; ${NEEDED}`, 2)
  if (major < OLDEST_MAJOR) throw new StartupError(`redis: ${what} is version ${version}; ${NEEDED}`, 2)
}

async function checkScripts(redis: RedisClient, what: string): Promise<void> {
  const answer = await askAny(redis, (server) => server.eval(PROBE, 0))
  if (answer !== PROBED) throw unlike(what, `${String(answer)} to a script`)
}

async function checkEviction(redis: RedisClient, logger: Logger): Promise<void> {
  const policy = /maxmemory_policy:(\S+)/.exec(await askAny(redis, (server) => server.info('memory')))?.[1]
  if (policy !== undefined && policy !== 'noeviction') {
    logger.warn(
      { maxmemoryPolicy: policy },
      'the store may evict counters when it is full: set maxmemory-policy to noeviction',
    )
  }
}

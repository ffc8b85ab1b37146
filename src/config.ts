/**
 * The configuration: read once, checked whole, filled with defaults, frozen. Every error is one line that names the key.
 */
import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { Value } from '@sinclair/typebox/value'
import { isOnThisMachine, ruleProblems } from './config/check.ts'
import { parseYaml, reason } from './config/interpolate.ts'
import { dotted, schemaProblems, segments, throwFirst } from './config/problems.ts'
import { type ConfigInput, ConfigSchema } from './config/schema.ts'
import type { Config, Notifications, RedisConfig, Upstream } from './config/types.ts'
import { StartupError } from './errors.ts'

export type {
  Config,
  GenericRoute,
  ModelPrice,
  Notifications,
  PricesConfig,
  RedisConfig,
  Timeouts,
  Upstream,
} from './config/types.ts'

/** Reads a configuration file. Throws a StartupError (exit code 1) that names the first key that is wrong. */
export function loadConfig(
  file: string,
  env: Readonly<Record<string, string | undefined>> = process.env,
): Config {
  const dir = dirname(resolve(file))
  const { value, problems, interpolated } = parseYaml(readText(file), { dir, env })
  throwFirst(problems)
  return configFrom(value ?? {}, { dir, interpolated })
}

/**
 * Makes a configuration from plain data in the format of the file. `dir` is what its paths are relative to;
 * `interpolated` are the dotted paths of texts that may also be numbers. Throws like `loadConfig`.
 */
export function configFrom(
  input: unknown,
  options: { readonly dir: string; readonly interpolated?: ReadonlySet<string> },
): Config {
  const value = Value.Default(ConfigSchema, structuredClone(input))
  readNumbers(value, options.interpolated ?? new Set())
  throwFirst(schemaProblems(value))
  const config = complete(value as ConfigInput, options.dir)
  throwFirst(ruleProblems(config))
  return deepFreeze(config)
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new StartupError(`cannot read ${file}: ${reason(error)}`, 1)
  }
}

/** Numbers from the environment arrive as text: where the schema wants a number and the text is one, it becomes one. */
function readNumbers(value: unknown, interpolated: ReadonlySet<string>): void {
  if (interpolated.size === 0) return
  for (const { path, schema, value: found } of [...Value.Errors(ConfigSchema, value)]) {
    const wanted = schema['type'] === 'number' || schema['type'] === 'integer'
    if (
      wanted &&
      typeof found === 'string' &&
      /^\d+(\.\d+)?$/.test(found) &&
      interpolated.has(dotted(segments(path)))
    ) {
      setAt(value, segments(path), Number(found))
    }
  }
}

function setAt(root: unknown, path: readonly string[], value: number): void {
  const parent = path.slice(0, -1).reduce((at, name) => (at as Record<string, unknown>)[name], root)
  ;(parent as Record<string, unknown>)[path.at(-1) ?? ''] = value
}

function complete(input: ConfigInput, dir: string): Config {
  const upstreams = Object.entries(input.upstreams).map(([name, upstream]): [string, Upstream] => {
    const { ca, ...rest } = upstream
    const filled = {
      ...rest,
      timeouts: { ...input.timeouts, ...upstream.timeouts },
      onStoreDown: upstream.onStoreDown ?? input.onStoreDown,
    }
    return [name, ca === undefined ? filled : { ...filled, ca: resolve(dir, ca) }]
  })
  return {
    ...input,
    redis: completeRedis(input.redis, dir),
    journal: { ...input.journal, dir: resolve(dir, input.journal.dir) },
    notifications: completeNotifications(input.notifications, dir),
    upstreams: Object.fromEntries(upstreams),
  }
}

function completeRedis({ embedded, tls, ...rest }: ConfigInput['redis'], dir: string): RedisConfig {
  const { serverName, ...files } = tls === undefined || tls === true ? {} : tls
  const resolved = Object.entries(files).map(([name, file]) => [name, resolve(dir, file)])
  return {
    ...rest,
    ...(embedded !== undefined && { embedded: resolve(dir, embedded) }),
    ...(tls !== undefined && {
      tls: {
        ...(Object.fromEntries(resolved) as typeof files),
        ...(serverName !== undefined && { serverName }),
      },
    }),
  }
}

/** A mail server on this machine is reached without a network; any other must be by an encrypted connection. */
function completeNotifications({ smtp, ...rest }: ConfigInput['notifications'], dir: string): Notifications {
  const filled = { ...rest, mailDir: resolve(dir, rest.mailDir) }
  if (smtp === undefined) return filled
  const { ca, ...server } = smtp
  const startTls = smtp.startTls ?? (isOnThisMachine(smtp.url) ? 'optional' : 'required')
  return { ...filled, smtp: { ...server, startTls, ...(ca !== undefined && { ca: resolve(dir, ca) }) } }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null) {
    Object.values(value).forEach(deepFreeze)
    Object.freeze(value)
  }
  return value
}

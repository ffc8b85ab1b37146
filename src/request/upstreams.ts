/** Connections to the upstreams: one pool each, certificates verified, everything bounded. */
import { readFileSync } from 'node:fs'
import { Pool } from 'undici'
import type { Config, Upstream } from '../config.ts'
import { StartupError } from '../errors.ts'
import type { Family } from '../families/family.ts'
import type { UpstreamTarget } from './call.ts'

export interface OpenUpstream {
  readonly prefix: string
  readonly url: string
  readonly target: UpstreamTarget
  readonly dispatcher: Pool
}

const KEEP_ALIVE_MS = 30_000
const MAX_ANSWER_HEADER_BYTES = 65_536

function readCertificates(name: string, file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new StartupError(
      `upstreams.${name}.ca: cannot be read: ${error instanceof Error ? error.message : ''}`,
      1,
    )
  }
}

export function openUpstream(
  name: string,
  upstream: Upstream,
  family: Family,
  limits: Config['limits'],
): OpenUpstream {
  const url = new URL(upstream.url)
  const { connectSeconds, firstByteSeconds, idleSeconds } = upstream.timeouts
  const dispatcher = new Pool(url.origin, {
    connections: limits.concurrent,
    pipelining: 1,
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: firstByteSeconds * 1_000,
    bodyTimeout: idleSeconds * 1_000,
    maxHeaderSize: MAX_ANSWER_HEADER_BYTES,
    connect: {
      timeout: connectSeconds * 1_000,
      rejectUnauthorized: true,
      ...(upstream.ca === undefined ? {} : { ca: readCertificates(name, upstream.ca) }),
    },
  })
  const basePath = url.pathname.replace(/\/+$/, '')
  const target: UpstreamTarget = {
    name,
    family,
    dispatcher,
    origin: url.origin,
    basePath,
    apiPath: upstream.apiPath?.replace(/\/+$/, '') ?? null,
    host: url.host,
    apiKey: upstream.apiKey ?? null,
    priceProvider: upstream.provider ?? family.priceProvider,
    onStoreDown: upstream.onStoreDown,
    timeouts: { firstByteMs: firstByteSeconds * 1_000, idleMs: idleSeconds * 1_000 },
  }
  return { prefix: upstream.prefix, url: url.origin, target, dispatcher }
}

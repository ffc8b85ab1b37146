/** Opens connections to the upstreams: one pool each, with verified certificates and limits on everything. */
import { readFileSync } from 'node:fs'
import { buildConnector } from 'undici'
import type { Config, Upstream } from '../config.ts'
import { StartupError } from '../errors.ts'
import type { Family } from '../families/family.ts'
import { proxyFor } from '../outbound/proxies.ts'
import { connectorThrough } from '../outbound/tunnel.ts'
import type { UpstreamTarget } from './call.ts'
import { openConnections, type Connections } from './upstream-connections.ts'

export interface OpenUpstream extends Connections {
  readonly prefix: string
  readonly url: string
  readonly target: UpstreamTarget
}

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

/** Connects directly or through a proxy; either way the upstream's certificate is verified. */
function connectorOf(name: string, url: URL, upstream: Upstream): buildConnector.connector {
  const timeoutMs = upstream.timeouts.connectSeconds * 1_000
  const ca = upstream.ca === undefined ? {} : { ca: readCertificates(name, upstream.ca) }
  const proxy = proxyFor(url, upstream.proxy)
  if (proxy !== null) return connectorThrough({ proxy, timeoutMs, ...ca })
  return buildConnector({ timeout: timeoutMs, rejectUnauthorized: true, ...ca })
}

export function openUpstream(
  name: string,
  upstream: Upstream,
  family: Family,
  limits: Pick<Config['limits'], 'concurrent'>,
): OpenUpstream {
  const url = new URL(upstream.url)
  const { connectSeconds, firstByteSeconds, idleSeconds } = upstream.timeouts
  const keepAliveMs = upstream.keepAliveSeconds * 1_000
  const connections = openConnections(url.origin, {
    connections: limits.concurrent,
    connect: connectorOf(name, url, upstream),
    // 0 disables keep-alive: each request uses a new connection.
    pipelining: keepAliveMs === 0 ? 0 : 1,
    keepAliveTimeout: Math.max(keepAliveMs, 1),
    // A server may ask for a shorter time, never for a longer one.
    keepAliveMaxTimeout: Math.max(keepAliveMs, 1),
    headersTimeout: firstByteSeconds * 1_000,
    bodyTimeout: idleSeconds * 1_000,
    maxHeaderSize: MAX_ANSWER_HEADER_BYTES,
  })
  const basePath = url.pathname.replace(/\/+$/, '')
  const target: UpstreamTarget = {
    name,
    family,
    dispatcher: connections.dispatcher,
    origin: url.origin,
    basePath,
    apiPath: upstream.apiPath?.replace(/\/+$/, '') ?? null,
    host: url.host,
    apiKey: upstream.apiKey ?? null,
    priceProvider: upstream.provider ?? family.priceProvider,
    onStoreDown: upstream.onStoreDown,
    timeouts: {
      connectMs: connectSeconds * 1_000,
      firstByteMs: firstByteSeconds * 1_000,
      idleMs: idleSeconds * 1_000,
    },
  }
  return { prefix: upstream.prefix, url: url.origin, target, ...connections }
}

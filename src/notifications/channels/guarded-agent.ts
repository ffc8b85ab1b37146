/**
 * An HTTP agent that only connects to checked addresses. The check is part of the connection: the name is looked up
 * once, all of its addresses are checked, and the agent connects to one of these, so the address cannot change in
 * between. TLS verification and the Host header still use the name. A proxy on the way gets the checked address instead
 * of the name, because the name might resolve to another address there.
 */
import { lookup as systemLookup, type LookupAddress } from 'node:dns'
import type { LookupFunction } from 'node:net'
import { Agent, buildConnector } from 'undici'
import { hostName } from '../../core/hosts.ts'
import { proxyFor, type Environment } from '../../outbound/proxies.ts'
import { connectorThrough } from '../../outbound/tunnel.ts'
import { SLACK_HOSTS } from './target-url.ts'
import { isAddress, isPublicAddress, type Allowed } from './targets.ts'

/** All addresses of a name, as `dns.lookup` of Node gives them. */
export type LookUpAll = (
  hostname: string,
  done: (error: NodeJS.ErrnoException | null, addresses: readonly LookupAddress[]) => void,
) => void

export class TargetRefused extends Error {
  override readonly name = 'TargetRefused'
}

export interface GuardOptions {
  readonly allowed: Allowed
  /** The system's own by default. */
  readonly lookUp?: LookUpAll
  readonly connectMs: number
  /** PEM certificates to trust instead of the public ones. */
  readonly ca?: string
  /** The environment that names the proxy; the process's own by default. */
  readonly environment?: Environment
}

const MAX_RESPONSE_HEADER_BYTES = 16_384
const IDLE_MS = 4_000

/** A failed look-up has no addresses, whatever the types say. */
export const systemLookUp: LookUpAll = (hostname, done) => {
  systemLookup(hostname, { all: true, verbatim: true }, (error, addresses) => {
    done(error, error === null ? addresses : [])
  })
}

/** Every connection of this agent is guarded; its callers need no checks of their own. */
export function createGuardedAgent({ lookUp = systemLookUp, ...options }: GuardOptions): Agent {
  return new Agent({
    connect: guardedConnector({ ...options, lookUp }),
    maxHeaderSize: MAX_RESPONSE_HEADER_BYTES,
    keepAliveTimeout: IDLE_MS,
    keepAliveMaxTimeout: IDLE_MS,
    // The agent never repeats a message after a connection error: retry.ts decides on retries.
    pipelining: 1,
    connections: 16,
  })
}

type Guard = GuardOptions & { readonly lookUp: LookUpAll }

function guardedConnector(options: Guard): buildConnector.connector {
  const secure = connectorOf(true, options)
  const plain = connectorOf(false, options)
  return (target, callback) => {
    const url = new URL(`${target.protocol}//${target.host ?? target.hostname}`)
    const proxy = proxyFor(url, undefined, options.environment)
    if (proxy !== null) throughProxy(proxy, options)(target, callback)
    else if (target.protocol === 'https:') secure(target, callback)
    else plain(target, callback)
  }
}

function throughProxy(proxy: URL, { allowed, lookUp, connectMs, ca }: Guard): buildConnector.connector {
  // Only requests to https addresses use the proxy of the environment.
  const problem: Check = (host, address) => addressProblem(host, address, true, allowed)
  const checked = checkedLookup(lookUp, problem)
  return connectorThrough({
    proxy,
    timeoutMs: connectMs,
    ...(ca !== undefined && { ca }),
    hostFor(host, done) {
      const literal = isAddress(host) ? problem(host, host) : null
      if (literal !== null) done(new TargetRefused(literal), host)
      // The operator allowed this host, or no admin can change what it resolves to. The proxy may be able to resolve it
      // although this machine cannot.
      else if (isAddress(host) || allowed.host(host) || SLACK_HOSTS.has(host)) done(null, host)
      else
        checked(host, { all: true }, (error, addresses) => {
          const found = Array.isArray(addresses) ? addresses : []
          // A proxy without an IPv6 route would not try another address.
          done(error, (found.find(({ family }) => family === 4) ?? found[0])?.address ?? host)
        })
    },
  })
}

function connectorOf(isSecure: boolean, { allowed, lookUp, connectMs, ca }: Guard): buildConnector.connector {
  const problem: Check = (host, address) => addressProblem(host, address, isSecure, allowed)
  const connect = buildConnector({
    timeout: connectMs,
    lookup: checkedLookup(lookUp, problem),
    ...(ca !== undefined && { ca }),
  })
  return (target, callback) => {
    const host = hostName(target.hostname)
    // A literal address is not looked up, so the look-up does not check it.
    const literal = isAddress(host) ? problem(host, host) : null
    if (literal !== null) {
      callback(new TargetRefused(literal), null)
      return
    }
    connect(target, (...[error, socket]) => {
      // The address of the actual connection, however it was chosen.
      const reached = error === null ? problem(host, socket.remoteAddress ?? '') : null
      if (error !== null) callback(error, null)
      else if (reached === null) callback(null, socket)
      else {
        socket.destroy()
        callback(new TargetRefused(reached), null)
      }
    })
  }
}

/** Why an address of a host must not be called; null if it may. */
type Check = (host: string, address: string) => string | null

function addressProblem(host: string, address: string, isSecure: boolean, allowed: Allowed): string | null {
  if (allowed.host(host) || allowed.address(address)) return null
  if (!isPublicAddress(address)) return 'its address is not one of the public internet'
  return isSecure ? null : 'it is not https'
}

/**
 * One refused address refuses the whole name: a name with public and private addresses may be an attempt to bypass the
 * check.
 */
function checkedLookup(lookUp: LookUpAll, problem: Check): LookupFunction {
  return (hostname, { all, family }, callback) => {
    lookUp(hostname, (error, addresses) => {
      const refused = addresses
        .map(({ address }) => problem(hostName(hostname), address))
        .find((found) => found !== null)
      const usable = addresses.filter((found) => (family !== 4 && family !== 6) || found.family === family)
      const [first] = usable
      if (error !== null) callback(error, [])
      else if (refused !== undefined) callback(new TargetRefused(refused), [])
      else if (first === undefined) callback(noAddress(hostname), [])
      else if (all === true) callback(null, [...usable])
      else callback(null, first.address, first.family)
    })
  }
}

function noAddress(hostname: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${hostname} has no address`), { code: 'ENOTFOUND' })
}

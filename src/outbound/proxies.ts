/** Which proxy is on the way to an address: the one that a setting names, else the one of the environment. */
import ipaddr from 'ipaddr.js'
import { hostName } from '../core/hosts.ts'
import { canDecode } from '../config/urls.ts'
import { StartupError } from '../errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy to an address; null where the way is direct. `HTTPS_PROXY` is for https addresses, and `NO_PROXY` lists
 * exceptions from it; a setting is for its own address, with no exceptions. Throws a StartupError for a variable that is no URL.
 */
export function proxyFor(target: URL, setting?: string, environment: Environment = process.env): URL | null {
  if (setting !== undefined) return new URL(setting)
  const proxy = proxyOfEnvironment(environment)
  return proxy === null || target.protocol !== 'https:' || isExempt(target, environment) ? null : proxy
}

/** The value of a variable, which curl and others know in lower case first; null where it is missing or empty. */
function variable(environment: Environment, name: string): string | null {
  const values = [environment[name.toLowerCase()], environment[name]].map((value) => value?.trim() ?? '')
  return values.find((value) => value !== '') ?? null
}

function proxyOfEnvironment(environment: Environment): URL | null {
  const value = variable(environment, 'HTTPS_PROXY')
  if (value === null) return null
  const text = value.includes('://') ? value : `http://${value}`
  const url = URL.canParse(text) ? new URL(text) : null
  // The value may hold a password, and is not repeated.
  if (url === null || !/^https?:$/.test(url.protocol) || !canDecode(url.username + url.password))
    throw new StartupError('HTTPS_PROXY: must be an http:// or https:// URL of a proxy', 1)
  return url
}

/** Whether `NO_PROXY` has the host: `*`, a name with all below it, an address or a network, each with or without a port. */
function isExempt(target: URL, environment: Environment): boolean {
  const host = hostName(target.hostname)
  const port = portOf(target)
  return (variable(environment, 'NO_PROXY') ?? '').split(/[\s,]+/).some((entry) => {
    const named = /^(\[[^\]]*\]|[^:]*):(\d+)$/.exec(entry)
    if (named !== null && Number(named[2]) !== port) return false
    return isWithin(host, hostName(named?.[1] ?? entry).replace(/^\*?\./, ''))
  })
}

function isWithin(host: string, entry: string): boolean {
  if (entry === '*') return true
  if (ipaddr.isValid(host)) {
    const address = ipaddr.parse(host)
    if (ipaddr.isValidCIDR(entry)) {
      const [network, bits] = ipaddr.parseCIDR(entry)
      return network.kind() === address.kind() && address.match(network, bits)
    }
    return ipaddr.isValid(entry) && ipaddr.parse(entry).toString() === address.toString()
  }
  return entry !== '' && (host === entry || host.endsWith(`.${entry}`))
}

export function portOf({ port, protocol }: Pick<URL, 'port' | 'protocol'>): number {
  return port === '' ? (protocol === 'https:' ? 443 : 80) : Number(port)
}

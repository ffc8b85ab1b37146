/** Selects the proxy for an address: the configured one, otherwise the environment's. */
import ipaddr from 'ipaddr.js'
import { hostName } from '../core/hosts.ts'
import { canDecode } from '../config/urls.ts'
import { StartupError } from '../errors.ts'

export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The proxy for an address; null for a direct connection. `HTTPS_PROXY` applies to https addresses, and `NO_PROXY`
 * lists exceptions from it. A configured proxy applies to its own address without exceptions. Throws a StartupError if
 * the variable is not a URL.
 */
export function proxyFor(target: URL, setting?: string, environment: Environment = process.env): URL | null {
  if (setting !== undefined) return new URL(setting)
  const proxy = proxyOfEnvironment(environment)
  return proxy === null || target.protocol !== 'https:' || isExempt(target, environment) ? null : proxy
}

/** The value of a variable; its lower-case name wins, as in curl. Null if it is missing or empty. */
function variable(environment: Environment, name: string): string | null {
  const values = [environment[name.toLowerCase()], environment[name]].map((value) => value?.trim() ?? '')
  return values.find((value) => value !== '') ?? null
}

function proxyOfEnvironment(environment: Environment): URL | null {
  const value = variable(environment, 'HTTPS_PROXY')
  if (value === null) return null
  const text = value.includes('://') ? value : `http://${value}`
  const url = URL.canParse(text) ? new URL(text) : null
  // The message does not repeat the value, which may hold a password.
  if (url === null || !/^https?:$/.test(url.protocol) || !canDecode(url.username + url.password))
    throw new StartupError('HTTPS_PROXY: must be an http:// or https:// URL of a proxy', 1)
  return url
}

/**
 * Whether `NO_PROXY` lists the host: by `*`, a name (with its subdomains), an address or a network, each with or
 * without a port.
 */
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

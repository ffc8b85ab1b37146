/**
 * Where messages may go. An admin of an organization types a URL and the gateway, which stands inside of a network, calls
 * it: without a guard that is a way into that network (server-side request forgery). Only addresses of the public
 * internet are called, unless the operator allowed others in the configuration.
 */
import ipaddr from 'ipaddr.js'
import { hostName } from '../../core/hosts.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** What the operator allows beyond the public internet. */
export interface Allowed {
  /** By its name: whatever it resolves to is the operator's choice. In lower case, without a dot at its end. */
  host(name: string): boolean
  address(address: string): boolean
}

/** Global unicast: everything else of IPv6 is reserved, local or a translation of something. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3')
/** A public address on which a cloud serves its own machines with their configuration and secrets. */
const PLATFORM_SERVICES = new Set(['168.63.129.16'])

/** `entries` are addresses, CIDR ranges and host names, as the configuration checked them. */
export function allowedTargets(entries: readonly string[]): Allowed {
  const hosts = new Set<string>()
  const ranges: [Address, number][] = []
  for (const entry of entries) {
    const range = rangeOf(entry)
    if (range === null) hosts.add(hostName(entry))
    else ranges.push(range)
  }
  return {
    host: (name) => hosts.has(hostName(name)),
    address: (text) => {
      const address = parseAddress(text)
      return address !== null && ranges.some((range) => isWithin(address, range))
    },
  }
}

function rangeOf(entry: string): [Address, number] | null {
  if (ipaddr.isValidCIDR(entry)) return ipaddr.parseCIDR(entry)
  const address = parseAddress(entry)
  return address === null ? null : [address, address.kind() === 'ipv4' ? 32 : 128]
}

function isWithin(address: Address, [network, bits]: [Address, number]): boolean {
  return address.kind() === network.kind() && address.match(network, bits)
}

/**
 * Whether an address belongs to somebody on the internet: not loopback, private, link-local, shared by a carrier,
 * multicast, reserved, nor IPv6 that stands for an IPv4 address (mapped, translated, tunnelled), which routes to it.
 */
export function isPublicAddress(text: string): boolean {
  const address = parseAddress(text)
  if (address === null || address.range() !== 'unicast') return false
  if (PLATFORM_SERVICES.has(address.toString())) return false
  return address.kind() === 'ipv4' || isWithin(address, GLOBAL_IPV6)
}

/** Only the usual forms: others are written in them by the time that a URL was parsed or a name looked up. */
function parseAddress(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : null
}

export function isAddress(host: string): boolean {
  return parseAddress(host) !== null
}

/**
 * Decides where messages may be sent. An admin of an organization types a URL, and the gateway calls it from inside a
 * network. Without a guard this would open the network to the admin (server-side request forgery). Only addresses of
 * the public internet are called, unless the operator allowed others in the configuration.
 */
import ipaddr from 'ipaddr.js'
import { hostName } from '../../core/hosts.ts'

type Address = ipaddr.IPv4 | ipaddr.IPv6

/** The targets that the operator allows besides the public internet. */
export interface Allowed {
  /** Allows a host by name, whatever it resolves to. In lower case, without a dot at its end. */
  host(name: string): boolean
  address(address: string): boolean
}

/** Global unicast: everything else of IPv6 is reserved, local or a translation of something. */
const GLOBAL_IPV6 = ipaddr.IPv6.parseCIDR('2000::/3')
/** A public address at which a cloud provider serves configuration and secrets to its own machines. */
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
 * Whether an address is on the public internet: not loopback, private, link-local, shared by a carrier, multicast or
 * reserved. IPv6 addresses that contain an IPv4 address (mapped, translated, tunnelled) do not count, because they
 * route to it.
 */
export function isPublicAddress(text: string): boolean {
  const address = parseAddress(text)
  if (address === null || address.range() !== 'unicast') return false
  if (PLATFORM_SERVICES.has(address.toString())) return false
  return address.kind() === 'ipv4' || isWithin(address, GLOBAL_IPV6)
}

/** Only the usual notations: URL parsing and look-ups have already converted all others. */
function parseAddress(text: string): Address | null {
  if (ipaddr.IPv4.isValidFourPartDecimal(text)) return ipaddr.IPv4.parse(text)
  return ipaddr.IPv6.isValid(text) ? ipaddr.IPv6.parse(text) : null
}

export function isAddress(host: string): boolean {
  return parseAddress(host) !== null
}

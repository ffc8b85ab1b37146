/** Hosts, as URLs and settings write them. */

/** A host without the brackets that tell an address of IPv6 from its port: no system looks it up with them. */
export function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

/** A host to compare with others: without brackets and the dot that ends a full name, in lower case. */
export function hostName(host: string): string {
  return unbracketed(host).replace(/\.$/, '').toLowerCase()
}

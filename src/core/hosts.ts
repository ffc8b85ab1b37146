/** Normalizes hosts from URLs and settings. */

/** A host without the brackets that separate an IPv6 address from its port: system calls do not accept them. */
export function unbracketed(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1')
}

/** A host to compare with others: without brackets and the dot that ends a full name, in lower case. */
export function hostName(host: string): string {
  return unbracketed(host).replace(/\.$/, '').toLowerCase()
}

/** Checks that a schema cannot express: rules between keys, and files that must exist. */
import ipaddr from 'ipaddr.js'
import type { Config, Upstream } from './types.ts'
import { isProvider } from '../prices/price-book.ts'
import { redisProblems } from './check-redis.ts'
import { certificateProblem } from './pem.ts'
import { dotted, type Problem } from './problems.ts'
import { canDecode, parseUrl } from './urls.ts'

/** Every rule that a well-formed configuration breaks. */
export function ruleProblems(config: Config): Problem[] {
  return [
    ...Object.entries(config.upstreams).flatMap(([name, upstream]) => upstreamProblems(name, upstream)),
    ...prefixProblems(config),
    ...addressProblems(config),
    ...redisProblems(config.redis),
    ...notificationProblems(config),
    ...jwtProblems(config),
  ]
}

function upstreamProblems(name: string, upstream: Upstream): Problem[] {
  const problems: Problem[] = []
  const report = (key: string, message: string) => problems.push({ key: `upstreams.${name}.${key}`, message })
  const url = parseUrl(upstream.url)
  if (url === null) report('url', 'must be an absolute http(s) URL')
  else if (url.username !== '' || url.password !== '')
    report('url', 'must not hold credentials (they go to apiKey)')
  else if (url.search !== '' || url.hash !== '') report('url', 'must not have a query or a fragment')
  else {
    const misplaced = misplacedPath(url, upstream)
    if (misplaced !== null) report('url', misplaced)
  }
  const { family, routes, provider, apiPath, askForUsage, ca, proxy } = upstream
  if (family === 'generic' && routes === undefined) report('routes', 'is required for family generic')
  if (family !== 'generic' && routes !== undefined) report('routes', 'is only for family generic')
  if (family !== 'openai' && provider !== undefined) report('provider', 'is only for family openai')
  else if (provider !== undefined && !isProvider(provider))
    report('provider', 'is not in the built-in price table')
  if (apiPath !== undefined && family !== 'openai' && family !== 'anthropic')
    report('apiPath', 'is only for families openai and anthropic')
  if (askForUsage !== undefined && family !== 'openai') report('askForUsage', 'is only for family openai')
  const seen = new Set<string>()
  routes?.forEach((route, index) => {
    const name = `${route.method} ${route.path}`
    if (seen.has(name)) report(`routes[${index}]`, `${name} is given twice`)
    seen.add(name)
    if (!/^\d+(\.\d{1,6})?$/.test(plain(route.creditsPerCall))) {
      report(`routes[${index}].creditsPerCall`, 'must have at most six decimals')
    }
  })
  const unreadable = ca === undefined ? null : certificateProblem(ca)
  if (unreadable !== null) report('ca', unreadable)
  const wrongProxy = proxy === undefined ? null : proxyProblem(proxy)
  if (wrongProxy !== null) report('proxy', wrongProxy)
  return problems
}

function proxyProblem(proxy: string): string | null {
  const url = parseUrl(proxy)
  if (url === null) return 'must be an absolute http(s) URL'
  if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '')
    return 'must have nothing after host and port'
  return canDecode(url.username + url.password)
    ? null
    : 'has a % that is not part of an escape (% itself is %25)'
}

/** A path that ends in a version. Compatible providers may add the name of the dialect after it. */
const VERSIONED = /\/v\d+[a-z0-9]*(?:\/openai)?$/
/** The URL of a single route, which documentation often gives. */
const ROUTE = /\/(?:chat\/completions|completions|responses|embeddings|messages|models)$/

/**
 * What is wrong with the path of an upstream's URL. The gateway appends the path of each call, which begins with the
 * version.
 */
function misplacedPath(url: URL, { family, apiPath }: Upstream): string | null {
  const path = url.pathname.replace(/\/+$/, '')
  if (family === 'generic') return null
  if (ROUTE.test(path)) {
    const base = url.origin + path.replace(ROUTE, '').replace(VERSIONED, '')
    return `must be a base URL, without the path of a route, such as ${base}`
  }
  if (apiPath !== undefined || !VERSIONED.test(path)) return null
  const version = family === 'gemini' ? '/v1beta' : '/v1'
  if (family === 'gemini' || path.endsWith('/v1')) {
    return `must not end in a version: callers write ${version} behind it (use ${url.origin}${path.replace(/\/[^/]*$/, '')})`
  }
  return `must not end in a version: callers write ${version} behind it (use url: ${url.origin} and apiPath: ${path})`
}

/**
 * A number in plain digits. Very small numbers print with an exponent, and have more decimals than any rule here
 * allows.
 */
function plain(value: number): string {
  return value < 1e-6 && value > 0 ? value.toFixed(20) : String(value)
}

/** Prefixes are compared by segments: `/open` and `/openai` do not conflict, `/ai` and `/ai/eu` do. */
function prefixProblems(config: Config): Problem[] {
  const problems: Problem[] = []
  const earlier: { name: string; prefix: string }[] = []
  for (const [name, { prefix }] of Object.entries(config.upstreams)) {
    const key = `upstreams.${name}.prefix`
    if (contains('/tollgate', prefix)) problems.push({ key, message: '/tollgate is reserved' })
    const same = earlier.find((other) => other.prefix === prefix)
    const clash = earlier.find((other) => contains(other.prefix, prefix) || contains(prefix, other.prefix))
    if (same !== undefined) problems.push({ key, message: `is the prefix of ${same.name} already` })
    else if (clash !== undefined)
      problems.push({ key, message: `must not overlap with ${clash.prefix} of ${clash.name}` })
    earlier.push({ name, prefix })
  }
  return problems
}

const contains = (outer: string, inner: string): boolean => inner === outer || inner.startsWith(`${outer}/`)

function addressProblems({ listen, admin }: Config): Problem[] {
  const problems: Problem[] = []
  if (admin.port === listen.port && admin.port !== 0) {
    problems.push({ key: 'admin.port', message: 'must not be the same as listen.port' })
  }
  if (admin.publicUrl !== undefined && parseUrl(admin.publicUrl) === null) {
    problems.push({ key: 'admin.publicUrl', message: 'must be an absolute http(s) URL' })
  }
  admin.trustProxy.forEach((proxy, index) => {
    if (!ipaddr.isValid(proxy) && !ipaddr.isValidCIDR(proxy))
      problems.push({ key: `admin.trustProxy[${index}]`, message: 'must be an address or a network' })
  })
  return problems
}

function notificationProblems({ notifications: { smtp, allowTargets } }: Config): Problem[] {
  const problems: Problem[] = []
  const report = (key: string, message: string) => problems.push({ key: `notifications.${key}`, message })
  if (smtp !== undefined) {
    const url = parseUrl(smtp.url)
    if (url === null) report('smtp.url', 'must be an smtp:// or smtps:// URL')
    else if (!/^\/?$/.test(url.pathname) || url.search !== '' || url.hash !== '')
      report('smtp.url', 'must have nothing after host and port')
    else if (!canDecode(url.username + url.password))
      report('smtp.url', 'has a % that is not part of an escape (% itself is %25)')
    if (!/^(?:[^<>\r\n]*<[^\s<>@,;"]+@[^\s<>@,;"]+>|[^\s<>@,;"]+@[^\s<>@,;"]+)$/.test(smtp.from))
      report('smtp.from', 'must be an address, or a name with an address in < >')
    const unreadable = smtp.ca === undefined ? null : certificateProblem(smtp.ca)
    if (unreadable !== null) report('smtp.ca', unreadable)
  }
  allowTargets.forEach((entry, index) => {
    if (!isTarget(entry)) report(`allowTargets[${index}]`, 'must be an address, a CIDR range or a host name')
  })
  return problems
}

/** Numbers and text that looks like a number are not host names, so that a mistyped address is not read as a name. */
function isTarget(entry: string): boolean {
  const { IPv4, IPv6 } = ipaddr
  if (IPv4.isValidFourPartDecimal(entry) || IPv6.isValid(entry)) return true
  if (IPv4.isValidCIDRFourPartDecimal(entry) || IPv6.isValidCIDR(entry)) return true
  return /^(?=.*[A-Za-z])(?!0[xX])[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9_])?(\.[A-Za-z0-9_-]+)*\.?$/.test(
    entry,
  )
}

function jwtProblems({ auth }: Config): Problem[] {
  const problems: Problem[] = []
  const seen = new Set<string>()
  auth.jwt.forEach(({ issuer, jwksUrl }, index) => {
    const at = (key: string) => dotted(['auth', 'jwt', index, key])
    const url = jwksUrlProblem(jwksUrl)
    if (url !== null) problems.push({ key: at('jwksUrl'), message: url })
    if (seen.has(issuer)) problems.push({ key: at('issuer'), message: 'is given twice' })
    seen.add(issuer)
  })
  return problems
}

/** Someone who can change the keys in transit can issue tokens for any user. */
function jwksUrlProblem(jwksUrl: string): string | null {
  const url = parseUrl(jwksUrl)
  if (url === null) return 'must be an absolute http(s) URL'
  if (url.username !== '' || url.password !== '') return 'must not hold credentials'
  return url.protocol === 'https:' || isOnThisMachine(jwksUrl)
    ? null
    : 'must be https, unless its host is this machine'
}

/** URL parsing normalizes every spelling of an address in an http URL. */
export function isOnThisMachine(url: string): boolean {
  const host = parseUrl(url)?.hostname ?? ''
  return /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(host)
}

/**
 * Checks that the schema of `redis` cannot express: exactly one kind of store, with matching credentials and
 * certificates.
 */
import { certificateProblem, keyProblem } from './pem.ts'
import type { Problem } from './problems.ts'
import type { RedisConfig } from './types.ts'
import { canDecode, hasCredentials } from './urls.ts'

/** Every rule that the section `redis` breaks. */
export function redisProblems(redis: RedisConfig): Problem[] {
  const { url, embedded, cluster } = redis
  if ([url, embedded, cluster].filter((store) => store !== undefined).length !== 1)
    return [{ key: 'redis', message: 'must have exactly one of url, embedded and cluster' }]
  if (url !== undefined && !URL.canParse(url))
    return [{ key: 'redis.url', message: 'must be a redis://, rediss:// or unix:// URL' }]
  if (url !== undefined && !hasDecodableCredentials(url))
    return [{ key: 'redis.url', message: 'has a % that is not part of an escape (% itself is %25)' }]
  return [...nodeProblems(cluster ?? []), ...credentialProblems(redis), ...tlsProblems(redis)]
}

function hasDecodableCredentials(url: string): boolean {
  const { username, password } = new URL(url)
  return canDecode(username + password)
}

function nodeProblems(cluster: readonly string[]): Problem[] {
  return cluster.flatMap((node, index) => {
    const port = Number(node.slice(node.lastIndexOf(':') + 1))
    const isValid = port >= 1 && port <= 65_535
    return isValid ? [] : [{ key: `redis.cluster[${index}]`, message: 'has no valid port' }]
  })
}

function credentialProblems({ url, embedded, username, password }: RedisConfig): Problem[] {
  const problems: Problem[] = []
  for (const [name, value] of Object.entries({ username, password })) {
    const key = `redis.${name}`
    if (value === undefined) continue
    if (embedded !== undefined)
      problems.push({ key, message: 'is not for an embedded store, which has none' })
    else if (url !== undefined && hasCredentials(url))
      problems.push({ key, message: 'must not be given where redis.url holds credentials' })
  }
  if (problems.length === 0 && username !== undefined && password === undefined)
    problems.push({ key: 'redis.password', message: 'is required with username' })
  return problems
}

function tlsProblems({ url, embedded, tls }: RedisConfig): Problem[] {
  if (tls === undefined) return []
  if (embedded !== undefined) return [{ key: 'redis.tls', message: 'is not for an embedded store' }]
  if (url !== undefined && !url.startsWith('rediss://'))
    return [{ key: 'redis.tls', message: 'needs a redis.url that begins with rediss://' }]
  const { ca, cert, key } = tls
  const problems: Problem[] = []
  const report = (name: string, message: string | null): void => {
    if (message !== null) problems.push({ key: `redis.tls.${name}`, message })
  }
  if (ca !== undefined) report('ca', certificateProblem(ca))
  if (cert !== undefined) report('cert', certificateProblem(cert))
  if (key !== undefined) report('key', keyProblem(key))
  if (cert !== undefined && key === undefined) report('key', 'is required with cert')
  if (key !== undefined && cert === undefined) report('cert', 'is required with key')
  return problems
}

/**
 * Reads the store's address and credentials from the configuration, and names the wrong setting if the store refuses
 * them.
 */
import { readFileSync } from 'node:fs'
import { hasCredentials } from '../config/urls.ts'
import type { RedisConfig } from '../config.ts'
import { StartupError } from '../errors.ts'
import type { StoreAccess, StoreAddress } from './connection.ts'

/** Reads the files that the configuration names, as they are now. */
function readAccess({ username, password, tls }: RedisConfig): StoreAccess {
  const pem = (file: string): string => readFileSync(file, 'utf8')
  return {
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    ...(tls !== undefined && {
      tls: {
        ...(tls.ca !== undefined && { ca: pem(tls.ca) }),
        ...(tls.cert !== undefined && { cert: pem(tls.cert) }),
        ...(tls.key !== undefined && { key: pem(tls.key) }),
        ...(tls.serverName !== undefined && { servername: tls.serverName }),
      },
    }),
  }
}

/** The address of an external store; null for an embedded one. */
export function remoteAddress(redis: RedisConfig): StoreAddress | null {
  const access = readAccess(redis)
  if (redis.cluster !== undefined) return { ...access, cluster: redis.cluster }
  return redis.url === undefined ? null : { ...access, url: redis.url }
}

/** The setting that holds the password. */
export function secretKey({ url }: RedisConfig): 'url' | 'password' {
  return url !== undefined && hasCredentials(url) ? 'url' : 'password'
}

/** OpenSSL's names for a certificate whose authority is unknown. */
const UNTRUSTED =
  /^(?:SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_VERIFY_LEAF_SIGNATURE|UNABLE_TO_GET_ISSUER_CERT(?:_LOCALLY)?)$/

/**
 * The StartupError (exit code 1, naming the setting) for a store's error that waiting cannot fix; null for an error
 * that may be temporary.
 */
export function accessFault(error: Error, redis: RedisConfig, what: string): StartupError | null {
  const fault = (key: string, message: string): StartupError =>
    new StartupError(`redis.${key}: ${message}`, 1)
  const secret = secretKey(redis)
  const line = error.message.split('\n', 1)[0] ?? ''
  if (/^WRONGPASS|^ERR invalid password/.test(line))
    return fault(secret, `${what} does not take this password for this user`)
  if (line.startsWith('NOAUTH')) return fault(secret, `${what} wants a password, and there is none here`)
  if (line.startsWith('NOPERM'))
    return fault(
      secret === 'url' ? secret : 'username',
      `this user may not do at ${what} what a gateway has to (deploy/redis/tollgate.acl): ${line}`,
    )
  const code = 'code' in error ? String(error.code) : ''
  if (UNTRUSTED.test(code))
    return fault('tls.ca', `the certificate of ${what} is from no known authority (${code})`)
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return fault('tls.serverName', `the certificate of ${what} is for another name: ${line}`)
  if (code === 'CERT_HAS_EXPIRED') return fault('tls', `the certificate of ${what} has expired`)
  if (/CERTIFICATE_REQUIRED|SSLV3_ALERT_HANDSHAKE_FAILURE|UNKNOWN_CA|BAD_CERTIFICATE/.test(code))
    return fault('tls.cert', `${what} does not take the certificate of this gateway (${code})`)
  if (/^ERR_SSL_(?:WRONG_VERSION_NUMBER|PACKET_LENGTH_TOO_LONG)$/.test(code))
    return fault(redis.url === undefined ? 'tls' : 'url', `${what} does not speak TLS`)
  return null
}

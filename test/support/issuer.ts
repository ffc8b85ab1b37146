/**
 * A token issuer for tests: it publishes keys over HTTP and signs tokens, validly or, if a test wants it, invalidly.
 */
import { once } from 'node:events'
import { createServer, type ServerResponse } from 'node:http'
import {
  exportJWK,
  exportSPKI,
  generateKeyPair,
  SignJWT,
  type CryptoKey,
  type JWK,
  type JWTPayload,
} from 'jose'
import { freePort } from './ports.ts'
import { came } from './until.ts'

export interface SigningKey {
  readonly kid: string
  readonly alg: string
  readonly privateKey: CryptoKey
  /** The key as the key set contains it. */
  readonly jwk: JWK
  /** The public key in PEM. */
  readonly pem: string
}

export interface Issuer {
  /** The value of `iss`. */
  readonly name: string
  readonly jwksUrl: string
  /** The published keys. */
  published: JWK[]
  /** How often its keys were fetched. */
  readonly fetched: () => number
  /** Answers every request for the keys from now on. */
  answer: (response: ServerResponse) => void
  /** Makes a key that is not yet published. */
  makeKey(alg: string): Promise<SigningKey>
  /** A token of this issuer with these claims over those of `claims`; an `undefined` claim is left out. */
  sign(key: SigningKey, claims: JWTPayload, header?: Readonly<Record<string, unknown>>): Promise<string>
  stop(): Promise<void>
}

export const AUDIENCE = 'tollgate-of-the-tests'

let keys = 0

export async function startIssuer(name: string): Promise<Issuer> {
  let fetched = 0
  const server = createServer((_request, response) => {
    fetched += 1
    issuer.answer(response)
  })
  const port = await freePort()
  server.listen(port, '127.0.0.1')
  await once(server, 'listening')
  const issuer: Issuer = {
    name,
    jwksUrl: `http://127.0.0.1:${port}/keys`,
    published: [],
    fetched: () => fetched,
    answer: (response) => publish(issuer, response),
    makeKey,
    sign: (key, claims, header = {}) =>
      new SignJWT({ iss: name, aud: AUDIENCE, ...expiry(), ...claims })
        .setProtectedHeader({ alg: key.alg, kid: key.kid, ...header })
        .sign(key.privateKey),
    async stop() {
      if (!server.listening) return
      server.close()
      server.closeAllConnections()
      await came(once(server, 'close'), 'the server is closed')
    },
  }
  return issuer
}

/** Answers as a healthy issuer does. */
export function publish(issuer: Issuer, response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'application/jwk-set+json' })
  response.end(JSON.stringify({ keys: issuer.published }))
}

export function inSeconds(seconds: number): number {
  return Math.floor(Date.now() / 1_000) + seconds
}

function expiry(): JWTPayload {
  return { iat: inSeconds(0), exp: inSeconds(300) }
}

async function makeKey(alg: string): Promise<SigningKey> {
  keys += 1
  const kid = `key-${keys}`
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true })
  const jwk = { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' }
  return { kid, alg, privateKey, jwk, pem: await exportSPKI(publicKey) }
}

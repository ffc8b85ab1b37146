/** A token issuer of the tests' own: it publishes keys over HTTP and signs with them, rightly or, where a test wants it, wrongly. */
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
  /** As it stands in the key set. */
  readonly jwk: JWK
  /** The public key in PEM. */
  readonly pem: string
}

export interface Issuer {
  /** Its `iss`. */
  readonly name: string
  readonly jwksUrl: string
  /** The keys that it publishes. */
  published: JWK[]
  /** How often its keys were fetched. */
  readonly fetched: () => number
  /** Answers every request for the keys from now on. */
  answer: (response: ServerResponse) => void
  /** Makes a key that is not published yet. */
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

/** Answers as an issuer does that is well. */
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

/** Checks that files of certificates and keys exist and have the right content. */
import { readFileSync } from 'node:fs'
import { reason } from './interpolate.ts'

/** What is wrong with a certificate file; null if nothing is. */
export function certificateProblem(file: string): string | null {
  return pemProblem(file, /-----BEGIN CERTIFICATE-----/, 'is not a PEM file with certificates')
}

/** What is wrong with a private key file; null if nothing is. */
export function keyProblem(file: string): string | null {
  return pemProblem(
    file,
    /-----BEGIN (?:[A-Z]+ )?PRIVATE KEY-----/,
    'is not a PEM file with a private key that has no passphrase',
  )
}

function pemProblem(file: string, begin: RegExp, message: string): string | null {
  try {
    return begin.test(readFileSync(file, 'utf8')) ? null : message
  } catch (error) {
    return `cannot be read: ${reason(error)}`
  }
}

/** Self-signed certificates for the servers of the tests. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'

export interface Certificate {
  readonly key: string
  readonly cert: string
  /** The path of the certificate. */
  readonly file: string
  readonly keyFile: string
}

/** A certificate for names such as `DNS:hooks.example.com` or `IP:127.0.0.1`. */
export function makeCertificate(...names: readonly string[]): Certificate {
  const dir = mkdtempSync(join(tmpdir(), 'tg-certificate-'))
  t.teardown(() => execFileSync('rm', ['-r', dir]))
  const [key, cert] = [join(dir, 'key.pem'), join(dir, 'cert.pem')]
  const subject = ['-subj', '/CN=test', '-addext', `subjectAltName=${names.join(',')}`]
  const output = ['-days', '2', '-nodes', '-keyout', key, '-out', cert]
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1']
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, ...output], { stdio: 'pipe' })
  return { key: readFileSync(key, 'utf8'), cert: readFileSync(cert, 'utf8'), file: cert, keyFile: key }
}

/** Mail over SMTP: a few kept connections, timeouts for every step, and TLS unless the operator disables it. */
import { readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import type { SMTPPoolOptions, Transporter } from 'nodemailer'
import { unbracketed } from '../../core/hosts.ts'
import { smtpFailure } from '../retry.ts'
import { failed, type EmailSender, type SendResult } from './channel.ts'
import { mailOf, type Sender } from './mail-message.ts'

export interface SmtpOptions {
  /** `smtp://` or `smtps://`, with user and password if the server requires them. */
  readonly url: string
  readonly from: Sender
  /** For `smtp://`: with `required`, no mail is sent if the server does not offer STARTTLS. */
  readonly startTls: 'required' | 'optional'
  /** PEM file with the certificates of a private authority. */
  readonly ca?: string | undefined
  /** For one mail, from its start to the last answer. */
  readonly timeoutMs: number
}

const CONNECTIONS = 4
const CONNECT_MS = 10_000
/** Most servers pause at the end of a mail to check for spam; one that is silent for this long is gone. */
const SILENCE_MS = 30_000
const SUBMISSION_PORT = 587
const SMTPS_PORT = 465

export function createSmtpSender(options: SmtpOptions): EmailSender {
  // Read before the first mail, so that an unreadable certificate stops the start.
  const pool = poolOptions(options)
  let opened: Promise<Transporter> | null = null
  async function open(): Promise<Transporter> {
    const { createTransport } = await import('nodemailer')
    return createTransport({ pool: true as const, ...pool })
  }
  return {
    async send(notice, to) {
      const ended = new AbortController()
      const timer = setTimeout(() => ended.abort(), options.timeoutMs)
      try {
        const transport = await (opened ??= open())
        await transport.sendMail({ ...mailOf(notice, to, options.from), signal: ended.signal })
        return { status: 'sent' }
      } catch (error) {
        return failureOf(error)
      } finally {
        clearTimeout(timer)
      }
    },
    async close() {
      await opened?.then(
        (transport) => transport.close(),
        () => undefined,
      )
    },
  }
}

/** The URL is parsed here, because the library would accept any connection option from its query. */
function poolOptions({ url, startTls, ca }: SmtpOptions): SMTPPoolOptions {
  const { protocol, hostname, port, username, password } = new URL(url)
  const secure = protocol === 'smtps:'
  const host = unbracketed(hostname)
  return {
    host,
    port: port === '' ? (secure ? SMTPS_PORT : SUBMISSION_PORT) : Number(port),
    secure,
    requireTLS: !secure && startTls === 'required',
    ...(username !== '' && {
      auth: { user: decodeURIComponent(username), pass: decodeURIComponent(password) },
    }),
    tls: {
      minVersion: 'TLSv1.2',
      ...(isIP(host) === 0 && { servername: host }),
      ...(ca !== undefined && { ca: readFileSync(ca, 'utf8') }),
    },
    maxConnections: CONNECTIONS,
    maxMessages: 100,
    // retry.ts decides on retries, which have the same id.
    maxRequeues: 0,
    idleTimeout: 60_000,
    connectionTimeout: CONNECT_MS,
    greetingTimeout: CONNECT_MS,
    dnsTimeout: CONNECT_MS,
    socketTimeout: SILENCE_MS,
    maxResponseSize: 65_536,
    logger: false,
  }
}

/** What nodemailer adds to an error. */
interface SmtpFailure {
  readonly code?: string
  readonly command?: string
  readonly response?: string
  readonly responseCode?: number
}

function failureOf(error: unknown): SendResult {
  const { code = '', command = '', response, responseCode = 0 } = error as SmtpFailure
  if (code === 'EABORT') return failed('the mail server did not finish in time', { isUnavailable: true })
  if (response !== undefined && responseCode > 0) {
    return failed(`the mail server answered: ${response}`, smtpFailure(command, responseCode))
  }
  // An address that no command can contain, such as one with a line break.
  if (code === 'EENVELOPE') return failed('the address cannot be mailed to', { permanent: true })
  return failed(`the mail server cannot be used${code === '' ? '' : ` (${code})`}`, { isUnavailable: true })
}

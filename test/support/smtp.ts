/** A mail server for tests: it accepts every mail on loopback, keeps it parsed, and fails on demand. */
import { once } from 'node:events'
import { simpleParser, type ParsedMail } from 'mailparser'
import { SMTPServer } from 'smtp-server'
import { freePort } from './ports.ts'
import { came } from './until.ts'

export interface ReceivedMail {
  /** Addresses of the envelope, which decide who gets the mail, whatever its headers say. */
  readonly from: string
  readonly to: readonly string[]
  readonly parsed: ParsedMail
  /** The mail as received. */
  readonly raw: string
}

export interface SmtpSink {
  readonly port: number
  /** `smtp://127.0.0.1:<port>`; for `notifications.smtp.url`. */
  readonly url: string
  readonly mails: ReceivedMail[]
  /**
   * Called for each mail after its last byte and before it is accepted. An error that it throws is the response, with
   * the error's `responseCode` (450 is temporary, 550 permanent). While it waits, the sender waits too.
   */
  answer: (mail: ReceivedMail) => void | Promise<void>
  /** Stops listening and breaks every connection; mails received so far remain in `mails`. */
  stop(): Promise<void>
  /** Listens again on the same port. */
  restart(): Promise<void>
}

/** The error with which a mail server refuses a mail. */
export function smtpError(responseCode: number, message: string): Error {
  return Object.assign(new Error(message), { responseCode })
}

/** Starts a server on a port of its own, or on `port`. */
export async function startSmtp(options: { readonly port?: number } = {}): Promise<SmtpSink> {
  const mails: ReceivedMail[] = []
  const port = options.port ?? (await freePort())
  let server = await listen()

  async function listen(): Promise<SMTPServer> {
    const made = new SMTPServer({
      disabledCommands: ['AUTH', 'STARTTLS'],
      // A test that stops the server must not wait for clients that keep their connections open.
      closeTimeout: 50,
      logger: false,
      onData(stream, session, done) {
        const chunks: Buffer[] = []
        stream.on('data', (chunk: Buffer) => chunks.push(chunk))
        stream.once('end', () => {
          const raw = Buffer.concat(chunks).toString()
          const { mailFrom, rcptTo } = session.envelope
          const from = mailFrom === false ? '' : mailFrom.address
          const to = rcptTo.map(({ address }) => address)
          take(from, to, raw).then(
            () => done(),
            (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
          )
        })
      },
    })
    // Some tests are about clients that disconnect.
    made.on('error', () => undefined)
    made.listen(port, '127.0.0.1')
    await once(made.server, 'listening')
    return made
  }

  async function take(from: string, to: readonly string[], raw: string): Promise<void> {
    const mail = { from, to, parsed: await simpleParser(raw), raw }
    await sink.answer(mail)
    mails.push(mail)
  }

  const sink: SmtpSink = {
    port,
    url: `smtp://127.0.0.1:${port}`,
    mails,
    answer: () => undefined,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(resolve))
      await came(closed, 'the mail server is closed')
    },
    async restart() {
      server = await listen()
    },
  }
  return sink
}

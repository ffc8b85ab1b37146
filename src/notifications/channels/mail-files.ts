/**
 * Writes mails into files, for a first start without a mail server; any mail program can open them. The folder keeps
 * the latest. A repeated mail has the same file name, and replaces the first.
 */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { failed, type EmailSender, type Notice, type Recipient } from './channel.ts'
import { mailId, mailOf, type Sender } from './mail-message.ts'

export interface MailFileOptions {
  readonly dir: string
  readonly from: Sender
  /** How many are kept. */
  readonly most: number
  readonly logger: {
    info(fields: object, message: string): void
    warn(fields: object, message: string): void
  }
}

const SUFFIX = '.eml'

export function createMailFiles({ dir, from, most, logger }: MailFileOptions): EmailSender {
  return {
    async send(notice, to) {
      try {
        const { createTransport } = await import('nodemailer')
        const transport = createTransport({
          streamTransport: true as const,
          buffer: true,
          newline: 'windows',
        })
        const { message } = await transport.sendMail(mailOf(notice, to, from))
        if (!Buffer.isBuffer(message)) throw new Error('the mail was not composed')
        const file = join(dir, fileName(notice, to))
        await mkdir(dir, { recursive: true, mode: 0o700 })
        await writeWhole(file, message)
        await removeOldest(dir, most)
        logger.info({ file, user: to.user, event: notice.crossing.type }, 'a mail was written to a file')
        return { status: 'sent' }
      } catch (error) {
        // The log has the path for the operator. The result must not contain it, because admins of an organization read
        // it.
        logger.warn({ err: error }, 'a mail could not be written to a file')
        return failed('the mail could not be written to the data folder')
      }
    },
    close: () => Promise.resolve(),
  }
}

/** Begins with the time, so that names sort in the order of the mails; it contains no text that a user typed. */
function fileName(notice: Notice, to: Recipient): string {
  const at = new Date(notice.crossing.occurredAt).toISOString().replace(/[-:.]/g, '')
  return `${at}-${mailId(notice, to)}${SUFFIX}`
}

/** Writes atomically, so that no reader of the folder finds half a mail. */
async function writeWhole(file: string, message: Buffer): Promise<void> {
  const unfinished = `${file}.${process.pid}.part`
  await writeFile(unfinished, message, { mode: 0o600 })
  await rename(unfinished, file)
}

async function removeOldest(dir: string, most: number): Promise<void> {
  const mails = (await readdir(dir)).filter((name) => name.endsWith(SUFFIX)).sort()
  const old = mails.slice(0, Math.max(0, mails.length - most))
  for (const name of old) await rm(join(dir, name), { force: true })
}

/**
 * Mail without a mail server, for the first start: each goes into a file that any mail program opens. The folder keeps
 * the latest; a repeat of a mail has its name, and replaces it.
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
        // The path is the operator's business; admins of an organization read the result.
        logger.warn({ err: error }, 'a mail could not be written to a file')
        return failed('the mail could not be written to the data folder')
      }
    },
    close: () => Promise.resolve(),
  }
}

/** By time, so that names sort as the mails came; nothing that anybody typed is part of it. */
function fileName(notice: Notice, to: Recipient): string {
  const at = new Date(notice.crossing.occurredAt).toISOString().replace(/[-:.]/g, '')
  return `${at}-${mailId(notice, to)}${SUFFIX}`
}

/** Nobody who looks into the folder finds half a mail. */
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

/** A notice as a mail with its headers, the same whether it goes to a mail server or into a file. */
import { createHash } from 'node:crypto'
import type { SendMailOptions } from 'nodemailer'
import { mailText } from '../messages/email.ts'
import { typed } from '../messages/words.ts'
import type { Notice, Recipient } from './channel.ts'

/** `Tollgate <noreply@example.com>`, or the address alone. */
export interface Sender {
  readonly name: string
  readonly address: string
  readonly domain: string
}

const ADDRESS =
  /^(?:(?<name>[^<>]*)<(?<inside>[^\s<>@,;"]+@[^\s<>@,;"]+)>|(?<bare>[^\s<>@,;"]+@[^\s<>@,;"]+))$/

/** Null if the text is not an address. */
export function parseSender(text: string): Sender | null {
  const { name = '', inside, bare } = ADDRESS.exec(text.trim())?.groups ?? {}
  const address = inside ?? bare
  if (address === undefined) return null
  return {
    name: typed(name.trim().replace(/^"(.*)"$/, '$1')),
    address,
    domain: address.slice(address.lastIndexOf('@') + 1),
  }
}

/**
 * The Message-ID is derived from the crossing and the reader, so all attempts share it, and mail programs show repeats
 * once. It is short, because some programs change an id in a folded header. Addresses are passed separately from names,
 * so that no typed text is parsed as an address.
 */
export function mailOf(notice: Notice, to: Recipient, from: Sender): SendMailOptions {
  const { crossing } = notice
  const { subject, text, html } = mailText(notice, to.user)
  return {
    from: { name: from.name, address: from.address },
    to: { name: to.name === null ? '' : typed(to.name), address: to.email },
    envelope: { from: from.address, to: [to.email] },
    subject,
    text,
    html,
    messageId: `<${messageHash(notice, to)}@${from.domain}>`,
    headers: {
      // Suppresses out-of-office replies (RFC 3834); Exchange needs its own header.
      'Auto-Submitted': 'auto-generated',
      'X-Auto-Response-Suppress': 'All',
      // Mail filters use this header (RFC 2919).
      'List-ID': `<${crossing.org}.notices.${from.domain}>`,
      'X-Tollgate-Event': crossing.type,
      'X-Tollgate-Crossing': headerText(crossing.id),
    },
    // Nothing is attached, so the library must not read files or URLs.
    disableFileAccess: true,
    disableUrlAccess: true,
  }
}

function messageHash({ crossing }: Notice, { user }: Recipient): string {
  return hash(`${crossing.id} ${user}`)
}

/** Identifies a mail with characters that are valid in a file name. */
export function mailId({ crossing }: Notice, { user }: Recipient): string {
  const reader = hash(user)
  return /^[A-Za-z0-9_-]{1,100}$/.test(crossing.id)
    ? `${crossing.id}.${reader}`
    : `${hash(crossing.id)}.${reader}`
}

function headerText(text: string): string {
  return text.replace(/[^\x21-\x7e]/g, '_').slice(0, 200)
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 20)
}

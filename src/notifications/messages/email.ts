/** A notice as a mail: subject, text, HTML. */
import type { Notice } from '../channels/channel.ts'
import { factsOf, type Facts } from './facts.ts'
import { htmlOf } from './html.ts'
import { textBar } from './words.ts'

export interface MailText {
  readonly subject: string
  readonly text: string
  readonly html: string
}

/** The length of the text bar, for mail programs that show no HTML. */
const BAR_CELLS = 20

/** `reader` is the id of the user who receives the mail. */
export function mailText(notice: Notice, reader: string): MailText {
  const facts = factsOf(notice, reader)
  return { subject: facts.subject, text: plainText(facts), html: htmlOf(facts) }
}

function plainText(facts: Facts): string {
  const width = Math.max(...facts.rows.map(({ label }) => label.length)) + 2
  const rows = facts.rows.map(({ label, value }) => `${`${label}:`.padEnd(width)}${value}`)
  const links = facts.links.map(({ label, url }) => `${label}: ${url}`)
  const parts = [
    ...(facts.isTest ? ['TEST NOTICE: nothing was crossed'] : []),
    facts.headline,
    facts.summary,
    ...(facts.bar === null ? [] : [`${textBar(facts.bar.filled, BAR_CELLS)}  ${facts.bar.caption}`]),
    rows.join('\n'),
    facts.nextStep,
    ...(links.length === 0 ? [] : [links.join('\n')]),
  ]
  // A line of two dashes and a space begins a signature, which mail programs collapse and leave out of replies.
  return `${parts.join('\n\n')}\n\n-- \n${facts.footer}\n`
}

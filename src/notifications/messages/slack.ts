/** A notice as a Slack message: blocks, and the text for Slack's notifications. */
import type { Notice } from '../channels/channel.ts'
import { factsOf, type Facts } from './facts.ts'
import { textBar, typed } from './words.ts'

const BAR_CELLS = 16
/** Slack's limit for a header; all other texts are bounded by their sources. */
const MAX_HEADER_LENGTH = 150

/** Text as a value; `mrkdwn` is Slack's own markup. */
type Text =
  | { readonly type: 'plain_text'; readonly text: string; readonly emoji: false }
  | { readonly type: 'mrkdwn'; readonly text: string; readonly verbatim: true }

export interface SlackMessage {
  readonly text: string
  readonly blocks: readonly object[]
  readonly unfurl_links: false
  readonly unfurl_media: false
}

/**
 * The three characters that have a meaning in Slack's markup: after escaping, text can neither mention nor link
 * anything.
 */
export function escapeMrkdwn(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
}

export function slackMessage(notice: Notice): SlackMessage {
  const facts = factsOf(notice, null)
  return {
    text: escapeMrkdwn(facts.subject),
    blocks: [
      { type: 'header', text: plain(typed(headlineOf(facts), MAX_HEADER_LENGTH)) },
      { type: 'section', text: plain(facts.summary) },
      ...barOf(facts),
      { type: 'section', fields: facts.rows.map(field) },
      { type: 'section', text: plain(facts.nextStep) },
      ...linksOf(facts),
      { type: 'context', elements: [plain(facts.footer)] },
    ],
    unfurl_links: false,
    unfurl_media: false,
  }
}

function headlineOf({ isTest, headline }: Facts): string {
  return isTest ? `Test: ${headline}` : headline
}

function barOf({ bar }: Facts): object[] {
  if (bar === null) return []
  return [
    { type: 'section', text: mrkdwn(`${textBar(bar.filled, BAR_CELLS)}  ${escapeMrkdwn(bar.caption)}`) },
  ]
}

function field({ label, value }: Facts['rows'][number]): Text {
  return mrkdwn(`*${escapeMrkdwn(label)}*\n${escapeMrkdwn(value)}`)
}

function linksOf({ links }: Facts): object[] {
  if (links.length === 0) return []
  const elements = links.map(({ label, url }, index) => ({
    type: 'button',
    text: plain(label),
    url,
    action_id: `link-${index}`,
    ...(index === 0 && { style: 'primary' }),
  }))
  return [{ type: 'actions', elements }]
}

function plain(text: string): Text {
  return { type: 'plain_text', text, emoji: false }
}

/** `verbatim`: text that looks like a URL, a channel or a name is not converted. */
function mrkdwn(text: string): Text {
  return { type: 'mrkdwn', text, verbatim: true }
}

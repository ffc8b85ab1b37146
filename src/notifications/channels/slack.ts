/** Slack's incoming webhooks. */
import { slackMessage } from '../messages/slack.ts'
import type { TargetSender } from './channel.ts'
import { post } from './post.ts'
import type { TargetOptions } from './webhook.ts'

export function createSlackSender({ dispatcher, timeoutMs }: Omit<TargetOptions, 'now'>): TargetSender {
  return {
    send: (notice, { url }) =>
      post(
        {
          url,
          headers: { 'content-type': 'application/json; charset=utf-8', 'user-agent': 'Tollgate-Slack/1' },
          body: JSON.stringify(slackMessage(notice)),
        },
        { dispatcher, timeoutMs, refusal },
      ),
  }
}

/**
 * Slack says in one word what is wrong. 400, 403, 404 and 410 are about the message or the hook itself (no_service,
 * channel_is_archived, invalid_token), and stay as they are however often they are tried.
 */
function refusal(status: number, text: string): { error: string; permanent: boolean } {
  const word = /^[a-z0-9_]{1,60}$/.exec(text.trim())?.[0]
  const permanent = [400, 403, 404, 410].includes(status)
  return {
    error: word === undefined ? `Slack answered ${status}` : `Slack answered ${status}: ${word}`,
    permanent,
  }
}

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
        { dispatcher, timeoutMs, kind: 'slack', errorOf },
      ),
  }
}

/** Slack names the error in one word, such as `no_service`. */
function errorOf(status: number, text: string): string {
  const word = /^[a-z0-9_]{1,60}$/.exec(text.trim())?.[0]
  return word === undefined ? `Slack answered ${status}` : `Slack answered ${status}: ${word}`
}

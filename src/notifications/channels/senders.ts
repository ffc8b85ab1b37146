/** Creates the senders of all channels from the configuration. */
import type { Config } from '../../config.ts'
import type { ChannelKind } from '../../directory/channels.ts'
import type { Environment } from '../../outbound/proxies.ts'
import type { ChannelTarget, EmailSender, Notice, Senders, SendResult, TargetSender } from './channel.ts'
import { createSmtpSender } from './email.ts'
import { createGuardedAgent, type LookUpAll } from './guarded-agent.ts'
import { createMailFiles, type MailFileOptions } from './mail-files.ts'
import { parseSender, type Sender } from './mail-message.ts'
import { createSlackSender } from './slack.ts'
import { urlProblem } from './target-url.ts'
import { allowedTargets } from './targets.ts'
import { createWebhookSender } from './webhook.ts'

export interface OpenSenders extends Senders {
  /** What is wrong with a channel's URL, as the rest of the sentence "url …"; null if it may be saved. */
  urlProblem: (kind: ChannelKind, url: string) => string | null
  close(): Promise<void>
}

export interface SenderOptions {
  readonly notifications: Pick<Config['notifications'], 'smtp' | 'mailDir' | 'allowTargets'>
  readonly logger: MailFileOptions['logger']
  /** For tests: name look-up, clock and certificates instead of the system's. */
  readonly lookUp?: LookUpAll
  readonly now?: () => number
  readonly ca?: string
  readonly timeoutMs?: number
  readonly environment?: Environment
}

const HTTP_MS = 10_000
const MAIL_MS = 60_000
const MOST_MAIL_FILES = 1_000
const NOBODY: Sender = {
  name: 'Tollgate',
  address: 'noreply@tollgate.localhost',
  domain: 'tollgate.localhost',
}

export function openSenders({ notifications, logger, ...options }: SenderOptions): OpenSenders {
  const { now = Date.now, timeoutMs = HTTP_MS, lookUp, ca, environment } = options
  const allowed = allowedTargets(notifications.allowTargets)
  const dispatcher = createGuardedAgent({
    allowed,
    connectMs: timeoutMs,
    ...(lookUp !== undefined && { lookUp }),
    ...(ca !== undefined && { ca }),
    ...(environment !== undefined && { environment }),
  })
  const email = openEmail(notifications, logger)
  const byKind: Readonly<Record<ChannelKind, TargetSender>> = {
    webhook: createWebhookSender({ dispatcher, timeoutMs, now }),
    slack: createSlackSender({ dispatcher, timeoutMs }),
  }
  return {
    email,
    target: {
      send: (notice: Notice, target: ChannelTarget): Promise<SendResult> =>
        byKind[target.kind].send(notice, target),
    },
    urlProblem: (kind, url) => urlProblem(kind, url, allowed),
    async close() {
      await email.close()
      await dispatcher.destroy()
    },
  }
}

function openEmail(
  { smtp, mailDir }: SenderOptions['notifications'],
  logger: SenderOptions['logger'],
): EmailSender {
  if (smtp === undefined) {
    logger.info({ folder: mailDir }, 'no mail server is configured: mails are written to files')
    return createMailFiles({ dir: mailDir, from: NOBODY, most: MOST_MAIL_FILES, logger })
  }
  // The configuration was validated, so there is an address.
  const from = parseSender(smtp.from) ?? NOBODY
  const { url, startTls, ca } = smtp
  return createSmtpSender({ url, from, startTls, ca, timeoutMs: MAIL_MS })
}

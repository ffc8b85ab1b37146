/** Checks the URL of a channel before any look-up or call. */
import type { ChannelKind } from '../../directory/channels.ts'
import { hostName } from '../../core/hosts.ts'
import { isAddress, isPublicAddress, type Allowed } from './targets.ts'

export const MAX_URL_LENGTH = 2_000
export const SLACK_HOSTS: ReadonlySet<string> = new Set(['hooks.slack.com', 'hooks.slack-gov.com'])
/** Other hooks of this host start workflows, and accept no messages. */
const SLACK_PATH = /^\/services\/[A-Za-z0-9]+\/[A-Za-z0-9]+\/[A-Za-z0-9]+$/
const HTTPS_PORT = 443
/** Lower ports belong to system services (mail, shells, directories), never to webhooks. */
const FIRST_FREE_PORT = 1_024

/** The rest of the sentence "url …"; null if the URL may be called. */
export function urlProblem(kind: ChannelKind, text: string, allowed: Allowed): string | null {
  if (text.length > MAX_URL_LENGTH) return `must have at most ${MAX_URL_LENGTH} characters`
  if (/[\p{Cc}\s]/u.test(text) || !URL.canParse(text)) return 'must be an absolute URL'
  // Reads show a Slack URL shortened, and the shortened form must not be saved.
  if (kind === 'slack' && text.includes('…')) return 'must be the whole URL'
  const url = new URL(text)
  if (url.protocol !== 'https:' && url.protocol !== 'http:') return 'must be an https URL'
  if (url.username !== '' || url.password !== '') return 'must not hold credentials before the host'
  if (url.hash !== '') return 'must not have a fragment'
  const host = hostName(url.hostname)
  const isAllowed = allowed.host(host) || allowed.address(host)
  if (isAllowed) return null
  if (kind === 'slack' && !(SLACK_HOSTS.has(host) && SLACK_PATH.test(url.pathname)))
    return 'must be an incoming webhook, such as https://hooks.slack.com/services/T…/B…/…'
  if (isLocal(host)) return 'must be an address of the public internet: the operator can allow others'
  // Whether a name resolves to an allowed range is not known yet: that is checked when it is called.
  if (url.protocol !== 'https:') return 'must be an https URL: the operator can allow others'
  const port = url.port === '' ? HTTPS_PORT : Number(url.port)
  if (port !== HTTPS_PORT && port < FIRST_FREE_PORT) return 'must be on port 443, or on one from 1024 up'
  return null
}

/** Names that are local by definition (RFC 6761, 6762, 9476) are refused early; other names are checked at the call. */
function isLocal(host: string): boolean {
  if (isAddress(host)) return !isPublicAddress(host)
  return /(?:^|\.)(?:localhost|local|internal|home\.arpa)$/.test(host)
}

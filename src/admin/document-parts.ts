/** Parts of the document that routes refer to by name. */

/** In the order of the reference page. */
export const TAGS = {
  Organizations: 'Customers. An organization has an allowance of credits for each of its billing periods.',
  Members: 'The users of an organization. Admins configure it; members only use it.',
  Keys: 'Virtual keys, which callers send in place of a provider’s key. Only the answer that makes one has the key.',
  'Organization alerts':
    'Thresholds of an organization’s use that tell its admins, and never restrict (O1–O10).',
  'Per-user alerts': 'One threshold for every user that tells admins, and never restricts (U1–U5).',
  'Per-user limits': 'A hard cap for every user, with custom limits that replace it for some (L1–L9).',
  Users: 'What each user used in the current period, and who is at the limit.',
  Usage: 'What was used, by user, source, model or day, and adjustments of it (C8, C9).',
  Channels: 'Where notifications go besides email: webhooks and Slack.',
  Notifications: 'The log of what was crossed, and to whom it was delivered (N4).',
  Audit: 'Who changed what, and when (A3).',
  Session: 'Signing in to the page.',
  Service: 'For scrapers, load balancers and clients that read this document. No credentials are needed.',
} as const
export type TagName = keyof typeof TAGS

/** Headers of answers. */
export const HEADERS = {
  'X-Request-Id': 'Names this request in the logs of the gateway: what the caller sent, or a new id.',
  ETag: 'A strong tag of the settings in the body: what `If-Match` takes. Values that change by themselves, such as what was used, do not change it.',
  Location: 'The path of what was made.',
  'Retry-After': 'Seconds to wait before asking again.',
  'WWW-Authenticate': 'Always `Bearer`.',
  'Content-Disposition': 'A name for the file.',
  'Set-Cookie': 'The cookie of the session.',
} as const
export type HeaderName = keyof typeof HEADERS
/** With a question mark: not every answer of this status has it. */
export type HeaderDoc = HeaderName | `${HeaderName}?`

/** By which credentials a route may be used. */
export const SECURITY_SCHEMES = {
  operatorToken: {
    type: 'http',
    scheme: 'bearer',
    description:
      'The operator’s token, which the configuration has as `admin.operatorToken`: all organizations.',
  },
  adminKey: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A key of scope `admin` that belongs to an admin of the organization: this organization alone. One that belongs to a plain member opens only `/v1/session` and `/v1/me`.',
  },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'tollgate_session',
    description:
      'The session that `POST /v1/session` opens (`__Host-tollgate_session` where the public address is https). It is worth what the key is worth that opened it. Writes also need the header `x-tollgate-csrf`.',
  },
} as const

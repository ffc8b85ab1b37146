/** Parts of the document that routes refer to by name. */

/** In the order of the reference page. */
export const TAGS = {
  Organizations: 'Customers. An organization has an allowance of credits for each of its billing periods.',
  Members: 'The users of an organization. Admins configure it; members only use it.',
  Keys: 'Virtual keys, which callers send in place of a provider’s key. Only the response that creates a key has it.',
  'Organization alerts':
    'Thresholds of an organization’s usage at which its admins are told. They never block a call (O1–O10).',
  'Per-user alerts': 'One threshold for all users at which admins are told. It never blocks a call (U1–U5).',
  'Per-user limits':
    'A hard limit for every user, and custom limits that replace it for single users (L1–L9).',
  Users: 'Each user’s usage in the current period, and the users at their limit.',
  Usage: 'Usage by user, source, model or day, and its adjustments (C8, C9).',
  Channels: 'Where notifications go besides email: webhooks and Slack.',
  Notifications: 'The log of crossings and their deliveries (N4).',
  Audit: 'Every change, with its actor and time (A3).',
  Session: 'Signing in to the page.',
  Service: 'For scrapers, load balancers and clients that read this document. No credentials are needed.',
} as const
export type TagName = keyof typeof TAGS

/** Headers of responses. */
export const HEADERS = {
  'X-Request-Id':
    'Identifies this request in the logs of the gateway: the id that the caller sent, or a new one.',
  ETag: 'A strong tag of the settings in the body, for `If-Match`. Values that change by themselves, such as usage, do not change it.',
  Location: 'The path of the new resource.',
  'Retry-After': 'Seconds to wait before a retry.',
  'WWW-Authenticate': 'Always `Bearer`.',
  'Content-Disposition': 'A name for the file.',
  'Set-Cookie': 'The cookie of the session.',
} as const
export type HeaderName = keyof typeof HEADERS
/** With a question mark: not every response with this status has the header. */
export type HeaderDoc = HeaderName | `${HeaderName}?`

/** The kinds of credentials that routes accept. */
export const SECURITY_SCHEMES = {
  operatorToken: {
    type: 'http',
    scheme: 'bearer',
    description: 'The operator’s token (`admin.operatorToken` in the configuration), for all organizations.',
  },
  adminKey: {
    type: 'http',
    scheme: 'bearer',
    description:
      'A key of scope `admin` that belongs to an admin of the organization: this organization only. A key of a plain member opens only `/v1/session` and `/v1/me`.',
  },
  session: {
    type: 'apiKey',
    in: 'cookie',
    name: 'tollgate_session',
    description:
      'The session that `POST /v1/session` opens (`__Host-tollgate_session` if the public address is https). It has the rights of the key that opened it. Writes also need the header `x-tollgate-csrf`.',
  },
} as const

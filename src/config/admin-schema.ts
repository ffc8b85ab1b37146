/** The section of the configuration for the admin plane. */
import { Type } from '@sinclair/typebox'
import { count, host, httpUrl, mapping, port, secret, text } from './fields.ts'

export const Admin = mapping(
  {
    host: host('127.0.0.1'),
    port: port(8081),
    operatorToken: Type.Optional(
      secret("The operator's token; without one the admin API is off.", { minLength: 16, maxLength: 512 }),
    ),
    publicUrl: Type.Optional(
      httpUrl('Where admins reach the page: for links in messages, and for the cookie of its sessions.'),
    ),
    session: mapping(
      {
        idleMinutes: count(30, 1, 1_440, 'A session ends after this time without a request.'),
        absoluteHours: count(12, 1, 168, 'A session ends this long after signing in in any case.'),
      },
      { default: {}, description: 'How long a session of the page lasts.' },
    ),
    trustProxy: Type.Array(
      text('An address, or a network such as 10.0.0.0/8.', {
        pattern: '^[0-9A-Fa-f:.]+(/[0-9]{1,3})?$',
        expects: 'an address or a network such as 10.0.0.0/8',
      }),
      {
        default: [],
        maxItems: 100,
        uniqueItems: true,
        description:
          'Proxies whose x-forwarded-for names the caller: failed attempts are counted by that address.',
      },
    ),
  },
  { default: {}, description: 'The admin plane: API, page, metrics and probes.' },
)

/** `notifications`: how notifications of crossings are delivered. */
import { Type } from '@sinclair/typebox'
import { count, mapping, oneOf, seconds, text } from './fields.ts'

const Smtp = mapping({
  url: text(
    'Mail server, with user and password if it requires them: smtps:// is encrypted from the start (port 465), smtp:// by STARTTLS (587).',
    { pattern: '^smtps?://', expects: 'an smtp:// or smtps:// URL' },
  ),
  from: text('Sender of all mail, such as "Tollgate <noreply@example.com>".', { maxLength: 320 }),
  startTls: Type.Optional(
    oneOf(['required', 'optional'], {
      description:
        'Whether an smtp:// server must offer encryption. By default it must, unless it is on this machine.',
    }),
  ),
  ca: Type.Optional(text('PEM file with the certificates of a private authority, relative to this file.')),
})

export const Notifications = mapping(
  {
    smtp: Type.Optional(Smtp),
    mailDir: text('Folder for mails if there is no smtp, relative to this file.', {
      default: './data/mail',
    }),
    allowTargets: Type.Array(
      text('An address, a CIDR range or a host name.', {
        maxLength: 253,
        pattern: '^[A-Za-z0-9.:_/-]+$',
        expects: 'an address, a CIDR range or a host name',
      }),
      {
        default: [],
        maxItems: 100,
        uniqueItems: true,
        description:
          'Targets of webhooks and Slack messages beyond the public internet, also without https: addresses, CIDR ranges, host names.',
      },
    ),
    deliver: Type.Boolean({
      default: true,
      description:
        'false: crossings go to the queue tollgate-notices, and a worker of your own takes them from there.',
    }),
    attempts: count(15, 1, 100, 'Attempts of a delivery before it is parked, for an admin to send again.'),
    backoffSeconds: seconds(
      5,
      0.01,
      3600,
      'Wait before the second attempt, less a random part; it doubles each time …',
    ),
    maxBackoffSeconds: seconds(3600, 0.01, 86_400, '… up to this.'),
    concurrency: count(10, 1, 100, 'Deliveries at the same time, in each process …'),
    perDestination: count(
      4,
      1,
      100,
      '… and the most of these to one receiver (the host of a webhook, Slack, the mail server), and to all channels of one organization.',
    ),
    perSecond: count(
      25,
      1,
      10_000,
      'Deliveries per second of all gateways together, so that a backlog does not slow calls down.',
    ),
    lockSeconds: seconds(
      30,
      1,
      600,
      'After this time, another gateway takes over the deliveries of a dead one.',
    ),
    sweepSeconds: seconds(
      30,
      1,
      3600,
      'How often gateways look for crossings that a dead gateway left behind.',
    ),
  },
  { default: {}, description: 'How crossings reach admins.' },
)

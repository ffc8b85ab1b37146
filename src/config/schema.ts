/**
 * The single source of the configuration: its types, defaults, bounds and the published JSON Schema.
 *
 * A property with a `default` may be missing in the file and is always present after loading; therefore such properties
 * are not `Optional`. `expects` describes the valid values where the rule alone would not; the published schema leaves
 * it out.
 */
import { type Static, Type } from '@sinclair/typebox'
import { Admin } from './admin-schema.ts'
import { Notifications } from './notifications.ts'
import { Prices } from './prices-schema.ts'
import { Redis } from './redis-schema.ts'
import { count, host, httpUrl, mapping, oneOf, port, seconds, secret, storeDown, text } from './fields.ts'

const LIMITS = {
  connectSeconds: {
    exclusiveMinimum: 0,
    maximum: 300,
    description: 'Until the connection to the provider is established.',
  },
  firstByteSeconds: {
    exclusiveMinimum: 0,
    maximum: 3600,
    description: 'Until the first byte of the response.',
  },
  idleSeconds: { exclusiveMinimum: 0, maximum: 3600, description: 'The longest pause within a response.' },
}

const Timeouts = mapping(
  {
    connectSeconds: Type.Number({ ...LIMITS.connectSeconds, default: 10 }),
    firstByteSeconds: Type.Number({ ...LIMITS.firstByteSeconds, default: 600 }),
    idleSeconds: Type.Number({ ...LIMITS.idleSeconds, default: 300 }),
  },
  { default: {}, description: 'Defaults for every upstream.' },
)

const TimeoutOverrides = mapping(
  {
    connectSeconds: Type.Optional(Type.Number(LIMITS.connectSeconds)),
    firstByteSeconds: Type.Optional(Type.Number(LIMITS.firstByteSeconds)),
    idleSeconds: Type.Optional(Type.Number(LIMITS.idleSeconds)),
  },
  { description: 'Overrides of the top-level timeouts for this upstream.' },
)

const Route = mapping({
  method: oneOf(['GET', 'POST', 'PUT', 'PATCH', 'DELETE'], { default: 'POST' }),
  path: text('Exact path at the provider.', {
    pattern: '^/[^\\s?#%*]*$',
    expects: 'a path such as /v1/search',
  }),
  creditsPerCall: Type.Number({
    minimum: 0,
    maximum: 1_000_000_000,
    description: 'Flat price, at most six decimals.',
  }),
})

const Upstream = mapping(
  {
    family: oneOf(['openai', 'anthropic', 'gemini', 'generic'], { description: 'The API that it follows.' }),
    prefix: text('Path under which callers reach it.', {
      maxLength: 128,
      pattern: '^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$',
      expects: 'a path such as /openai',
    }),
    url: httpUrl("The provider's base URL; its path is put in front of every path."),
    apiPath: Type.Optional(
      text('Path of the API at the provider, in place of the /v1 that callers send; / for none.', {
        maxLength: 256,
        pattern: '^/(?:[A-Za-z0-9_~-][A-Za-z0-9._~-]*(?:/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)*/?)?$',
        expects: 'a path such as /v1beta/openai',
      }),
    ),
    apiKey: Type.Optional(secret('Sent to the provider in place of what the caller sent.')),
    provider: Type.Optional(
      text('Id of the provider in the built-in price table, for OpenAI-compatible upstreams.', {
        pattern: '^[a-z0-9_-]+$',
        expects: 'an id such as groq',
      }),
    ),
    askForUsage: Type.Optional(
      Type.Boolean({
        description:
          'Whether the gateway asks streams for their usage by stream_options; only for family openai. Set false if the upstream refuses that: usage that its streams do not report is estimated.',
      }),
    ),
    ca: Type.Optional(text('PEM file with the certificates of a private authority, relative to this file.')),
    routes: Type.Optional(
      Type.Array(Route, { minItems: 1, maxItems: 1000, description: 'Only for family generic.' }),
    ),
    proxy: Type.Optional(
      httpUrl(
        'HTTP proxy for the provider, with user and password if it requires them. Without it, HTTPS_PROXY applies to https URLs that NO_PROXY does not list.',
      ),
    ),
    keepAliveSeconds: seconds(
      30,
      0,
      600,
      'How long an idle connection is kept; less than the provider keeps it. 0 opens a new connection for each call.',
    ),
    timeouts: Type.Optional(TimeoutOverrides),
    onStoreDown: Type.Optional(storeDown({})),
  },
  { default: {} },
)

const Jwt = mapping({
  issuer: text('Expected `iss`.'),
  jwksUrl: httpUrl("URL of the issuer's keys: https, unless its host is this machine."),
  audience: Type.Optional(
    text(
      'Expected `aud`, or one of several. For a token without `aud`, its `client_id`. Without this, every token of the issuer is accepted, for whatever audience it was made.',
    ),
  ),
  algorithms: Type.Array(
    oneOf(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']),
    { default: ['RS256'], minItems: 1, uniqueItems: true },
  ),
  claims: mapping(
    {
      org: text('Claim with the organization.', { default: 'org_id' }),
      user: text('Claim with the user.', { default: 'sub' }),
      source: Type.Optional(
        text('Claim with the source or a list of sources, the first being the default; without it, chat.'),
      ),
    },
    { default: {} },
  ),
  orgs: Type.Optional(
    Type.Array(text('An org.', { pattern: '^[a-z0-9-]{1,63}$', expects: 'the id of an organization' }), {
      minItems: 1,
      maxItems: 10_000,
      uniqueItems: true,
      description: 'The organizations of this issuer; without it, all.',
    }),
  ),
})

const Limits = mapping(
  {
    bodyBytes: count(33_554_432, 1024, 1_073_741_824, 'Largest request body, after unpacking.'),
    bufferedBytes: count(
      536_870_912,
      1_048_576,
      1_099_511_627_776,
      'Bytes of all request bodies in memory together; further bodies get 503.',
    ),
    concurrent: count(10_000, 1, 1_000_000, 'Metered calls in flight at once; further calls get 503.'),
    drainBytes: count(
      1_048_576,
      0,
      1_073_741_824,
      'After a client left, the gateway reads on to the usage report: at most this many bytes …',
    ),
    drainSeconds: seconds(60, 0, 3600, '… seconds …'),
    drainConcurrent: count(64, 0, 100_000, '… and responses at once.'),
  },
  { default: {} },
)

export const ConfigSchema = mapping(
  {
    listen: mapping(
      {
        host: host('127.0.0.1'),
        port: port(8080),
        publicUrl: Type.Optional(httpUrl('URL for callers, used in the code that the page shows.')),
        headSeconds: seconds(15, 0.1, 300, 'Time in which the head of a request must arrive.'),
        requestSeconds: seconds(60, 0.1, 3600, 'Time in which a whole request must arrive.'),
        connections: count(
          20_000,
          1,
          1_000_000,
          'Open connections of callers, for each process; further ones are closed. Keep it below the limit of open files.',
        ),
      },
      { default: {}, description: 'The data plane.' },
    ),
    admin: Admin,
    redis: Redis,
    creditsPerUsd: count(100, 1, 1_000_000, 'Credits per US dollar of provider cost.'),
    upstreams: Type.Record(Type.String({ pattern: '^[a-z][a-z0-9_-]{0,31}$' }), Upstream, {
      additionalProperties: false,
      minProperties: 1,
      maxProperties: 100,
      description: 'The APIs behind the gateway, by a name of your own (it labels metrics).',
      expects: 'a name of a–z, 0–9, _ and - that starts with a letter',
    }),
    prices: Prices,
    auth: mapping(
      {
        userHeader: text(
          'Header in which apps name their user, such as x-openwebui-user-email, beside x-tollgate-user. It counts only with keys of apps.',
          {
            default: 'x-tollgate-user',
            maxLength: 128,
            pattern: '^[A-Za-z0-9_-]+$',
            expects: 'the name of a header',
          },
        ),
        jwt: Type.Array(Jwt, { default: [], maxItems: 100 }),
      },
      { default: {} },
    ),
    onStoreDown: storeDown({ default: 'closed' }),
    leaseSeconds: seconds(60, 1, 600, 'How long the hold of a dead gateway lasts before it expires.'),
    journal: mapping(
      {
        dir: text('Folder, relative to this file.', { default: './data/journal' }),
        maxBytes: count(67_108_864, 65_536, 1_073_741_824, 'Largest size of the journal of a process.'),
      },
      { default: {}, description: 'Charges that could not be written to the store while it was down.' },
    ),
    limits: Limits,
    timeouts: Timeouts,
    notifications: Notifications,
    retentionDays: count(62, 32, 400, 'Days for which usage by user and day is kept.'),
    shutdownGraceSeconds: seconds(5, 0, 300, 'Time after SIGTERM in which calls are still accepted.'),
    shutdownSeconds: seconds(60, 0, 3600, 'Time after that in which calls in flight may finish.'),
    log: mapping(
      {
        level: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'silent'], { default: 'info' }),
        calls: mapping(
          {
            sample: Type.Number({
              minimum: 0,
              maximum: 1,
              default: 0,
              description: 'Share of calls that get a line in the log: 0 none, 1 all.',
            }),
          },
          { default: {} },
        ),
      },
      { default: {} },
    ),
  },
  { title: 'Tollgate configuration' },
)

export type ConfigInput = Static<typeof ConfigSchema>

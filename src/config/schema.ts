/**
 * The configuration's one source: types, defaults, bounds and the published JSON Schema all come from here.
 *
 * A property with a `default` may be left out of the file and is always there after loading, which is why such
 * properties are not `Optional`. `expects` words what is wrong where the rule alone would not tell; it is left out of
 * the published schema.
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
    description: 'Until the connection to the provider stands.',
  },
  firstByteSeconds: { exclusiveMinimum: 0, maximum: 3600, description: "Until the answer's first byte." },
  idleSeconds: { exclusiveMinimum: 0, maximum: 3600, description: 'The longest pause within an answer.' },
}

const Timeouts = mapping(
  {
    connectSeconds: Type.Number({ ...LIMITS.connectSeconds, default: 10 }),
    firstByteSeconds: Type.Number({ ...LIMITS.firstByteSeconds, default: 600 }),
    idleSeconds: Type.Number({ ...LIMITS.idleSeconds, default: 300 }),
  },
  { default: {}, description: 'For every upstream that says nothing else.' },
)

const TimeoutOverrides = mapping(
  {
    connectSeconds: Type.Optional(Type.Number(LIMITS.connectSeconds)),
    firstByteSeconds: Type.Optional(Type.Number(LIMITS.firstByteSeconds)),
    idleSeconds: Type.Optional(Type.Number(LIMITS.idleSeconds)),
  },
  { description: 'What this upstream has different from the timeouts at the top.' },
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
    family: oneOf(['openai', 'anthropic', 'gemini', 'generic'], { description: 'Whose API it speaks.' }),
    prefix: text('Path under which callers reach it.', {
      maxLength: 128,
      pattern: '^(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+$',
      expects: 'a path such as /openai',
    }),
    url: httpUrl("The provider's base URL; a path in it stands before every path."),
    apiPath: Type.Optional(
      text('Path of the API at the provider, in place of the /v1 that callers write; / for none.', {
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
          'Whether streams are asked for their usage by stream_options, only for family openai. False where the upstream refuses that: what its streams do not report is estimated.',
      }),
    ),
    ca: Type.Optional(text('PEM file with the certificates of a private authority, relative to this file.')),
    routes: Type.Optional(
      Type.Array(Route, { minItems: 1, maxItems: 1000, description: 'Only for family generic.' }),
    ),
    proxy: Type.Optional(
      httpUrl(
        'HTTP proxy on the way to the provider, with user and password where it wants them; without it, that of HTTPS_PROXY for https URLs that NO_PROXY does not list.',
      ),
    ),
    keepAliveSeconds: seconds(
      30,
      0,
      600,
      'How long a connection is kept that idles: less than the provider keeps it; 0 for a new connection for each call.',
    ),
    timeouts: Type.Optional(TimeoutOverrides),
    onStoreDown: Type.Optional(storeDown({})),
  },
  { default: {} },
)

const Jwt = mapping({
  issuer: text('Expected `iss`.'),
  jwksUrl: httpUrl("Where the issuer's keys are: https, unless its host is this machine."),
  audience: Type.Optional(
    text(
      'Expected `aud`, or one of them where a token has several; of a token without `aud`, its `client_id`. Without this, every token of the issuer is taken, whoever it was made for.',
    ),
  ),
  algorithms: Type.Array(
    oneOf(['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA']),
    { default: ['RS256'], minItems: 1, uniqueItems: true },
  ),
  claims: mapping(
    {
      org: text('Claim with the org.', { default: 'org_id' }),
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
      description: 'The orgs that this issuer may speak for; without it, every org.',
    }),
  ),
})

const Limits = mapping(
  {
    bodyBytes: count(
      33_554_432,
      1024,
      1_073_741_824,
      'Largest request body, unpacked where it comes compressed.',
    ),
    bufferedBytes: count(
      536_870_912,
      1_048_576,
      1_099_511_627_776,
      'Request bodies in memory at once, all together; what would come on top is answered 503.',
    ),
    concurrent: count(10_000, 1, 1_000_000, 'Metered calls in flight at once; more are answered 503.'),
    drainBytes: count(
      1_048_576,
      0,
      1_073_741_824,
      'Read on to the usage report after the client went away: bytes …',
    ),
    drainSeconds: seconds(60, 0, 3600, '… seconds …'),
    drainConcurrent: count(64, 0, 100_000, '… and answers at once.'),
  },
  { default: {} },
)

export const ConfigSchema = mapping(
  {
    listen: mapping(
      {
        host: host('127.0.0.1'),
        port: port(8080),
        publicUrl: Type.Optional(httpUrl('Where callers reach it, for the code that the page shows.')),
        headSeconds: seconds(15, 0.1, 300, 'How long the head of a request may take to come.'),
        requestSeconds: seconds(60, 0.1, 3600, 'How long a whole request may take to come.'),
        connections: count(
          20_000,
          1,
          1_000_000,
          'Open connections of callers, for each process; more are closed. Keep it below the limit of open files.',
        ),
      },
      { default: {}, description: 'The data plane.' },
    ),
    admin: Admin,
    redis: Redis,
    creditsPerUsd: count(100, 1, 1_000_000, 'What a US dollar of provider cost is in credits.'),
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
          'Header in which apps with a key of their own name their user, such as x-openwebui-user-email; x-tollgate-user goes on being one.',
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
    leaseSeconds: seconds(60, 1, 600, 'How long the hold of a gateway that died stands in the way.'),
    journal: mapping(
      {
        dir: text('Folder, relative to this file.', { default: './data/journal' }),
        maxBytes: count(67_108_864, 65_536, 1_073_741_824, 'How large the journal of a process may become.'),
      },
      { default: {}, description: 'What the store could not be told while it was down.' },
    ),
    limits: Limits,
    timeouts: Timeouts,
    notifications: Notifications,
    retentionDays: count(62, 32, 400, 'How long usage by user and day is kept.'),
    shutdownGraceSeconds: seconds(5, 0, 300, 'How long calls are still accepted after SIGTERM.'),
    shutdownSeconds: seconds(60, 0, 3600, 'How long calls in flight may take to finish after that.'),
    log: mapping(
      {
        level: oneOf(['fatal', 'error', 'warn', 'info', 'debug', 'silent'], { default: 'info' }),
        calls: mapping(
          {
            sample: Type.Number({
              minimum: 0,
              maximum: 1,
              default: 0,
              description: 'The share of calls that get a line in the log each: 0 none, 1 all.',
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

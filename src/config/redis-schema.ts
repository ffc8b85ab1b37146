/** The section `redis`: the store of the credits, and the credentials for it. */
import { Type } from '@sinclair/typebox'
import { mapping, seconds, secret, text } from './fields.ts'

const STORES = ['url', 'embedded', 'cluster']

const Tls = Type.Union(
  [
    Type.Literal(true),
    mapping({
      ca: Type.Optional(
        text(
          'PEM file with the certificates of a private authority. All of these files are relative to this file.',
        ),
      ),
      cert: Type.Optional(
        text('PEM file with the client certificate of the gateways, if the store requires one.'),
      ),
      key: Type.Optional(text('PEM file with the key of the client certificate.')),
      serverName: Type.Optional(
        text('The name in the certificates of the store, if it differs from its address.', {
          pattern: '^[A-Za-z0-9._-]+$',
          expects: 'a host name',
        }),
      ),
    }),
  ],
  {
    description: 'Encrypted connections: to a cluster always, to a URL if it is rediss://.',
    expects: 'true or { ca, cert, key, serverName }',
  },
)

export const Redis = mapping(
  {
    url: Type.Optional(
      text('A server, such as redis://127.0.0.1:6379.', {
        pattern: '^(redis|rediss|unix)://',
        expects: 'a redis://, rediss:// or unix:// URL',
      }),
    ),
    embedded: Type.Optional(
      text('Folder of a Redis that Tollgate starts and stops itself, relative to this file.'),
    ),
    cluster: Type.Optional(
      Type.Array(
        text('A node.', {
          pattern: '^[^\\s:/@]+:[0-9]{1,5}$|^\\[[0-9a-fA-F:]+\\]:[0-9]{1,5}$',
          expects: 'host:port (username, password and tls have keys of their own)',
        }),
        {
          minItems: 1,
          maxItems: 100,
          description: 'Some nodes of a Redis Cluster; the others are found from them.',
        },
      ),
    ),
    username: Type.Optional(secret("A user of the store; without it, the store's default user.")),
    password: Type.Optional(secret('The password of that user, for a URL without one or for a cluster.')),
    tls: Type.Optional(Tls),
    patienceSeconds: seconds(
      3,
      0,
      60,
      'How long a call waits for a store that does not answer, before it is refused or, under open, passes; 0 means no wait.',
    ),
  },
  {
    // For editors only; the loader reports this error in its own words.
    oneOf: STORES.map((name) => ({ properties: { [name]: {} }, required: [name] })),
  },
)

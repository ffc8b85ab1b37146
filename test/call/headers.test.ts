/** Which headers go on, to the provider and to the client, and what they tell of the standing. */
import t from 'tap'
import { clientHeaders, standingHeaders, upstreamHeaders } from '../../src/call/headers.ts'
import type { UpstreamTarget } from '../../src/call/call.ts'
import { wholeCredits, type UnixMs } from '../../src/core/units.ts'
import { familyOf, type FamilySettings } from '../../src/families/index.ts'
import type { Decision } from '../../src/ledger/ledger.ts'

const target = (family: FamilySettings['family'], apiKey: string | null = null): UpstreamTarget =>
  ({ family: familyOf({ family }), host: 'api.example', apiKey }) as UpstreamTarget

/** Names and values, as an object. */
const named = (pairs: readonly string[]): Record<string, string> =>
  Object.fromEntries(pairs.flatMap((name, at) => (at % 2 === 0 ? [[name, pairs[at + 1] ?? '']] : [])))

const OURS = { host: 'api.example', 'accept-encoding': 'identity' }

for (const [what, headers, expected] of [
  [
    'what the API defines goes on',
    { 'openai-beta': 'x', accept: '*/*' },
    { 'openai-beta': 'x', accept: '*/*' },
  ],
  ['no credential goes on', { authorization: 'Bearer tg_x', 'x-api-key': 'k', 'api-key': 'k' }, {}],
  ['no cookie, host or length goes on', { cookie: 'a=b', host: 'us', 'content-length': '3' }, {}],
  ['nothing that is for us goes on', { 'x-tollgate-user': 'ada', 'x-my-user': 'ada' }, {}],
  ['nothing of this hop goes on', { te: 'trailers', upgrade: 'h2c', 'keep-alive': 'timeout=5' }, {}],
  [
    'nothing that the connection names goes on',
    { connection: 'X-One , close', 'x-one': '1', 'x-two': '2' },
    { 'x-two': '2' },
  ],
  ['a referer with a key stays here', { referer: 'https://us/x?a=b&key=tg_x' }, {}],
  ['another referer goes on', { referer: 'https://us/x?a=b' }, { referer: 'https://us/x?a=b' }],
  ['what was unpacked goes on plain', { 'content-encoding': 'gzip' }, {}],
] as const)
  void t.test(`to the provider: ${what}`, (t) => {
    t.same(named(upstreamHeaders({ ...headers }, target('openai'), 'x-my-user')), { ...OURS, ...expected })
    t.end()
  })

void t.test(
  'to the provider: its own key, in the header of its API; a caller’s Connection cannot strip it',
  (t) => {
    const stripped = { connection: 'authorization, host' }
    t.match(named(upstreamHeaders(stripped, target('openai', 'sk-1'))), {
      ...OURS,
      authorization: 'Bearer sk-1',
    })
    t.match(named(upstreamHeaders({}, target('anthropic', 'sk-2'))), { 'x-api-key': 'sk-2' })
    t.match(named(upstreamHeaders({}, target('gemini', 'AIza3'))), { 'x-goog-api-key': 'AIza3' })
    t.end()
  },
)

void t.test(
  'to the provider: a body that nobody reads keeps its coding; a header that came twice stays two',
  (t) => {
    const pairs = upstreamHeaders({ 'content-encoding': 'gzip', 'set-cookie': ['a', 'b'] }, target('generic'))
    t.same(pairs.slice(4), ['content-encoding', 'gzip', 'set-cookie', 'a', 'set-cookie', 'b'])
    t.end()
  },
)

const fromWire = (...texts: string[]): Buffer[] => texts.map((text) => Buffer.from(text, 'latin1'))

void t.test(
  'to the client: the answer’s own headers, with ours; none of the hop, none that gives orders to nginx',
  (t) => {
    const raw = fromWire(
      ...['Content-Type', 'text/plain', 'Content-Length', '5', 'Connection', 'x-gone', 'X-Gone', '1'],
      ...[
        'X-Request-Id',
        'theirs',
        'x-accel-redirect',
        '/etc',
        'X-Tollgate-Credits-Remaining',
        '9',
        'x-odd',
        'ü',
      ],
    )
    const own = ['x-request-id', 'ours']
    const kept = [
      'Content-Type',
      'text/plain',
      'Content-Length',
      '5',
      'x-upstream-request-id',
      'theirs',
      'x-odd',
      'ü',
    ]
    t.same(clientHeaders(raw, own, true), [...kept, ...own])
    t.same(
      clientHeaders(raw, own, false),
      [...kept.slice(0, 2), ...kept.slice(4), ...own],
      'of another length',
    )
    t.end()
  },
)

const NOW = Date.UTC(2026, 0, 10) as UnixMs
const decision = (limit: number | null, hideAmounts = false): Decision =>
  ({
    now: NOW,
    period: { no: 1, start: Date.UTC(2026, 0, 1), end: Date.UTC(2026, 1, 1) },
    standing: {
      used: wholeCredits(40),
      counted: wholeCredits(40),
      held: wholeCredits(2),
      limit: limit === null ? null : wholeCredits(limit),
    },
    explanation: { hideAmounts },
  }) as unknown as Decision

const RESET = ['x-tollgate-credits-reset', '2026-02-01T00:00:00Z']

for (const [what, given, expected] of [
  ['nothing is known while the store is down', null, []],
  ['without a limit only the reset is told', decision(null), RESET],
  ['hidden amounts are not told (E3)', decision(100, true), RESET],
  [
    'what remains is told with the call’s own hold taken off',
    decision(100),
    [
      ...[...RESET, 'x-tollgate-credits-remaining', '58'],
      ...['RateLimit-Policy', '"credits";q=100;w=2678400', 'RateLimit', '"credits";r=58;t=1900800'],
    ],
  ],
  [
    'what remains is never below zero',
    decision(41),
    [
      ...[...RESET, 'x-tollgate-credits-remaining', '0'],
      ...['RateLimit-Policy', '"credits";q=41;w=2678400', 'RateLimit', '"credits";r=0;t=1900800'],
    ],
  ],
] as const)
  void t.test(`to the client: ${what}`, (t) => {
    t.same(standingHeaders(given), expected)
    t.end()
  })

/** Every operation of the admin plane, once: each success that the document promises is really answered. */
import t, { type Test } from 'tap'
import * as keys from '../../src/store/keys.ts'
import { createNoticeLog } from '../../src/outbox/notice-log.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin({ allowTargets: ['127.0.0.1/32'] })

/** In an order in which each finds what it needs. */
const TOUR: readonly [string, string, unknown?][] = [
  ['GET', '/healthz'],
  ['GET', '/readyz'],
  ['GET', '/metrics'],
  ['GET', '/openapi.json'],
  ['POST', '/v1/orgs', { id: 'tour', name: 'Tour', allowance: 10_000 }],
  ['GET', '/v1/orgs'],
  ['GET', '/v1/orgs/tour'],
  ['PATCH', '/v1/orgs/tour', { billing: { every: { days: 10 }, timezone: 'Europe/Berlin' } }],
  ['PUT', '/v1/orgs/tour/members/ada', { name: 'Ada', email: 'ada@example.com', role: 'admin' }],
  ['PUT', '/v1/orgs/tour/members/ada', { name: 'Ada', role: 'admin' }],
  ['PUT', '/v1/orgs/tour/members/bob', {}],
  ['GET', '/v1/orgs/tour/members?q=ada&limit=1'],
  ['GET', '/v1/orgs/tour/members/ada'],
  ['POST', '/v1/orgs/tour/keys', { name: 'laptop', user: 'ada' }],
  ['GET', '/v1/orgs/tour/keys'],
  ['DELETE', '/v1/orgs/tour/keys/{id}'],
  ['PUT', '/v1/orgs/tour/user-limits', { enabled: true, default: 1_000, recipients: ['ada'] }],
  ['GET', '/v1/orgs/tour/user-limits'],
  ['PUT', '/v1/orgs/tour/user-limits/custom/ada', { limit: null }],
  ['GET', '/v1/orgs/tour/user-limits/custom'],
  ['GET', '/v1/orgs/tour/user-limits/custom/ada'],
  ['DELETE', '/v1/orgs/tour/user-limits/custom/ada'],
  ['GET', '/v1/orgs/tour/users?exceeding=true'],
  ['GET', '/v1/orgs/tour/users'],
  ['POST', '/v1/orgs/tour/alerts', { type: 'percentage', threshold: 75, recipients: 'all' }],
  ['GET', '/v1/orgs/tour/alerts'],
  ['GET', '/v1/orgs/tour/alerts/{id}'],
  ['PATCH', '/v1/orgs/tour/alerts/{id}', { threshold: 80 }],
  ['DELETE', '/v1/orgs/tour/alerts/{id}'],
  [
    'PUT',
    '/v1/orgs/tour/user-alerts',
    { enabled: true, threshold: 500, recipients: 'all', notifyUser: true },
  ],
  ['GET', '/v1/orgs/tour/user-alerts'],
  ['POST', '/v1/orgs/tour/adjustments', { user: 'ada', credits: 12.5, source: 'chat', reason: 'a test' }],
  ['POST', '/v1/orgs/tour/channels', { kind: 'webhook', url: 'http://127.0.0.1:9/' }],
  ['GET', '/v1/orgs/tour/channels'],
  ['GET', '/v1/orgs/tour/channels/{id}'],
  ['PATCH', '/v1/orgs/tour/channels/{id}', { enabled: false }],
  ['POST', '/v1/orgs/tour/channels/{id}/test'],
  ['DELETE', '/v1/orgs/tour/channels/{id}'],
  ['GET', '/v1/orgs/tour/usage?by=model'],
  ['GET', '/v1/orgs/tour/periods'],
  ['POST', '/v1/orgs/tour/drift-check', { repair: true }],
  ['GET', '/v1/orgs/tour/audit'],
  ['DELETE', '/v1/orgs/tour/members/bob'],
  ['DELETE', '/v1/orgs/tour'],
  ['GET', '/v1/audit'],
]

/** What only who is signed in to the page may do. */
async function aSession(t: Test): Promise<void> {
  const org = await admin.org(['ada'])
  const session = await admin.signIn(await admin.adminKey(org, 'ada'))
  for (const [method, path] of [
    ['GET', '/v1/session'],
    ['GET', '/v1/gateway'],
    ['GET', '/v1/me?by=day'],
    ['DELETE', '/v1/session'],
  ] as const) {
    const answer = await admin.send(method, path, session)
    t.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }
}

/** What has to be crossed first. */
async function aNotification(t: Test): Promise<void> {
  const org = await admin.org(['ada'])
  const createdAt = (await admin.redis.hget(keys.org(org), 'created_at')) ?? ''
  const crossing = {
    id: 'cx_1',
    type: 'user.limit.reached',
    org,
    user: 'ada',
    threshold: 5,
    mark: 5,
    version: 5_000_000,
    used: 6.5,
    counted: 6.5,
    limit: 5,
    period: { start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z' },
    occurredAt: '2026-11-25T12:00:00.5Z',
  } as const
  const log = createNoticeLog(admin.redis)
  await log.open(createdAt, [crossing])
  await log.plan(crossing, [{ channel: 'email', target: null, nobody: 'nobody is an admin' }], true)
  const path = `/v1/orgs/${org}/notifications`
  for (const [method, end] of [
    ['GET', '?state=no_recipients&type=user.limit.reached'],
    ['GET', '/cx_1'],
    ['GET', '/cx_1/deliveries?state=no_recipients&limit=10'],
    ['POST', '/cx_1/redeliver'],
  ] as const) {
    const answer = await admin.call(method, path + end)
    t.ok(answer.status < 300, `${method} ${end}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }
}

/** What a tour cannot bring about. */
const NOT_BY_A_TOUR = new Set(['getMetrics 503', 'getReadiness 503'])

void t.test('each success of each operation is seen, and is as documented', async (t) => {
  let id = ''
  for (const [method, path, body] of TOUR) {
    const answer = await admin.call(method, path.replace('{id}', id), body)
    t.ok(answer.status < 300, `${method} ${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
    if (method === 'POST' && typeof answer.body['id'] === 'string') id = answer.body['id']
  }
  await aSession(t)
  await aNotification(t)
  for (const operation of Object.values(admin.document.paths).flatMap((methods) => Object.values(methods))) {
    for (const [status, answer] of Object.entries(operation.responses)) {
      const name = `${operation.operationId} ${status}`
      if (!('$ref' in answer) && !NOT_BY_A_TOUR.has(name)) t.ok(admin.seen.has(name), name)
    }
  }
})

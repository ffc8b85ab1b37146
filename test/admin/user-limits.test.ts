import t from 'tap'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()
const FULL = {
  enabled: true,
  default: 1_000,
  recipients: ['ada'],
  exclude: { agent_deployment: false, workflow: true },
  explanation: { text: 'Ask {contact}\nor wait.', contact: 'ada@example.com', hideAmounts: true },
}

void t.test('per-user limits start switched off, and are saved whole', async (t) => {
  const org = await admin.org(['ada'])
  const path = `/v1/orgs/${org}/user-limits`
  t.match((await admin.call('GET', path)).body, { enabled: false, recipients: 'all' })
  const saved = await admin.call('PUT', path, FULL)
  t.equal(saved.status, 200)
  t.same(saved.body, FULL)
  t.same((await admin.call('GET', path)).body, FULL)
  await admin.call('PUT', path, { enabled: false, default: 0 })
  t.same((await admin.call('GET', path)).body, {
    enabled: false,
    default: 0,
    recipients: 'all',
    exclude: { agent_deployment: false, workflow: false },
    explanation: { text: null, contact: null, hideAmounts: false },
  })
})

void t.test(
  'L1: a default is a whole number of credits from 0 to 10^9; what is wrong is named and saves nothing',
  async (t) => {
    const org = await admin.org(['ada'], ['bob'])
    const path = `/v1/orgs/${org}/user-limits`
    await admin.call('PUT', path, FULL)
    const cases: [object, number, string][] = [
      [{ enabled: true }, 400, 'default'],
      [{ default: 5 }, 400, 'enabled'],
      [{ ...FULL, enabled: 'yes' }, 400, 'enabled'],
      [{ ...FULL, default: -1 }, 400, 'default'],
      [{ ...FULL, default: 0.5 }, 400, 'default'],
      [{ ...FULL, default: 1_000_000_001 }, 400, 'default'],
      [{ ...FULL, default: '5' }, 400, 'default'],
      [{ ...FULL, default: null }, 400, 'default'],
      [{ ...FULL, recipients: [] }, 400, 'recipients'],
      [{ ...FULL, recipients: 'some' }, 400, 'recipients'],
      [{ ...FULL, recipients: ['ada', 'ada'] }, 400, 'recipients'],
      [{ ...FULL, recipients: ['ada', 'bob'] }, 422, 'recipients.1'],
      [{ ...FULL, recipients: ['nobody'] }, 422, 'recipients.0'],
      [{ ...FULL, exclude: { chat: true } }, 400, 'exclude.chat'],
      [{ ...FULL, explanation: { text: 'x'.repeat(2_001) } }, 400, 'explanation.text'],
      [{ ...FULL, explanation: { text: '' } }, 400, 'explanation.text'],
      [{ ...FULL, explanation: { contact: 'two\nlines' } }, 400, 'explanation.contact'],
      [{ ...FULL, limit: 5 }, 400, 'limit'],
    ]
    for (const [body, status, field] of cases) {
      t.match(
        (await admin.call('PUT', path, body)).body,
        { status, errors: [{ field }] },
        JSON.stringify(body),
      )
    }
    t.same((await admin.call('GET', path)).body, FULL)
    t.equal((await admin.call('PUT', path, { ...FULL, default: 1_000_000_000 })).status, 200)
  },
)

void t.test('L2: custom limits are put, read, listed and deleted; null is unlimited', async (t) => {
  const org = await admin.org([], ['ada', 'bob', 'eve'])
  const path = `/v1/orgs/${org}/user-limits/custom`
  t.same((await admin.call('PUT', `${path}/ada`, { limit: 2_500 })).body, { user: 'ada', limit: 2_500 })
  t.same((await admin.call('PUT', `${path}/bob`, { user: 'bob', limit: null })).body, {
    user: 'bob',
    limit: null,
  })
  t.same((await admin.call('PUT', `${path}/eve`, { limit: 0 })).body, { user: 'eve', limit: 0 })
  t.same((await admin.call('GET', `${path}/bob`)).body, { user: 'bob', limit: null })
  const first = await admin.call('GET', `${path}?limit=2`)
  t.same(first.body.items, [
    { user: 'ada', limit: 2_500, name: 'Name of ada' },
    { user: 'bob', limit: null, name: 'Name of bob' },
  ])
  const rest = await admin.call('GET', `${path}?limit=2&cursor=${String(first.body['next'])}`)
  t.same(rest.body, { items: [{ user: 'eve', limit: 0, name: 'Name of eve' }], next: null })
  await admin.call('DELETE', `/v1/orgs/${org}/members/bob`)
  t.same(
    (await admin.call('GET', path)).body.items?.[1],
    { user: 'bob', limit: null, name: null },
    'who is no member any more has no name',
  )
  t.equal((await admin.call('DELETE', `${path}/bob`)).status, 204)
  t.equal((await admin.call('DELETE', `${path}/bob`)).status, 404)
  t.equal((await admin.call('GET', `${path}/bob`)).status, 404)
})

void t.test('L2: a custom limit that is wrong, or of nobody, is refused', async (t) => {
  const org = await admin.org([], ['ada'])
  const path = `/v1/orgs/${org}/user-limits/custom`
  for (const [user, body, status, field] of [
    ['ada', {}, 400, 'limit'],
    ['ada', { limit: -1 }, 400, 'limit'],
    ['ada', { limit: 1.5 }, 400, 'limit'],
    ['ada', { limit: 'unlimited' }, 400, 'limit'],
    ['ada', { limit: 1_000_000_001 }, 400, 'limit'],
    ['ada', { user: 'bob', limit: 5 }, 400, 'user'],
    ['a%20b', { limit: 5 }, 400, 'user'],
  ] as const) {
    const answer = await admin.call('PUT', `${path}/${user}`, body)
    t.match(answer.body, { status, errors: [{ field }] }, JSON.stringify(body))
  }
  t.match((await admin.call('PUT', `${path}/nobody`, { limit: 5 })).body, { status: 404, code: 'not_found' })
  t.same((await admin.call('GET', path)).body, { items: [], next: null })
})

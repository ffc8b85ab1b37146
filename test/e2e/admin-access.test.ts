/** A1, A4 on running gateways that share a store: what one is told holds on all of them, on both planes. */
import t from 'tap'
import { createOrg, OPERATOR_TOKEN, type TestGateway } from '../support/gateway.ts'
import { postChat } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'
import { until } from '../support/until.ts'

const { start } = await openStage()
const [here, there] = [await start(), await start()] as const

type Headers = Readonly<Record<string, string>>

async function signIn(gateway: TestGateway, key: string): Promise<Headers> {
  const response = await fetch(`${gateway.adminUrl}/v1/session`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ key }),
  })
  const body = (await response.json()) as { csrf: string }
  const [cookie = ''] = (response.headers.get('set-cookie') ?? '').split(';', 1)
  return { cookie, 'x-tollgate-csrf': body.csrf }
}

async function statusOf(gateway: TestGateway, path: string, headers: Headers): Promise<number> {
  return (await fetch(gateway.adminUrl + path, { headers })).status
}

void t.test('A1, A4: a session holds on every gateway, and ends on every one with its user', async (t) => {
  const org = await createOrg(here)
  const session = await signIn(here, await org.createKey({ name: 'page', user: 'ada', scope: 'admin' }))
  const members = `/v1/orgs/${org.id}/members`
  t.equal((await postChat(there.dataUrl, org.key)).status, 200)
  const used = await org.usedWhenIdle()
  const own = await fetch(`${there.adminUrl}/v1/me?by=day`, { headers: session })
  t.match(await own.json(), { user: 'ada', role: 'member', used, days: [{ credits: used, calls: 1 }] })
  t.equal(await statusOf(there, members, session), 403, 'a member')
  await there.admin('PUT', `${members}/ada`, { role: 'admin' })
  for (const gateway of [here, there]) t.equal(await statusOf(gateway, members, session), 200, 'an admin')

  await here.admin('DELETE', `${members}/ada`)
  for (const gateway of [there, here]) {
    t.equal(await statusOf(gateway, '/v1/session', session), 401)
    t.equal(await statusOf(gateway, members, session), 401)
    t.equal((await postChat(gateway.dataUrl, org.key)).status, 403, 'nor may the own traffic key go on')
  }
  await here.admin('PUT', `${members}/ada`, {})
  t.equal((await postChat(there.dataUrl, org.key)).status, 200)
  t.equal(await statusOf(here, '/v1/session', session), 401, 'who is added again signs in again')
})

void t.test(
  'a session ends with its key, at the very next request, on the gateway that was not told',
  async (t) => {
    const org = await createOrg(here)
    const made = (await here.admin('POST', `/v1/orgs/${org.id}/keys`, {
      name: 'page',
      user: 'ada',
      scope: 'admin',
    })) as { id: string; key: string }
    const session = await signIn(there, made.key)
    t.equal(await statusOf(there, '/v1/me', session), 200)
    await here.admin('DELETE', `/v1/orgs/${org.id}/keys/${made.id}`)
    t.equal(await statusOf(there, '/v1/me', session), 401)
    await until(
      async () => (await statusOf(there, '/v1/me', { authorization: `Bearer ${made.key}` })) === 401,
    )
  },
)

void t.test(
  'guessing is throttled by default, counted over gateways, and never stops who was right before',
  async (t) => {
    t.equal(await statusOf(there, '/v1/orgs', { authorization: `Bearer ${OPERATOR_TOKEN}` }), 200)
    const statuses = new Map<number, number>()
    for (let index = 0; index < 30; index += 1) {
      const gateway = index % 2 === 0 ? here : there
      const status = await statusOf(gateway, '/v1/orgs', { authorization: `Bearer guess-${index}` })
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
    }
    // The revoked key above has failed as well; and a gateway learns from its own next failure what the other has counted.
    t.ok((statuses.get(401) ?? 0) <= 21, JSON.stringify([...statuses]))
    t.ok((statuses.get(429) ?? 0) >= 9, JSON.stringify([...statuses]))
    for (const gateway of [here, there])
      t.equal(await statusOf(gateway, '/v1/orgs', { authorization: `Bearer ${OPERATOR_TOKEN}` }), 200)
  },
)

import t from 'tap'
import { setTimeout as pause } from 'node:timers/promises'
import { createOrg, type TestOrg } from '../support/gateway.ts'
import { chatAnswer, chatBody, postChat } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'

const CALLS = 1_000

const { origin, start } = await openStage()
const gateways = [await start(), await start()] as const

/** All calls at once, in turn to the one gateway and the other; how often each status came. */
async function race(org: TestOrg, body: string): Promise<Record<number, number>> {
  const statuses: Record<number, number> = {}
  await Promise.all(
    Array.from({ length: CALLS }, async (_, index) => {
      const response = await postChat((gateways[index % 2] ?? gateways[0]).dataUrl, org.key, body)
      await response.arrayBuffer()
      statuses[response.status] = (statuses[response.status] ?? 0) + 1
    }),
  )
  return statuses
}

/** The worst case of `body` under strict: one token a byte, and max_tokens, at 1,000 and 10,000 microcredits. */
function strictWorstCase(body: string, maxTokens: number): number {
  return Buffer.byteLength(body) * 1_000 + maxTokens * 10_000
}

void t.test(
  'C4, strict: 1,000 concurrent calls through two gateways, room for exactly k: exactly k succeed',
  async (t) => {
    const body = chatBody({ max_tokens: 88 })
    const worstCase = strictWorstCase(body, 88)
    const k = 37
    const limit = Math.ceil((k * worstCase) / 1e6)
    t.equal(Math.floor((limit * 1e6) / worstCase), k, 'the limit has room for exactly k')
    const org = await createOrg(gateways[0], { admission: 'strict', limit })
    // Nobody is served before all have been decided, so that no settled call makes room.
    let release: () => void = () => undefined
    const decided = new Promise<void>((resolve) => (release = resolve))
    let waiting = 0
    origin.answer = async (_request, response) => {
      waiting += 1
      await decided
      // The provider takes all that it may: what is held is what is charged.
      chatAnswer(response, { prompt_tokens: Buffer.byteLength(body), completion_tokens: 88 })
    }
    const racing = race(org, body)
    while (
      (await gateways[0].metric('tollgate_denials_total{code="credits_in_flight"}')) +
        (await gateways[1].metric('tollgate_denials_total{code="credits_in_flight"}')) +
        waiting <
      CALLS
    )
      await pause(20)
    release()
    t.same(await racing, { 200: k, 429: CALLS - k })
    t.equal(await org.usedWhenIdle(), (k * worstCase) / 1e6)
    t.equal((await org.user()).held, 0)
  },
)

void t.test('C4, straddle: the same race; at most one call straddles the limit', async (t) => {
  const limit = 5
  const cost = 0.12
  const org = await createOrg(gateways[0], { admission: 'straddle', limit })
  origin.answer = async (_request, response) => {
    await pause(5)
    chatAnswer(response)
  }
  const body = chatBody({ max_tokens: 10 })
  let served = 0
  // Those who were told that only calls in flight are in the way come again, as an SDK does, until the limit is reached.
  for (let round = 0; round < 50; round += 1) {
    const statuses = await race(org, body)
    served += statuses[200] ?? 0
    t.same(
      Object.keys(statuses).filter((status) => !['200', '402', '429'].includes(status)),
      [],
    )
    if ((statuses[402] ?? 0) === CALLS) break
  }
  const used = await org.usedWhenIdle()
  t.equal(used, Math.round(served * cost * 1e6) / 1e6, 'what was served was charged')
  t.ok(used >= limit && used - limit < cost, `${used} of ${limit}: at most one call over`)
  t.equal((await org.user()).held, 0)
})

void t.test('invariant 2: after the races, the sum of users is what the organizations used', async (t) => {
  const { items } = (await gateways[0].admin('GET', '/v1/orgs')) as {
    items: readonly { readonly id: string; readonly used: number; readonly held: number }[]
  }
  for (const { id, used, held } of items) {
    const { items: users } = (await gateways[0].admin('GET', `/v1/orgs/${id}/users`)) as {
      items: readonly { readonly used: number }[]
    }
    t.equal(
      used,
      users.reduce((sum, user) => sum + user.used, 0),
      id,
    )
    t.equal(held, 0, id)
  }
})

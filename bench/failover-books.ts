/** What each call was charged, read from the store, against what the provider reported for it. */
import * as keys from '../src/store/keys.ts'
import { CHAT_COST } from '../test/support/origin.ts'
import { until } from '../test/support/until.ts'
import type { FailoverOrg, FailoverStage } from './failover-stage.ts'

const COST = Math.round(CHAT_COST * 1e6)
const AT_ONCE = 500

/** In calls. */
export interface Account {
  /** By what the callers saw. */
  readonly served: number
  readonly refused: number
  /** No answer at all. */
  readonly silent: number
  readonly otherwise: number
  /** By what the provider reported and the store has. */
  readonly reported: number
  readonly exact: number
  /** Reported, and nothing of it is charged. */
  readonly lostWhole: number
  /** Reported, and only the price of its prompt is charged: the hold was kept and its settle was lost. */
  readonly lostToPrompt: number
  readonly doubled: number
  /** Charged, though the provider reported nothing: a hold whose release was lost, which its lease has ended. */
  readonly unreported: number
  /** Sums of users that are not the organization's. */
  readonly sumsApart: number
}

/** Waits until nothing is held. */
export async function account(
  { store, reported }: Pick<FailoverStage, 'store' | 'reported'>,
  orgs: readonly FailoverOrg[],
): Promise<Account> {
  const sum = { served: 0, refused: 0, silent: 0, otherwise: 0, reported: 0, exact: 0 }
  const wrong = { lostWhole: 0, lostToPrompt: 0, doubled: 0, unreported: 0, sumsApart: 0 }
  for (const org of orgs) {
    const total = keys.total(org.id, 1)
    await until(async () => (await store.hget(total, 'held')) === '0', {
      timeoutMs: 60_000,
      what: `nothing is held for ${org.id}`,
    })
    let charged = 0
    for (let from = 0; from < org.calls.length; from += AT_ONCE) {
      const calls = org.calls.slice(from, from + AT_ONCE)
      const used = await Promise.all(calls.map(({ user }) => usedBy(store, org.id, user)))
      for (const [index, { user, status }] of calls.entries()) {
        const cost = used[index] ?? 0
        charged += cost
        const seen =
          status === 200 ? 'served' : status === 503 ? 'refused' : status === 0 ? 'silent' : 'otherwise'
        sum[seen] += 1
        if (reported(user)) sum.reported += 1
        else if (cost > 0) wrong.unreported += 1
        if (cost > COST) wrong.doubled += 1
        if (!reported(user)) continue
        if (cost === COST) sum.exact += 1
        else if (cost === 0) wrong.lostWhole += 1
        else if (cost < COST) wrong.lostToPrompt += 1
      }
    }
    if (charged !== Number(await store.hget(total, 'used'))) wrong.sumsApart += 1
  }
  return { ...sum, ...wrong }
}

async function usedBy(store: FailoverStage['store'], org: string, user: string): Promise<number> {
  return Number((await store.hget(keys.user(org, 1, user), 'used:chat')) ?? 0)
}

/** Compares what each call was charged in the store with what the provider reported. */
import * as keys from '../src/store/keys.ts'
import { CHAT_COST } from '../test/support/origin.ts'
import { until } from '../test/support/until.ts'
import type { FailoverOrg, FailoverStage } from './failover-stage.ts'

const COST = Math.round(CHAT_COST * 1e6)
const AT_ONCE = 500

/** Numbers of calls. */
export interface Account {
  /** As the callers saw it. */
  readonly served: number
  readonly refused: number
  /** Calls without a response. */
  readonly silent: number
  readonly otherwise: number
  /** As the provider reported it and the store recorded it. */
  readonly reported: number
  readonly exact: number
  /** Reported by the provider, but not charged at all. */
  readonly lostWhole: number
  /** Reported, but charged only for the prompt: the hold was kept and its settle was lost. */
  readonly lostToPrompt: number
  readonly doubled: number
  /** Charged, although the provider reported nothing: the release of the hold was lost, and its lease ended. */
  readonly unreported: number
  /** How often the sums of users differ from the organization's. */
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

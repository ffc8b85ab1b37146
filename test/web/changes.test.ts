/** How the audit log of the page tells what a change was. */
import t from 'tap'
import { changesOf } from '../../src/web/audit/changes.ts'

void t.test('L2: that a custom limit was lifted is told as what it is', (t) => {
  const limit = (before: object | null, after: object | null) =>
    changesOf(before, after).filter(({ field }) => field === 'limit')
  const ada = (credits: number | null) => ({ user: 'ada', limit: credits })
  t.same(limit(null, ada(null)), [{ field: 'limit', before: null, after: 'unlimited' }])
  t.same(limit(ada(2_500), ada(null)), [{ field: 'limit', before: '2500', after: 'unlimited' }])
  t.same(limit(ada(null), null), [{ field: 'limit', before: 'unlimited', after: null }])
  t.end()
})

void t.test('of something new, what it does not have is no news', (t) => {
  t.same(changesOf(null, { id: 'ch_1', kind: 'slack', name: null }), [
    { field: 'kind', before: null, after: 'slack' },
  ])
  t.same(changesOf({ name: 'Ops' }, { name: null }), [{ field: 'name', before: 'Ops', after: 'none' }])
  t.end()
})

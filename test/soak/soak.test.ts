import t from 'tap'
import { FAULTS } from './faults.ts'
import { runSoak } from './run.ts'

const SEED = 8

/** `npm run soak` goes on for longer, with faults at random. */
void t.test(
  'C3, C5, C6, N1, N2: what was served, charged and told agrees after every kind of fault',
  async (t) => {
    const report = await runSoak({
      seed: SEED,
      seconds: 16,
      rate: 25,
      gateways: 2,
      leaseSeconds: 6,
      segmentSeconds: 16,
      faults: FAULTS,
      mailDownSeconds: 1,
      households: 4,
      users: 12,
      say: (line) => t.comment(line),
    })
    t.same(report.violations, [])
    t.same(
      report.happened.map(({ fault }) => fault),
      FAULTS,
    )
    t.ok(report.calls > 100, `${report.calls} calls`)
  },
)

/** The dashboard's queries, asked of a real Prometheus that scrapes a gateway with traffic. */
import { readFileSync } from 'node:fs'
import t from 'tap'
import { createOrg, startGateway } from '../support/gateway.ts'
import { chatAnswer, chatBody, postChat, startOrigin } from '../support/origin.ts'
import { startPrometheus } from '../support/prometheus.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

interface Panel {
  readonly id: number
  readonly type: string
  readonly title: string
  readonly description?: string
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number }
  readonly targets?: readonly { readonly refId: string; readonly expr: string }[]
}

interface Dashboard {
  readonly uid: string
  readonly panels: readonly Panel[]
  readonly annotations: { readonly list: readonly { readonly expr: string }[] }
}

const root = new URL('../../', import.meta.url)
const dashboard = JSON.parse(readFileSync(new URL('config/grafana/tollgate.json', root), 'utf8')) as Dashboard
const panels = dashboard.panels.filter(({ type }) => type !== 'row')

const redis = await startRedis()
const origin = await startOrigin()
const gateway = await startGateway({ redisUrl: redis.url, upstreamUrl: origin.url })
const prometheus = await startPrometheus({
  job: 'tollgate',
  target: gateway.adminUrl,
  rules: new URL('config/prometheus/tollgate.rules.yml', root).pathname,
})
t.teardown(async () => {
  await prometheus.stop()
  // Without its store it would wait for what it has to settle.
  await gateway.kill()
  await origin.stop()
  await redis.stop()
})

/** As Grafana fills a query in, for a range of a minute and every job and gateway. */
function filledIn(expr: string): string {
  return expr
    .replaceAll('$__rate_interval', '20s')
    .replaceAll('$__range', '1m')
    .replaceAll('$job', '.*')
    .replaceAll('$instance', '.*')
}

/** A served call, one that the provider fails, one over the limit, and one with a wrong key. */
async function traffic(): Promise<void> {
  const org = await createOrg(gateway, { limit: 1 })
  const zero = await org.createKey({ name: 'zero', user: 'ada' })
  origin.answer = (_request, response) => chatAnswer(response)
  for (let count = 0; count < 10; count += 1) await (await postChat(gateway.dataUrl, org.key)).text()
  await (await postChat(gateway.dataUrl, zero, chatBody())).text()
  await (await postChat(gateway.dataUrl, 'tg_no-such-key')).text()
}

void t.test('the dashboard is laid out: nothing overlaps, everything says what it shows', (t) => {
  t.equal(new Set(dashboard.panels.map(({ id }) => id)).size, dashboard.panels.length)
  for (const { title, gridPos, id } of dashboard.panels) {
    t.ok(title.length > 0)
    t.ok(gridPos.x + gridPos.w <= 24, title)
    const overlaps = dashboard.panels.filter(
      ({ id: other, gridPos: at }) =>
        other !== id &&
        at.x < gridPos.x + gridPos.w &&
        gridPos.x < at.x + at.w &&
        at.y < gridPos.y + gridPos.h &&
        gridPos.y < at.y + at.h,
    )
    t.same(
      overlaps.map((panel) => panel.title),
      [],
      title,
    )
  }
  for (const { title, targets } of panels) t.ok((targets ?? []).length > 0, title)
  t.end()
})

void t.test('every query evaluates, and finds series of a gateway with traffic', async (t) => {
  await traffic()
  // Rates need two scrapes with something between them.
  await until(async () => (await prometheus.query('tollgate_requests_total > 0')).length > 0, {
    timeoutMs: 120_000,
  })
  await traffic()
  const [first] = await prometheus.query('count_over_time(up{job="tollgate"}[1m])')
  const scrapes = Number(first?.value[1])
  await until(
    async () => {
      const [now] = await prometheus.query('count_over_time(up{job="tollgate"}[1m])')
      return Number(now?.value[1]) >= scrapes + 3
    },
    { timeoutMs: 120_000 },
  )
  for (const { title, targets = [] } of panels) {
    for (const { refId, expr } of targets) {
      const series = await prometheus.query(filledIn(expr))
      t.ok(series.length > 0, `${title} (${refId}): ${expr}`)
    }
  }
  for (const { expr } of dashboard.annotations.list) await t.resolves(prometheus.query(filledIn(expr)))
})

void t.test('what it shows is what happened', async (t) => {
  const value = async (expr: string): Promise<number> => Number((await prometheus.query(expr))[0]?.value[1])
  t.equal(await value('sum(tollgate_requests_total{outcome="denied"})'), 4, 'nine calls fit into a credit')
  t.equal(await value('sum(tollgate_refusals_total{code="invalid_api_key"})'), 2)
  t.equal(await value('up{job="tollgate"}'), 1)
  t.equal(await value('tollgate_store_up'), 1)
})

void t.test('a store that goes away raises its alert in a real Prometheus', async (t) => {
  await redis.stop()
  await until(async () => (await prometheus.query('ALERTS{alertname="TollgateStoreDown"}')).length > 0, {
    timeoutMs: 120_000,
  })
  t.pass('pending, and firing after half a minute')
})

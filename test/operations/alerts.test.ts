/** The alert rules, as Prometheus' own tool sees them. */
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import t from 'tap'
import { parse } from 'yaml'

const FOLDER = new URL('../../config/prometheus/', import.meta.url).pathname

interface Rules {
  readonly groups: readonly { readonly rules: readonly { readonly alert: string; readonly expr: string }[] }[]
}

interface RuleTests {
  readonly tests: readonly {
    readonly alert_rule_test: readonly {
      readonly alertname: string
      readonly exp_alerts: readonly object[]
    }[]
  }[]
}

const read = (file: string): string => readFileSync(FOLDER + file, 'utf8')
const ALERTS = (parse(read('tollgate.rules.yml')) as Rules).groups.flatMap(({ rules }) => rules)

function promtool(...args: readonly string[]): { readonly status: number | null; readonly output: string } {
  const { status, stdout, stderr } = spawnSync('promtool', args, { cwd: FOLDER, encoding: 'utf8' })
  return { status, output: stdout + stderr }
}

void t.test('promtool accepts every rule', (t) => {
  const { status, output } = promtool('check', 'rules', 'tollgate.rules.yml')
  t.equal(status, 0, output)
  t.match(output, `SUCCESS: ${ALERTS.length} rules found`)
  t.end()
})

void t.test('promtool sees each alert quiet and firing', (t) => {
  const { status, output } = promtool('test', 'rules', 'tollgate.test.yml')
  t.equal(status, 0, output)
  const steps = (parse(read('tollgate.test.yml')) as RuleTests).tests.flatMap((test) => test.alert_rule_test)
  for (const { alert } of ALERTS) {
    const own = steps.filter(({ alertname }) => alertname === alert)
    t.ok(
      own.some(({ exp_alerts: firing }) => firing.length > 0),
      `${alert} is shown firing`,
    )
    t.ok(
      own.some(({ exp_alerts: firing }) => firing.length === 0),
      `${alert} is shown quiet`,
    )
  }
  t.end()
})

void t.test('what alerts ask for is what the gateway has', (t) => {
  const documented = readFileSync(new URL('../../docs/metrics.md', import.meta.url), 'utf8')
  for (const { alert, expr } of ALERTS) {
    for (const [name] of expr.matchAll(/\btollgate_[a-z_]+/g)) {
      t.ok(documented.includes(`| \`${name.replace(/_bucket$/, '')}\` |`), `${alert}: ${name}`)
    }
  }
  t.end()
})

void t.test('operations.md says what to do about each alert', (t) => {
  const page = readFileSync(new URL('../../docs/operations.md', import.meta.url), 'utf8')
  for (const { alert } of ALERTS) t.ok(page.includes(`\`${alert}\``), alert)
  t.end()
})

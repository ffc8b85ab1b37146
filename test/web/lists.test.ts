/** Lists cost what is shown of them, however much there is. */
import type { Page } from 'playwright-core'
import t from 'tap'
import { periodAt } from '../../src/core/period.ts'
import type { UnixMs } from '../../src/core/units.ts'
import { startChromium } from '../support/chromium.ts'
import { createStagedOrg, spreadOverDays, startStage } from './stage.ts'
import { openPage, panel, signIn } from './visitor.ts'

const stage = await startStage()
t.teardown(() => stage.stop())
const browser = await startChromium()

const USERS = Array.from({ length: 15 }, (_, i) => `u${10 + i}`)

/** Paths that the page asks of the organization's API from now on. */
function asked(page: Page, org: string): string[] {
  const paths: string[] = []
  page.on('request', (request) => {
    const { pathname } = new URL(request.url())
    if (pathname.startsWith(`/v1/orgs/${org}/`)) paths.push(pathname.slice(`/v1/orgs/${org}`.length))
  })
  return paths
}

const countOf = (paths: readonly string[], path: string): number => paths.filter((one) => one === path).length

void t.test('a list of users comes with their names: one request, however many rows', async (t) => {
  const org = await createStagedOrg(stage)
  await org.admin('PUT', '/user-limits', { enabled: true, default: 5, recipients: 'all' })
  for (const user of USERS) {
    await org.admin('PUT', `/members/${user}`, { name: `Name of ${user}`, role: 'member' })
    await org.admin('PUT', `/user-limits/custom/${user}`, { limit: 4 })
    await org.admin('POST', '/adjustments', { user, credits: 6, reason: 'A test' })
  }
  const visitor = await openPage(browser, stage)
  const { page } = visitor
  await signIn(visitor, org.adminKey)
  const paths = asked(page, org.id)

  await visitor.visit('/limits', 'Limits & Alerts')
  for (const list of ['Custom limits', 'Users exceeding credit budget']) {
    const table = page.getByRole('table', { name: list })
    for (const user of USERS) await table.getByRole('row', { name: `Name of ${user}` }).waitFor()
  }
  await page.getByRole('button', { name: 'Edit the limit of u10' }).click()
  await page.getByRole('dialog', { name: 'Edit custom limit' }).getByText('Name of u10').waitFor()
  t.equal(countOf(paths, '/user-limits/custom'), 1)
  t.equal(countOf(paths, '/users'), 1)

  await visitor.visit('/usage', 'Usage')
  for (const user of USERS) {
    await panel(visitor, 'Users')
      .getByRole('row', { name: `Name of ${user}` })
      .waitFor()
  }
  t.same(
    paths.filter((path) => path.startsWith('/members/')),
    [],
    'nobody is asked for by name',
  )
  t.same(visitor.complaints, [])
  await visitor.close()
})

void t.test(
  'a period with more days than a page of the API has: the chart and its table have them all',
  async (t) => {
    const DAYS = 250
    const now = Date.now() as UnixMs
    const every = { days: 366 }
    const anchors = Array.from({ length: 366 }, (_, i) => i + 1)
    const anchor = anchors.find((one) => {
      const { start } = periodAt({ every, anchor: one, timezone: 'UTC' }, now)
      return Math.floor((now - start) / 86_400_000) === DAYS
    })
    if (anchor === undefined) throw new Error('an anchor so many days ago')
    const org = await createStagedOrg(stage, { billing: { every, anchor } })
    await org.spend('ada', 50)
    await spreadOverDays(stage, org.id, 'UTC', DAYS)
    const visitor = await openPage(browser, stage)
    await signIn(visitor, org.adminKey)
    await visitor.visit('/usage', 'Usage')
    await panel(visitor, 'Consumption').getByRole('button', { name: 'Show as table' }).click()
    const rows = panel(visitor, 'Consumption').getByRole('row')
    await rows.nth(DAYS + 1).waitFor()
    t.equal(await rows.count(), DAYS + 2, 'a head, and every day until today')
    t.match(await rows.last().innerText(), /\b50$/, 'in the end all of it')
    await visitor.close()
  },
)

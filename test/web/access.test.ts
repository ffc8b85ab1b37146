/** Everybody can use it: axe-core finds nothing to object to on any view, in any dialog, in light, dark and on a phone. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Page } from 'playwright-core'
import t from 'tap'
import { startChromium } from '../support/chromium.ts'
import { createStagedOrg, logCrossing, startStage } from './stage.ts'
import { openPage, signIn } from './visitor.ts'

const AXE = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')

const stage = await startStage()
t.teardown(() => stage.stop())
const browser = await startChromium()
const org = await createStagedOrg(stage)
await org.admin('POST', '/alerts', { type: 'percentage', threshold: 10, recipients: ['grace'] })
await org.admin('POST', '/alerts', { type: 'absolute', threshold: 20_000, recipients: 'all' })
await org.admin('PUT', '/user-alerts', { enabled: true, threshold: 50, recipients: 'all', notifyUser: true })
await org.admin('PUT', '/user-limits', { enabled: true, default: 100, recipients: ['ada'] })
await org.admin('PUT', '/user-limits/custom/ada', { limit: 5_000 })
await org.admin('POST', '/channels', {
  kind: 'webhook',
  name: 'Operations',
  url: 'https://hooks.example.com/tollgate',
})
await logCrossing(
  stage,
  {
    id: 'cx_crowd',
    type: 'user.limit.reached',
    org: org.id,
    user: 'ada',
    threshold: 100,
    mark: 100,
    version: 1,
    used: 100,
    period: { start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z' },
    occurredAt: new Date().toISOString(),
  },
  { sent: 1, queued: 20, failed: 5, parked: 3, no_recipients: 2 },
)
await org.spend('ada', 1_100)
await org.spend('bob', 100)

interface Violation {
  readonly id: string
  readonly help: string
  readonly nodes: readonly { readonly html: string; readonly failureSummary?: string }[]
}

async function violations(page: Page): Promise<string[]> {
  if (!(await page.evaluate<boolean>('"axe" in window'))) await page.evaluate(AXE)
  const { violations: found } = await page.evaluate<{ violations: Violation[] }>('axe.run()')
  return found.map(
    ({ id, help, nodes }) =>
      `${id}: ${help}\n${nodes.map(({ html, failureSummary }) => `  ${html} ${failureSummary ?? ''}`).join('\n')}`,
  )
}

const button = (name: string | RegExp) => (page: Page) => page.getByRole('button', { name }).first().click()
const VIEWS: readonly [
  path: string,
  heading: string,
  dialogs: Readonly<Record<string, (page: Page) => Promise<void>>>,
][] = [
  [
    '/limits',
    'Limits & Alerts',
    {
      'Add alert': button('Add alert'),
      'Edit alert': button(/^Edit the alert/),
      'Delete this alert?': button(/^Delete the alert/),
      'Add custom limit': button('Add custom limit'),
      'Edit custom limit': button('Edit the limit of ada'),
      'Remove this custom limit?': button('Remove the limit of ada'),
    },
  ],
  ['/usage', 'Usage', {}],
  ['/notifications', 'Notifications', {}],
  [
    '/channels',
    'Channels',
    { 'Add channel': button('Add channel'), 'Edit channel': button('Edit Operations') },
  ],
  [
    '/members',
    'Members',
    {
      'Add member': button('Add member'),
      'Edit ada': button(/^Edit Ada/),
      'Remove this member?': button(/^Remove Ada/),
    },
  ],
  ['/keys', 'Keys', { 'New key': button('New key'), 'Revoke this key?': button(/^Revoke/) }],
  ['/audit', 'Audit log', {}],
  ['/start', 'Connect an SDK', {}],
]

/** Rows that unfold, unfolded; whether there were any. */
async function unfold(page: Page): Promise<boolean> {
  const folded = page.getByRole('table').getByRole('button', { expanded: false, name: /Deliveries: / })
  const count = await folded.count()
  for (let left = count; left > 0; left -= 1) await folded.first().click()
  await settled(page)
  return count > 0
}

async function settled(page: Page): Promise<void> {
  await page.waitForLoadState('networkidle')
  await page.getByText('Loading', { exact: true }).first().waitFor({ state: 'detached' })
}

for (const colorScheme of ['light', 'dark'] as const) {
  void t.test(`axe-core finds no violation on any view or in any dialog, ${colorScheme}`, async (t) => {
    const visitor = await openPage(browser, stage, { colorScheme, bypassCSP: true })
    const { page } = visitor
    await page.goto('/')
    await page.getByLabel('Key', { exact: true }).waitFor()
    t.same(await violations(page), [], 'Sign in')
    await signIn(visitor, org.adminKey)
    for (const [path, heading, dialogs] of VIEWS) {
      await visitor.visit(path, heading)
      await settled(page)
      t.same(await violations(page), [], heading)
      const hasUnfolded = await unfold(page)
      t.equal(hasUnfolded, path === '/notifications')
      if (hasUnfolded) t.same(await violations(page), [], `${heading}, unfolded`)
      for (const [name, open] of Object.entries(dialogs)) {
        await open(page)
        const dialog = page.getByRole('dialog', { name })
        await dialog.waitFor()
        // It says that it is loading from its first instant on.
        await page.getByText('Loading', { exact: true }).first().waitFor({ state: 'detached' })
        t.same(await violations(page), [], name)
        await page.keyboard.press('Escape')
        await dialog.waitFor({ state: 'detached' })
      }
    }
    await visitor.close()
    const member = await openPage(browser, stage, { colorScheme, bypassCSP: true })
    await signIn(member, org.memberKey, 'Your usage')
    t.same(await violations(member.page), [], 'Your usage')
    await member.close()
  })
}

void t.test('axe-core finds no violation on a phone, and nothing is wider than it', async (t) => {
  const visitor = await openPage(browser, stage, { width: 390, bypassCSP: true })
  await signIn(visitor, org.adminKey)
  for (const [path, heading] of VIEWS) {
    await visitor.visit(path, heading)
    await settled(visitor.page)
    await unfold(visitor.page)
    t.same(await violations(visitor.page), [], heading)
    t.equal(await visitor.page.evaluate<number>('document.documentElement.scrollWidth'), 390, heading)
  }
  await button('Open the menu')(visitor.page)
  await visitor.page.getByRole('dialog').getByRole('link', { name: 'Usage' }).click()
  await visitor.page.getByRole('heading', { level: 1, name: 'Usage' }).waitFor()
  await visitor.page.getByRole('dialog').waitFor({ state: 'detached' })
  await visitor.close()
})

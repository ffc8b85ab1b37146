/** Everybody can use it: axe-core finds nothing to object to, and a keyboard is enough. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import type { Locator, Page } from 'playwright-core'
import t from 'tap'
import { startChromium } from '../support/chromium.ts'
import { until } from '../support/until.ts'
import { createStagedOrg, startStage } from './stage.ts'
import { openPage, signIn, type Visitor } from './visitor.ts'

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
      for (const [name, open] of Object.entries(dialogs)) {
        await open(page)
        const dialog = page.getByRole('dialog', { name })
        await dialog.waitFor()
        await settled(page)
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
    t.same(await violations(visitor.page), [], heading)
    t.equal(await visitor.page.evaluate<number>('document.documentElement.scrollWidth'), 390, heading)
  }
  await button('Open the menu')(visitor.page)
  await visitor.page.getByRole('dialog').getByRole('link', { name: 'Usage' }).click()
  await visitor.page.getByRole('heading', { level: 1, name: 'Usage' }).waitFor()
  await visitor.page.getByRole('dialog').waitFor({ state: 'detached' })
  await visitor.close()
})

const MOST_STEPS = 60

/** Goes on with Tab until the focus is there, as somebody without a mouse does. */
async function tabTo(page: Page, target: Locator): Promise<void> {
  for (let step = 0; step < MOST_STEPS; step += 1) {
    if ((await target.and(page.locator(':focus')).count()) === 1) return
    await page.keyboard.press('Tab')
  }
  throw new Error(`the focus does not come to ${target.toString()}`)
}

/** The focus comes back a moment after what had it is gone. */
const focused = (visitor: Visitor, target: Locator, what: string): Promise<void> =>
  until(() => isFocused(visitor, target), { what })

const isFocused = async ({ page }: Visitor, target: Locator): Promise<boolean> =>
  (await target.and(page.locator(':focus')).count()) === 1

void t.test(
  'a keyboard is enough: signing in, adding, editing and deleting an alert, saving a panel',
  async (t) => {
    const visitor = await openPage(browser, stage)
    const { page } = visitor
    const { keyboard } = page
    await page.goto('/')
    await page.getByLabel('Key', { exact: true }).waitFor()
    await keyboard.type(org.adminKey)
    await keyboard.press('Enter')
    await page.getByRole('heading', { level: 1, name: 'Limits & Alerts' }).waitFor()

    await page.reload()
    const add = page.getByRole('button', { name: 'Add alert' })
    await add.waitFor()
    await keyboard.press('Tab')
    t.ok(
      await isFocused(visitor, page.getByRole('link', { name: 'Skip to the content' })),
      'first, the way past the menu',
    )
    await tabTo(page, add)
    await keyboard.press('Enter')
    const dialog = page.getByRole('dialog', { name: 'Add alert' })
    await dialog.waitFor()
    await tabTo(page, dialog.getByLabel('Percentage'))
    await keyboard.press('ArrowDown')
    await tabTo(page, dialog.getByLabel('Threshold'))
    await keyboard.type('8765')
    await dialog.getByText('Fires at 8,765 of 10,000 credits used.').waitFor()
    await keyboard.press('Enter')
    await dialog.waitFor({ state: 'detached' })
    await focused(visitor, add, 'the focus is back where the dialog was opened')

    await tabTo(page, page.getByRole('button', { name: 'Edit the alert at 8,765 credits' }))
    await keyboard.press('Enter')
    const edit = page.getByRole('dialog', { name: 'Edit alert' })
    await tabTo(page, edit.getByLabel('Threshold'))
    await keyboard.press('Control+A')
    await keyboard.type('8766')
    await keyboard.press('Enter')
    const remove = page.getByRole('button', { name: 'Delete the alert at 8,766 credits' })
    await remove.waitFor()
    await tabTo(page, remove)
    await keyboard.press('Enter')
    const confirm = page.getByRole('dialog', { name: 'Delete this alert?' })
    await confirm.waitFor()
    await keyboard.press('Escape')
    await confirm.waitFor({ state: 'detached' })
    await focused(visitor, remove, 'Escape deletes nothing')
    await keyboard.press('Enter')
    await tabTo(page, confirm.getByRole('button', { name: 'Delete alert' }))
    await keyboard.press('Enter')
    await remove.waitFor({ state: 'detached' })
    await focused(visitor, add, 'the row is gone, and the focus is not lost with it')

    const threshold = page.getByLabel('Threshold per user')
    await tabTo(page, threshold)
    await keyboard.press('Control+A')
    await keyboard.type('60')
    await keyboard.press('Enter')
    await page.getByText('Credit usage alerts saved.').waitFor()
    t.match(await org.admin('GET', '/user-alerts'), { threshold: 60 })
    t.same(visitor.complaints, [])
    await visitor.close()
  },
)

void t.test(
  'what is unsaved is guarded: by links, by the way back, and by what leaves the page',
  async (t) => {
    const visitor = await openPage(browser, stage)
    const { page } = visitor
    await signIn(visitor, org.adminKey)
    await page.getByRole('link', { name: 'Usage' }).click()
    await page.getByRole('heading', { level: 1, name: 'Usage' }).waitFor()
    await page.getByRole('link', { name: 'Limits & Alerts' }).click()
    await page.getByLabel('Default limit').fill('123')
    await page.getByText('Unsaved changes').waitFor()
    const guard = page.getByRole('dialog', { name: 'Leave without saving?' })
    await page.getByRole('link', { name: 'Keys' }).click()
    await guard.getByRole('button', { name: 'Stay' }).click()
    t.equal(await page.getByLabel('Default limit').inputValue(), '123')
    await page.goBack()
    await guard.waitFor()
    t.equal(new URL(page.url()).pathname, '/limits')
    await guard.getByRole('button', { name: 'Leave' }).click()
    await page.getByRole('heading', { level: 1, name: 'Usage' }).waitFor()
    t.match(await org.admin('GET', '/user-limits'), { default: 100 })
    await visitor.close()
  },
)

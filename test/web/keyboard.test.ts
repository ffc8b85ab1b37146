/** A keyboard is enough, and what is unsaved is not lost by a slip. */
import type { Locator, Page } from 'playwright-core'
import t from 'tap'
import { startChromium } from '../support/chromium.ts'
import { until } from '../support/until.ts'
import { createStagedOrg, startStage } from './stage.ts'
import { openPage, signIn, type Visitor } from './visitor.ts'

const stage = await startStage()
t.teardown(() => stage.stop())
const browser = await startChromium()
const org = await createStagedOrg(stage)
await org.admin('POST', '/alerts', { type: 'percentage', threshold: 10, recipients: ['grace'] })
await org.admin('PUT', '/user-alerts', { enabled: true, threshold: 50, recipients: 'all', notifyUser: true })
await org.admin('PUT', '/user-limits', { enabled: true, default: 100, recipients: 'all' })

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

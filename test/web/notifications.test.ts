/** The log of notifications: a line a crossing, which unfolds to its deliveries (N4). */
import t from 'tap'
import { startChromium } from '../support/chromium.ts'
import { smtpError } from '../support/smtp.ts'
import { until } from '../support/until.ts'
import { createStagedOrg, logCrossing, startStage, type StagedOrg } from './stage.ts'
import { openPage, signIn } from './visitor.ts'

const stage = await startStage()
t.teardown(() => stage.stop())
const browser = await startChromium()

type Counts = Readonly<Record<'queued' | 'sent' | 'failed' | 'parked' | 'no_recipients', number>>

/** Of the one crossing that there is; nothing before there is one. */
async function countsOf(org: StagedOrg): Promise<Partial<Counts>> {
  const { items } = (await org.admin('GET', '/notifications')) as { items: readonly { counts: Counts }[] }
  return items[0]?.counts ?? {}
}

const mailed = (address: string): number => stage.mails.mails.filter(({ to }) => to.includes(address)).length

/** The name of the button that unfolds a crossing. */
const summary = (parts: string, what: string): string => `${parts}. Deliveries: ${what}`

void t.test(
  'N2: what was given up is sent again, one delivery alone or all of them, by keyboard',
  async (t) => {
    const org = await createStagedOrg(stage)
    await org.admin('PUT', '/members/ivan', { name: 'Ivan', email: 'ivan@example.com', role: 'admin' })
    await org.admin('PUT', '/members/judy', { name: 'Judy', email: 'judy@example.com', role: 'admin' })
    await org.admin('PUT', '/members/nell', { name: 'Nell', role: 'admin' })
    stage.mails.answer = ({ to }) => {
      if (to.some((address) => /ivan|judy/.test(address))) throw smtpError(550, 'no such mailbox')
    }
    await org.admin('POST', '/alerts', { type: 'absolute', threshold: 5, recipients: 'all' })
    await org.spend('bob', 6)
    await until(async () => (await countsOf(org)).parked === 2 && (await countsOf(org)).sent === 2)

    const visitor = await openPage(browser, stage)
    const { page } = visitor
    await signIn(visitor, org.adminKey)
    await visitor.visit('/notifications', 'Notifications')
    const what = 'The organization reached 5 credits'
    const line = page.getByRole('button', {
      name: summary('2 sent, 2 given up, 1 without a recipient', what),
    })
    await line.waitFor()
    t.equal(await line.getAttribute('aria-expanded'), 'false')
    await line.focus()
    await page.keyboard.press('Enter')
    const deliveries = page.getByRole('group', { name: `Deliveries: ${what}` })
    await deliveries.getByRole('listitem').filter({ hasText: 'Ivan' }).getByText('no such mailbox').waitFor()
    t.equal(await line.getAttribute('aria-expanded'), 'true')
    t.equal(await line.getAttribute('aria-controls'), await deliveries.getAttribute('id'))
    t.equal(await deliveries.getByRole('listitem').count(), 5)
    await deliveries.getByText('no e-mail address').waitFor()

    stage.mails.answer = () => undefined
    await deliveries.getByRole('button', { name: 'Send again: Email to Ivan (ivan)' }).focus()
    await page.keyboard.press('Enter')
    await page.getByText('In line to be sent again.').waitFor()
    await page
      .locator(':focus')
      .and(page.getByRole('button', { expanded: true }))
      .waitFor()
    await until(() => mailed('ivan@example.com') === 1, { what: 'the mail to ivan' })
    await until(async () => (await countsOf(org)).sent === 3)
    t.match(await countsOf(org), { parked: 1, no_recipients: 1 }, 'the others are as they were')
    t.equal(mailed('judy@example.com'), 0)

    await org.admin('PUT', '/members/nell', { name: 'Nell', email: 'nell@example.com', role: 'admin' })
    await visitor.visit('/notifications', 'Notifications')
    await page.getByRole('button', { name: `Send 2 again: ${what}` }).click()
    await until(async () => (await countsOf(org)).sent === 5)
    t.strictSame(
      ['ada', 'grace', 'ivan', 'judy', 'nell'].map((user) => mailed(`${user}@example.com`)),
      [1, 1, 1, 1, 1],
      'what was sent is not repeated',
    )
    await visitor.visit('/notifications', 'Notifications')
    await page.getByRole('button', { name: summary('5 sent', what) }).waitFor()
    t.equal(await page.getByRole('button', { name: /^Send/ }).count(), 0)
    t.same(visitor.complaints, [])
    await visitor.close()
  },
)

void t.test(
  'N4: a crossing that thousands hear of is one line, and loads a page of them when unfolded',
  async (t) => {
    const org = await createStagedOrg(stage)
    await org.admin('PUT', '/members/u1241', { name: 'Lin Chen', role: 'member' })
    await logCrossing(
      stage,
      {
        id: 'cx_crowd',
        type: 'user.limit.reached',
        org: org.id,
        user: 'bob',
        threshold: 100,
        mark: 100,
        version: 1,
        used: 100,
        limit: 100,
        period: { start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z' },
        occurredAt: '2026-11-25T12:00:00Z',
      },
      { sent: 1_240, parked: 3, queued: 12 },
    )
    const visitor = await openPage(browser, stage)
    const { page } = visitor
    await signIn(visitor, org.adminKey)
    const answers: { readonly path: string; readonly deliveries: number }[] = []
    page.on('response', (response) => {
      const { pathname } = new URL(response.url())
      if (!pathname.includes('/notifications') || response.request().resourceType() !== 'fetch') return
      void response.text().then((text) => {
        answers.push({
          path: pathname.split('/').at(-1) ?? '',
          deliveries: text.split('"recipient"').length - 1,
        })
      })
    })
    await visitor.visit('/notifications', 'Notifications')
    const line = page.getByRole('button', {
      name: summary('1,240 sent, 12 in line, 3 given up', 'Bob Kahn reached the limit of 100 credits'),
    })
    await page.getByRole('row', { name: /Bob Kahn reached the limit of 100 credits/ }).waitFor()
    await line.waitFor()
    t.equal(await page.getByRole('row').count(), 2, 'one line below the head of the table')
    await until(() => answers.length === 1)
    t.strictSame(answers, [{ path: 'notifications', deliveries: 0 }])

    await line.click()
    const list = page.getByRole('group', { name: /^Deliveries: Bob Kahn/ })
    const rows = list.getByRole('listitem')
    await until(async () => (await rows.count()) === 25)
    await list.getByRole('button', { name: /^Show more deliveries/ }).click()
    await until(async () => (await rows.count()) === 50 && answers.length === 3)
    t.strictSame(answers.slice(1), [
      { path: 'deliveries', deliveries: 25 },
      { path: 'deliveries', deliveries: 25 },
    ])
    await list.getByRole('textbox', { name: /^State of deliveries/ }).click()
    await page.getByRole('option', { name: 'Given up (3)' }).click()
    await until(async () => (await rows.count()) === 3)
    await rows.filter({ hasText: 'Email to Lin Chen (u1241)' }).getByText('(15 attempts)').waitFor()
    await line.click()
    await list.waitFor({ state: 'detached' })

    await page.getByRole('textbox', { name: 'State', exact: true }).click()
    await page.getByRole('option', { name: 'Given up' }).click()
    await line.click()
    await until(async () => (await rows.count()) === 3, {
      what: 'the state of the log is that of the deliveries',
    })
    t.same(visitor.complaints, [])
    await visitor.close()
  },
)

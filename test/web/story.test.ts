/** The whole story of an admin, in a real browser, with real traffic between the steps. */
import OpenAI from 'openai'
import t from 'tap'
import { startChromium } from '../support/chromium.ts'
import { until } from '../support/until.ts'
import { createStagedOrg, startStage } from './stage.ts'
import { openPage, panel, signIn } from './visitor.ts'

const stage = await startStage()
t.teardown(() => stage.stop())
const browser = await startChromium()
const org = await createStagedOrg(stage)
const visitor = await openPage(browser, stage)
const { page } = visitor

const alerts = panel(visitor, 'Organization alerts')
const limits = panel(visitor, 'Per-user credit limits')
const dialog = (name: string) => page.getByRole('dialog', { name })
const reload = () => visitor.visit('/limits', 'Limits & Alerts')

void t.test('signs in with an admin key; a wrong one is told beside the field', async (t) => {
  await page.goto('/')
  await page.getByLabel('Key', { exact: true }).fill('tg_wrong')
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByText('This key does not open this page.').waitFor()
  await signIn(visitor, org.adminKey)
  t.equal(new URL(page.url()).pathname, '/limits')
  t.match(await page.title(), 'Limits & Alerts')
})

void t.test('O4: adds an alert at 75%; it is armed at 7,499 credits, and has fired at 7,500', async () => {
  await alerts.getByText('No alerts yet').waitFor()
  await alerts.getByRole('button', { name: 'Add alert' }).click()
  await dialog('Add alert').getByText('Fires at 7,500 of 10,000 credits used.').waitFor()
  await dialog('Add alert').getByRole('button', { name: 'Add', exact: true }).click()
  await alerts.getByRole('cell', { name: 'Armed' }).waitFor()
  await org.spend('ada', 7_499)
  await reload()
  await alerts.getByRole('cell', { name: 'Armed' }).waitFor()
  await org.spend('ada', 1)
  await reload()
  await alerts.getByRole('cell', { name: /^Fired \d/ }).waitFor()
})

void t.test(
  'O8: edits it; the dialog says beforehand that it is armed again, and it fires at once',
  async (t) => {
    await alerts.getByRole('button', { name: 'Edit the alert at 75%' }).click()
    const edit = dialog('Edit alert')
    await edit.getByLabel('Threshold').fill('80')
    await edit
      .getByText('Saving arms this alert again in the current period, also if it has fired before.')
      .waitFor()
    await edit.getByLabel('Threshold').fill('101')
    await edit.getByRole('button', { name: 'Save' }).click()
    await edit.getByText('Enter a whole percentage from 1 to 100.').waitFor()
    await edit.getByLabel('Threshold').fill('70')
    await edit.getByText('Usage is already past the new threshold, so it fires at once.').waitFor()
    await edit.getByRole('button', { name: 'Save' }).click()
    const row = alerts.getByRole('row', { name: /70% of the allowance/ })
    await row.getByText(/^Fired/).waitFor()
    t.equal(await alerts.getByRole('row').count(), 2, 'still one alert, below the head of the table')
  },
)

void t.test('N4: both firings stand in the log, and were mailed to both admins', async (t) => {
  await until(() => stage.mails.mails.length >= 4, { what: 'two mails to each of two admins' })
  t.same([...new Set(stage.mails.mails.flatMap(({ to }) => to))].sort(), [
    'ada@example.com',
    'grace@example.com',
  ])
  await page.getByRole('link', { name: 'Notifications' }).click()
  await page.getByText('The organization reached 75% of its allowance (7,500 credits)').waitFor()
  await page.getByText('The organization reached 70% of its allowance (7,000 credits)').waitFor()
  await page.getByRole('button', { name: /^2 sent\. Deliveries: The organization reached 75%/ }).click()
  const told = page.getByRole('group', { name: /^Deliveries: The organization reached 75%/ })
  await told.getByText('Email to Ada Lovelace (ada)').waitFor()
  await told.getByText('Email to Grace Hopper (grace)').waitFor()
})

void t.test('L1, L2: sets a default limit for all and a custom one for bob', async (t) => {
  await page.getByRole('link', { name: 'Limits & Alerts' }).click()
  await limits.getByRole('switch', { name: 'Per-user credit limits' }).click({ force: true })
  await limits.getByLabel('Default limit').fill('8000')
  await limits.getByText('Unsaved changes').waitFor()
  await limits.getByRole('button', { name: 'Save' }).click()
  await page.getByText('They hold for the next call.').waitFor()
  t.match(await org.admin('GET', '/user-limits'), { enabled: true, default: 8_000 })

  await limits.getByRole('button', { name: 'Add custom limit' }).click()
  const add = dialog('Add custom limit')
  await add.getByRole('textbox', { name: 'User' }).fill('kahn')
  await page.getByRole('option', { name: /Bob Kahn/ }).click()
  await add.getByLabel('Credits per billing period').fill('100')
  await add.getByRole('button', { name: 'Add', exact: true }).click()
  await limits.getByRole('row', { name: /Bob Kahn.*100 credits/ }).waitFor()
})

void t.test('E3, L7: bob reaches it: the SDK shows the explanation, the page shows bob', async (t) => {
  t.equal(await org.spend('bob', 100), 200)
  const client = new OpenAI({ baseURL: stage.gateway.openaiUrl, apiKey: org.keys['bob'] ?? '' })
  const call = client.chat.completions.create({
    model: 'test-model',
    messages: [{ role: 'user', content: 'Hi' }],
  })
  await t.rejects(call, { status: 402, code: 'user_credit_limit_reached', message: /100 of 100 credits/ })
  await reload()
  const exceeding = limits.getByRole('table', { name: 'Users exceeding credit budget' })
  await exceeding.getByRole('row', { name: /Bob Kahn.*100 of 100 credits/ }).waitFor()
  t.equal(await exceeding.getByRole('row').count(), 2, 'only bob: ada is below the default')
})

void t.test('L8: raises the limit, and the very next call passes', async (t) => {
  await limits.getByRole('button', { name: 'Edit the limit of bob' }).click()
  const edit = dialog('Edit custom limit')
  await edit.getByLabel('Credits per billing period').fill('500')
  await edit.getByRole('button', { name: 'Save' }).click()
  await limits.getByText('No user has reached the limit').waitFor()
  t.equal(await org.spend('bob', 1), 200)
})

void t.test(
  'the usage is there: against the allowance, by user, source and model, and as a file',
  async (t) => {
    await page.getByRole('link', { name: 'Usage' }).click()
    await page.getByRole('img', { name: /7,601 of 10,000 .* Alerts at 70%: 7,000, fired/ }).waitFor()
    await page.getByRole('row', { name: /Ada Lovelace.*7,500/ }).waitFor()
    await page.getByRole('searchbox', { name: 'Search users' }).fill('bob')
    await page.getByRole('row', { name: /Ada Lovelace/ }).waitFor({ state: 'detached' })
    await page.getByRole('row', { name: /Bob Kahn.*101/ }).waitFor()
    await page.getByRole('button', { name: 'CSV' }).click()
    const [file] = await Promise.all([
      page.waitForEvent('download'),
      page.getByRole('menuitem', { name: 'By user' }).click(),
    ])
    t.match(file.suggestedFilename(), /^usage-.*\.csv$/)
  },
)

void t.test('A3: every change stands in the audit log', async () => {
  await page.getByRole('link', { name: 'Audit log' }).click()
  await page.getByRole('row', { name: /Alert changed.*threshold 75 → 70.*grace/ }).waitFor()
  await page.getByRole('row', { name: /Custom limit saved.*limit 100 → 500.*grace/ }).waitFor()
})

void t.test('A1: a member sees the own standing and nothing else', async (t) => {
  await page.getByRole('button', { name: 'Sign out' }).click()
  await signIn(visitor, org.memberKey, 'Your usage')
  await page.getByText('of 500 credits used').waitFor()
  t.equal(await page.getByRole('navigation').count(), 0)
  await page.goto('/limits')
  await page.getByRole('heading', { level: 1, name: 'Your usage' }).waitFor()
})

void t.test('the browser had nothing to complain about', (t) => {
  t.same(visitor.complaints, [])
  t.end()
})

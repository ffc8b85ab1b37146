/** What others typed is shown as text, and what others saved is not overwritten unseen. */
import t from 'tap'
import { startChromium } from '../support/chromium.ts'
import { until } from '../support/until.ts'
import { createStagedOrg, startStage } from './stage.ts'
import { openPage, panel, signIn } from './visitor.ts'

const stage = await startStage()
t.teardown(() => stage.stop())
const browser = await startChromium()

const MARKUP = `<img src=x onerror="document.title='owned'"><b>bold</b>`

void t.test(
  'markup in names, keys, reasons, channels and texts is shown as text, in mails too',
  async (t) => {
    const org = await createStagedOrg(stage, { name: `Acme ${MARKUP}`, allowance: 100 })
    await org.admin('PUT', '/members/bob', {
      name: `Bob ${MARKUP}`,
      email: 'bob@example.com',
      role: 'member',
    })
    await org.admin('POST', '/keys', { name: `Key ${MARKUP}`, user: 'bob' })
    await org.admin('POST', '/channels', {
      kind: 'webhook',
      name: `Hook ${MARKUP}`,
      url: 'https://hooks.example.com/a',
    })
    await org.admin('POST', '/adjustments', {
      user: 'bob',
      credits: 1,
      source: 'chat',
      reason: `Why ${MARKUP}`,
    })
    await org.admin('PUT', '/user-alerts', {
      enabled: true,
      threshold: 5,
      recipients: 'all',
      notifyUser: true,
    })
    await org.admin('PUT', '/user-limits', {
      enabled: true,
      default: 10,
      recipients: 'all',
      explanation: { text: `Text ${MARKUP}`, contact: `Ask ${MARKUP}`, hideAmounts: false },
    })
    await org.admin('PUT', '/user-limits/custom/bob', { limit: 10 })
    await org.spend('bob', 20)

    const visitor = await openPage(browser, stage)
    const { page } = visitor
    await signIn(visitor, org.adminKey)
    const shown: readonly [path: string, heading: string, what: string][] = [
      ['/limits', 'Limits & Alerts', `Bob ${MARKUP}`],
      ['/usage', 'Usage', `Bob ${MARKUP}`],
      ['/members', 'Members', `Bob ${MARKUP}`],
      ['/keys', 'Keys', `Key ${MARKUP}`],
      ['/channels', 'Channels', `Hook ${MARKUP}`],
      ['/audit', 'Audit log', `Why ${MARKUP}`],
    ]
    for (const [path, heading, what] of shown) {
      await visitor.visit(path, heading)
      await page.getByText(what).first().waitFor()
      t.equal(await page.locator('img, b').count(), 0, `${heading}: no element was made of it`)
      t.notMatch(await page.title(), 'owned', heading)
    }
    await visitor.visit('/limits', 'Limits & Alerts')
    t.equal(await page.getByLabel('Your own explanation').inputValue(), `Text ${MARKUP}`)
    t.equal(await page.getByLabel('Whom to ask').inputValue(), `Ask ${MARKUP}`)
    await visitor.close()

    const member = await openPage(browser, stage)
    await signIn(member, org.memberKey, 'Your usage')
    await member.page.getByText(`Bob ${MARKUP}`).first().waitFor()
    t.equal(await member.page.locator('img, b').count(), 0, 'Your usage')
    await member.close()

    await until(() => stage.mails.mails.length >= 5, { what: 'mails to two admins and bob' })
    for (const { parsed } of stage.mails.mails) {
      const { subject = 'a mail' } = parsed
      const html = typeof parsed.html === 'string' ? parsed.html : ''
      t.notMatch(html, /<img|<b>bold/, subject)
      if (html.includes('Bob')) t.match(html, /&(?:lt|#60);img/, subject)
    }
    t.same([...visitor.complaints, ...member.complaints], [], 'and the policy had nothing to refuse')
  },
)

void t.test(
  'A2: a save that lost a race shows what the other admin changed, and lets one choose',
  async (t) => {
    const org = await createStagedOrg(stage)
    const visitor = await openPage(browser, stage)
    const { page } = visitor
    await signIn(visitor, org.adminKey)
    const limits = panel(visitor, 'Per-user credit limits')
    const conflict = page.getByRole('dialog', { name: 'Somebody else was faster' })

    await limits.getByLabel('Whom to ask').fill('help@example.com')
    const others = { enabled: true, default: 3_000, recipients: 'all' }
    await org.admin('PUT', '/user-limits', others)
    await limits.getByRole('button', { name: 'Save' }).click()
    await conflict.waitFor()
    await conflict.getByRole('radiogroup', { name: 'Default limit' }).getByText('3,000 credits').waitFor()
    t.match(await org.admin('GET', '/user-limits'), others, 'nothing is saved yet')
    await conflict.getByRole('button', { name: 'Save these' }).click()
    await conflict.waitFor({ state: 'detached' })
    await page.getByText('They hold for the next call.').first().waitFor()
    t.match(
      await org.admin('GET', '/user-limits'),
      { ...others, explanation: { contact: 'help@example.com' } },
      'what only one of them changed is kept of both',
    )

    await limits.getByLabel('Default limit').fill('4000')
    await org.admin('PUT', '/user-limits', { ...others, default: 5_000 })
    await limits.getByRole('button', { name: 'Save' }).click()
    const choice = conflict.getByRole('radiogroup', { name: 'Default limit' })
    t.ok(await choice.getByLabel('4,000 credits').isChecked(), 'what both changed begins with mine')
    await choice.getByLabel('5,000 credits').check()
    const isSettings = (url: URL): boolean => url.pathname.endsWith('/user-limits')
    await page.route(isSettings, (route) =>
      route.request().method() === 'GET' ? undefined : route.continue(),
    )
    await conflict.getByRole('button', { name: 'Save these' }).click()
    await conflict.waitFor({ state: 'detached' })
    t.match(await org.admin('GET', '/user-limits'), { default: 5_000 })
    const limit = limits.getByLabel('Default limit')
    await until(async () => (await limit.inputValue()) === '5,000', {
      what: 'the form shows what was chosen, although no read of the settings is answered any more',
    })
    t.same(visitor.complaints, [])
    await visitor.close()
  },
)

void t.test('what the API refuses is told beside the field that caused it', async (t) => {
  const org = await createStagedOrg(stage)
  const visitor = await openPage(browser, stage)
  const { page } = visitor
  await signIn(visitor, org.adminKey)
  await visitor.visit('/members', 'Members')
  await page.getByRole('button', { name: 'Add member' }).click()
  const add = page.getByRole('dialog', { name: 'Add member' })
  await add.getByLabel('User id').fill('eve')
  await add.getByLabel('Email').fill('not an address')
  await add.getByRole('button', { name: 'Add', exact: true }).click()
  const described = add.getByRole('textbox', { name: 'Email', description: /Must be an email address/ })
  await described.waitFor()
  t.equal(await described.getAttribute('aria-invalid'), 'true')
  await add.getByLabel('Email').fill('eve@example.com')
  await add.getByRole('button', { name: 'Add', exact: true }).click()
  await page.getByRole('row', { name: /eve@example.com/ }).waitFor()
  await visitor.close()
})

void t.test('a new key is shown once, can be copied, and works', async (t) => {
  const org = await createStagedOrg(stage)
  const visitor = await openPage(browser, stage)
  const { page } = visitor
  await signIn(visitor, org.adminKey)
  await visitor.visit('/keys', 'Keys')
  await page.getByRole('button', { name: 'New key' }).click()
  const add = page.getByRole('dialog', { name: 'New key' })
  await add.getByLabel('Name').fill('Build server')
  await add.getByRole('textbox', { name: 'User' }).fill('ada')
  await page.getByRole('option', { name: /Ada Lovelace/ }).click()
  await add.getByRole('button', { name: 'Make key' }).click()
  const secret = page.getByRole('group', { name: 'Key' }).locator('code')
  const key = (await secret.textContent()) ?? ''
  t.match(key, /^tg_/)
  await page.getByRole('button', { name: 'Copy the key' }).waitFor()
  await page.getByRole('button', { name: 'I have copied it' }).click()
  await page.getByRole('row', { name: /Build server/ }).waitFor()
  await page.reload()
  await page.getByRole('row', { name: /Build server/ }).waitFor()
  t.equal(await page.getByText(key).count(), 0)
  const me = await fetch(`${stage.gateway.dataUrl}/tollgate/v1/me`, {
    headers: { authorization: `Bearer ${key}` },
  })
  t.match(await me.json(), { user: 'ada' })
  t.same(visitor.complaints, [])
  await visitor.close()
})

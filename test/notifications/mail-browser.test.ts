/** Mails as people see them: rendered, light and dark, wide and narrow. With TOLLGATE_SCREENSHOTS=folder, pictures are kept. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import t from 'tap'
import { mailText } from '../../src/notifications/messages/email.ts'
import { sampleNotice } from '../../src/notifications/messages/sample.ts'
import { typed } from '../../src/notifications/messages/words.ts'
import { startChromium } from '../support/chromium.ts'
import { CROSSINGS, HOSTILE, noticeOf } from '../support/notices.ts'

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8')
const pictures = process.env['TOLLGATE_SCREENSHOTS']
const browser = await startChromium()

const sample = sampleNotice(
  { id: 'acme', name: 'Acme Research', timezone: 'Europe/Berlin', period: noticeOf('share').crossing.period },
  { id: 'test_1', at: '2026-11-12T13:03:07Z', pageUrl: 'https://tollgate.example.com' },
)
const long = 'Donaudampfschifffahrtsgesellschaftskapitänswitwenrente und noch viel mehr davon hinterher'
const MAILS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(Object.keys(CROSSINGS).map((kind) => [kind, mailText(noticeOf(kind), 'boss').html])),
  'own-alert': mailText(noticeOf('user'), 'ada').html,
  'own-limit': mailText(noticeOf('limit'), 'ada').html,
  'no-link': mailText(noticeOf('share', { pageUrl: null }), 'boss').html,
  'long-names': mailText(noticeOf('limit', { orgName: long, userName: long }), 'boss').html,
  test: mailText(sample, 'boss').html,
}

interface Violation {
  readonly id: string
  readonly help: string
}

for (const colorScheme of ['light', 'dark'] as const) {
  for (const width of [600, 390]) {
    void t.test(`mails are readable: ${colorScheme}, ${width} px`, async (t) => {
      const page = await browser.newPage({ viewport: { width, height: 700 }, colorScheme })
      const asked: string[] = []
      page.on('request', (request) => asked.push(request.url()))
      for (const [name, html] of Object.entries(MAILS)) {
        await page.setContent(html)
        const room = await page.evaluate('document.documentElement.scrollWidth - window.innerWidth')
        t.ok(Number(room) <= 0, `${name}: nothing stands out to the side`)
        if (pictures !== undefined)
          await page.screenshot({
            path: join(pictures, `${name}-${colorScheme}-${width}.png`),
            fullPage: true,
          })
        await page.evaluate(axe)
        // A mail is no page: what asks for landmarks is about the program that shows it.
        const rules = "{ rules: { region: { enabled: false }, 'landmark-one-main': { enabled: false } } }"
        const violations = await page.evaluate<readonly Violation[]>(
          `axe.run(document, ${rules}).then((found) => found.violations.map(({ id, help }) => ({ id, help })))`,
        )
        t.same(violations, [], `${name}: axe-core finds nothing`)
      }
      t.same(asked, [], 'nothing is loaded from anywhere')
      await page.close()
    })
  }
}

void t.test('N3: names with markup are shown as text, and nothing of them runs', async (t) => {
  const page = await browser.newPage()
  const dialogs: string[] = []
  page.on('dialog', (dialog) => {
    dialogs.push(dialog.message())
    void dialog.dismiss()
  })
  for (const [index, text] of HOSTILE.entries()) {
    await page.setContent(mailText(noticeOf('limit', { orgName: text, userName: text }), 'boss').html)
    const shown = await page.locator('th + td').first().innerText()
    t.equal(shown.replace(/\s+/g, ' ').trim(), typed(text).replace(/\s+/g, ' ').trim(), `name ${index}`)
    t.equal(await page.locator('script, img, [onerror], [onmouseover]').count(), 0)
  }
  t.same(dialogs, [])
  await page.close()
})

void t.test('the usage bar needs no image: its cells are as wide as what is used', async (t) => {
  const page = await browser.newPage({ viewport: { width: 600, height: 700 } })
  await page.setContent(MAILS['share'] ?? '')
  t.equal(await page.locator('img').count(), 0)
  const widthOf = async (name: string): Promise<number> => {
    const box = await page.locator(`td.${name}`).boundingBox()
    return box?.width ?? 0
  }
  const [used, rest] = [await widthOf('warning'), await widthOf('rest')]
  t.ok(Math.abs(used / (used + rest) - 0.751) < 0.01, `${used} of ${used + rest}`)
  await page.close()
})

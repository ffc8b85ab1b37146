/**
 * Takes screenshots of every view in three widths, light and dark, with an organization that has data. They go into a
 * folder whose name is printed; those that the README shows are also written to docs/images. `npm run screenshots`,
 * after a build.
 */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { Page } from 'playwright-core'
import type { Crossing } from '../src/core/crossing.ts'
import { launchChromium } from '../test/support/browser.ts'
import {
  createStagedOrg,
  logCrossing,
  spreadOverDays,
  startStage,
  type Stage,
  type StagedOrg,
} from '../test/web/stage.ts'

const WIDTHS = [1440, 768, 390]
const SCHEMES = ['light', 'dark'] as const
const README = ['limits-1440-light.png', 'usage-1440-dark.png', 'limits-390-light.png']
const TIMEZONE = 'Europe/Berlin'
const DAYS = 22

type Step = (page: Page) => Promise<unknown>

/** Views by the name of their picture, and what to open in them. */
const VIEWS: readonly { readonly name: string; readonly path: string; readonly open?: Step }[] = [
  { name: 'limits', path: '/limits' },
  {
    name: 'alert-add',
    path: '/limits',
    open: (page) => page.getByRole('button', { name: 'Add alert' }).click(),
  },
  {
    name: 'custom-add',
    path: '/limits',
    open: (page) => page.getByRole('button', { name: 'Add custom limit' }).click(),
  },
  { name: 'usage', path: '/usage' },
  { name: 'notifications', path: '/notifications' },
  {
    name: 'deliveries',
    path: '/notifications',
    open: async (page) => {
      await page.getByRole('button', { name: /1,240 sent/ }).click()
      const list = page.getByRole('group', { name: /^Deliveries/ })
      await list.getByRole('textbox', { name: /^State of deliveries/ }).click()
      await page.getByRole('option', { name: /^Given up/ }).click()
      await page
        .getByRole('button', { name: /2 sent/ })
        .first()
        .click()
    },
  },
  { name: 'channels', path: '/channels' },
  { name: 'members', path: '/members' },
  { name: 'keys', path: '/keys' },
  { name: 'key-add', path: '/keys', open: (page) => page.getByRole('button', { name: 'New key' }).click() },
  { name: 'audit', path: '/audit' },
  { name: 'start', path: '/start' },
]

async function furnish(stage: Stage): Promise<StagedOrg> {
  const org = await createStagedOrg(stage, { id: 'acme', name: 'Acme', timezone: TIMEZONE })
  const more = ['Mary Jackson', 'Alan Turing', 'Radia Perlman', 'Ken Thompson', 'Barbara Liskov', 'Vint Cerf']
  for (const name of more) {
    const user = name.split(' ')[0]?.toLowerCase() ?? ''
    await org.admin('PUT', `/members/${user}`, { name, email: `${user}@example.com`, role: 'member' })
  }
  await org.admin('POST', '/keys', {
    name: 'Support bot',
    app: true,
    sources: ['agent_deployment', 'workflow'],
  })
  for (const [type, threshold, recipients] of [
    ['percentage', 50, 'all'],
    ['percentage', 75, ['grace', 'ada']],
    ['absolute', 9_000, 'all'],
  ] as const) {
    await org.admin('POST', '/alerts', { type, threshold, recipients })
  }
  await org.admin('PUT', '/user-alerts', {
    enabled: true,
    threshold: 1_500,
    recipients: 'all',
    notifyUser: true,
  })
  await org.admin('PUT', '/user-limits', {
    enabled: true,
    default: 2_000,
    recipients: 'all',
    exclude: { agent_deployment: true },
  })
  await org.admin('PUT', '/user-limits/custom/grace', { limit: 6_000 })
  await org.admin('PUT', '/user-limits/custom/mary', { limit: null })
  await org.admin('POST', '/channels', {
    kind: 'webhook',
    name: 'Operations',
    url: 'https://hooks.example.com/tollgate',
  })
  for (const [user, credits] of [
    ['grace', 3_412.5],
    ['ada', 1_240.25],
    ['bob', 2_000],
    ['bob', 10],
  ] as const) {
    await org.spend(user, credits)
  }
  for (const [user, credits, source] of [
    ['alan', 214.75, 'workflow'],
    ['radia', 131.4, 'agent_deployment'],
    ['ken', 88.2, 'chat'],
  ] as const) {
    await org.admin('POST', '/adjustments', { user, credits, source, reason: 'Carried over from the pilot' })
  }
  await logCrossing(stage, aCrossing(org.id), { sent: 1_240, parked: 3, queued: 12 })
  await spreadOverDays(stage, org.id, TIMEZONE, DAYS)
  return org
}

/** A crossing with thousands of recipients. */
function aCrossing(org: string): Crossing {
  return {
    id: 'cx_crowd',
    type: 'org.alert.crossed',
    org,
    alert: 'al_crowd',
    thresholdType: 'percentage',
    threshold: 90,
    mark: 9_000,
    version: 1,
    used: 9_004.5,
    allowance: 10_000,
    period: { start: '2026-11-01T00:00:00Z', end: '2026-12-01T00:00:00Z' },
    occurredAt: new Date().toISOString(),
  }
}

const folder = mkdtempSync(join(tmpdir(), 'tollgate-screenshots-'))
const images = fileURLToPath(new URL('../docs/images', import.meta.url))
mkdirSync(images, { recursive: true })
const stage = await startStage()
const browser = await launchChromium()
try {
  const org = await furnish(stage)
  const only = process.argv.slice(2)
  for (const colorScheme of SCHEMES) {
    for (const width of WIDTHS) {
      const page = await browser.newPage({
        colorScheme,
        viewport: { width, height: 900 },
        reducedMotion: 'reduce',
      })
      const shoot = async (name: string, fullPage = true): Promise<void> => {
        await page.waitForLoadState('networkidle')
        const file = `${name}-${width}-${colorScheme}.png`
        await page.screenshot({ path: join(folder, file), fullPage })
        // The README needs only the first screen, as a small file.
        if (README.includes(file)) await page.screenshot({ path: join(images, file) })
      }
      await page.goto(stage.gateway.adminUrl)
      await shoot('sign-in')
      await page.getByLabel('Key', { exact: true }).fill(org.adminKey)
      await page.getByRole('button', { name: 'Sign in' }).click()
      await page.getByRole('heading', { level: 1, name: 'Limits & Alerts' }).waitFor()
      for (const { name, path, open } of VIEWS.filter(
        (view) => only.length === 0 || only.includes(view.name),
      )) {
        await page.goto(stage.gateway.adminUrl + path)
        await page.waitForLoadState('networkidle')
        await open?.(page)
        await shoot(name, open === undefined)
      }
      if (only.length === 0 || only.includes('me')) {
        await page.context().clearCookies()
        await page.goto(stage.gateway.adminUrl)
        await page.getByLabel('Key', { exact: true }).fill(org.memberKey)
        await page.getByRole('button', { name: 'Sign in' }).click()
        await page.getByRole('heading', { level: 1, name: 'Your usage' }).waitFor()
        await shoot('me')
      }
      await page.close()
    }
  }
  process.stdout.write(`${folder}\n`)
} finally {
  await browser.close()
  await stage.stop()
}

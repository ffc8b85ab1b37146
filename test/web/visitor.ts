/** Somebody at the page, in a browser of the tests. */
import type { Browser, Locator, Page } from 'playwright-core'
import { useMovedClock } from '../support/browser.ts'
import type { Stage } from './stage.ts'

export interface Visitor {
  readonly page: Page
  /** What the browser had to complain about: refused by the policy, thrown, or asked by a dialog of its own. */
  readonly complaints: string[]
  /** Opens a view by its address and waits for its heading. */
  visit(path: string, heading: string): Promise<void>
  close(): Promise<void>
}

export interface VisitOptions {
  readonly colorScheme?: 'light' | 'dark'
  readonly width?: number
  /** For tools that a test brings into the page. */
  readonly bypassCSP?: boolean
}

export async function openPage(browser: Browser, stage: Stage, options: VisitOptions = {}): Promise<Visitor> {
  const context = await browser.newContext({
    baseURL: stage.gateway.adminUrl,
    colorScheme: options.colorScheme ?? 'light',
    viewport: { width: options.width ?? 1280, height: 900 },
    reducedMotion: 'reduce',
    bypassCSP: options.bypassCSP ?? false,
  })
  await useMovedClock(context)
  const page = await context.newPage()
  page.setDefaultTimeout(60_000)
  const complaints: string[] = []
  page.on('pageerror', (error) => complaints.push(error.message))
  page.on('dialog', (dialog) => {
    complaints.push(`a dialog: ${dialog.message()}`)
    void dialog.dismiss()
  })
  page.on('console', (message) => {
    // Answers such as 401 and 412 are part of the story.
    if (message.type() === 'error' && !message.text().startsWith('Failed to load resource')) {
      complaints.push(message.text())
    }
  })
  return {
    page,
    complaints,
    async visit(path, heading) {
      await page.goto(path)
      await page.getByRole('heading', { level: 1, name: heading }).waitFor()
    },
    close: () => context.close(),
  }
}

export async function signIn({ page }: Visitor, key: string, heading = 'Limits & Alerts'): Promise<void> {
  await page.goto('/')
  await page.getByLabel('Key', { exact: true }).fill(key)
  await page.getByRole('button', { name: 'Sign in' }).click()
  await page.getByRole('heading', { level: 1, name: heading }).waitFor()
}

/** A panel of a view, by its heading. */
export function panel({ page }: Visitor, name: string): Locator {
  return page.getByRole('region', { name })
}

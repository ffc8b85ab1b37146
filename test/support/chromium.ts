/** A headless browser for tests of the page. */
import t from 'tap'
import type { Browser } from 'playwright-core'
import { launchChromium } from './browser.ts'

/** Starts Chromium and closes it when the test file ends. */
export async function startChromium(): Promise<Browser> {
  const browser = await launchChromium()
  t.teardown(() => browser.close())
  return browser
}

/** A browser without a window, for what people see. */
import t from 'tap'
import type { Browser } from 'playwright-core'
import { launchChromium } from './browser.ts'

/** Starts Debian's own, or what stands in its place; it is closed when the test file ends. */
export async function startChromium(): Promise<Browser> {
  const browser = await launchChromium()
  t.teardown(() => browser.close())
  return browser
}

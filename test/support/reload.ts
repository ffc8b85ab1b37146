/** A gateway's configuration is changed while it runs. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import type { TestGateway } from './gateway.ts'
import { until } from './until.ts'

export type Settings = Record<string, unknown>

/** What the log says to a changed configuration. */
export const RELOADED = 'the configuration was reloaded'
export const REFUSED = 'a changed configuration was refused'

/** Lines of the log that have these words. */
export const logged = (gateway: TestGateway, words: string): string[] =>
  gateway.log.filter((line) => line.includes(words))

/** Changes the file as an editor does, in one step, and asks for it to be read. */
export function change(gateway: TestGateway, edit: (settings: Settings) => void, signal = true): void {
  const settings = parse(readFileSync(gateway.configFile, 'utf8')) as Settings
  edit(settings)
  const next = `${gateway.configFile}.next`
  writeFileSync(next, stringify(settings))
  renameSync(next, gateway.configFile)
  if (signal) gateway.process.kill('SIGHUP')
}

/** Changes it, and waits for what the log says to that, which is answered. */
export async function changed(
  gateway: TestGateway,
  edit: (settings: Settings) => void,
  outcome = RELOADED,
): Promise<string> {
  const before = logged(gateway, outcome).length
  change(gateway, edit)
  await until(() => logged(gateway, outcome).length > before, { what: outcome })
  return logged(gateway, outcome).at(-1) ?? ''
}

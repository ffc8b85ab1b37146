/** Changes a gateway's configuration while it runs. */
import { readFileSync, renameSync, writeFileSync } from 'node:fs'
import { parse, stringify } from 'yaml'
import type { TestGateway } from './gateway.ts'
import { until } from './until.ts'

export type Settings = Record<string, unknown>

/** The log message after a changed configuration was applied. */
export const RELOADED = 'the configuration was reloaded'
export const REFUSED = 'a changed configuration was refused'

/** Lines of the log that contain these words. */
export const logged = (gateway: TestGateway, words: string): string[] =>
  gateway.log.filter((line) => line.includes(words))

/** Replaces the file in one step, as an editor does, and makes the gateway read it. */
export function change(gateway: TestGateway, edit: (settings: Settings) => void, signal = true): void {
  const settings = parse(readFileSync(gateway.configFile, 'utf8')) as Settings
  edit(settings)
  const next = `${gateway.configFile}.next`
  writeFileSync(next, stringify(settings))
  renameSync(next, gateway.configFile)
  if (signal) gateway.process.kill('SIGHUP')
}

/** Changes the configuration, waits for the resulting log message, and returns it. */
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

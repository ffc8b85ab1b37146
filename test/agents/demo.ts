/** `npm start` with the real agents: each command that its text has for them works as pasted. */
import { mkdirSync, mkdtempSync } from 'node:fs'
import { join } from 'node:path'
import { startGateway } from '../../src/gateway/gateway.ts'
import { startDemo } from '../../src/demo/demo.ts'
import { freePort } from '../support/ports.ts'
import { removeFolder } from '../support/folder.ts'
import type { Check } from './checks.ts'
import { runProgram } from './program.ts'

const COMMAND = /^[A-Z_]+=\S+ (?:.*\n {2})*.*?\b(claude|codex|gemini) .*(?:\n {2}.*)*/gm

/** `programs` is the folder of the agents' commands, `folder` one for what they write. */
export async function demoChecks(
  wanted: readonly string[],
  programs: string,
  folder: string,
): Promise<Check[]> {
  const base = mkdtempSync(join(folder, 'demo-'))
  const demo = await startDemo({
    dataDir: join(base, 'data'),
    openaiApiKey: null,
    startGateway,
    ports: { data: await freePort(), admin: await freePort() },
  })
  const text = demo.text(false)
  const key = /ada's key +(tg_\w+)/.exec(text)?.[1] ?? ''
  const dataUrl = /data plane +(\S+)/.exec(text)?.[1] ?? ''
  const used = async (): Promise<number> => {
    const answer = await fetch(`${dataUrl}/tollgate/v1/me`, { headers: { authorization: `Bearer ${key}` } })
    return ((await answer.json()) as { used: number }).used
  }
  const checks: Check[] = []
  for (const [command, program = ''] of text.matchAll(COMMAND)) {
    if (!wanted.includes(program)) continue
    const home = join(base, program)
    mkdirSync(home)
    const before = await used()
    const PATH = `${programs}:${process.env['PATH'] ?? ''}`
    const { output, errors, exit } = await runProgram('bash', ['-c', command], home, { PATH, HOME: home })
    const charge = (await used()) - before
    const isGood = exit === '0' && output.includes('Hello from the simulated provider') && charge > 0
    const seen = isGood
      ? `${charge.toFixed(6)} credits`
      : `exit ${exit}: ${`${output}\n${errors}`.trim().slice(-800)}`
    checks.push({ what: `${program}, as the text of npm start says it`, isGood, seen })
  }
  await demo.stop()
  removeFolder(base)
  return checks
}

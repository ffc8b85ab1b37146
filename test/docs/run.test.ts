/**
 * The shell and JavaScript blocks of the documentation, run as they stand against a gateway in front of simulated
 * providers: those of a page in their order, shell blocks in one shell, so that a page can tell a story.
 */
import { execFile } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t, { type Test } from 'tap'
import { OPERATOR_TOKEN } from '../support/gateway.ts'
import { startProviders } from '../support/providers.ts'
import { fencesOf, nameOf, pages, ROOT, type Fence } from './fences.ts'

const { gateway, mock, stop } = await startProviders()
t.teardown(stop)
mock.onMessage(/./, { content: 'Hello!', usage: { input_tokens: 10, output_tokens: 3 } })

const TIMEOUT_MS = 100_000
/** Begins what one block prints. */
const SIGN = '@@ block '

const isRun = ({ marker }: Fence): boolean => marker === null || marker.kind === 'shows'
const here = (code: string): string =>
  code
    .replaceAll('http://127.0.0.1:8080', gateway.dataUrl)
    .replaceAll('http://127.0.0.1:8081', gateway.adminUrl)

async function key(draft: object): Promise<string> {
  return ((await gateway.admin('POST', '/v1/orgs/acme/keys', draft)) as { key: string }).key
}

/** What blocks take for granted; `isMade` where the page makes the organization itself. */
async function environment(isMade: boolean): Promise<NodeJS.ProcessEnv> {
  await gateway.admin('DELETE', '/v1/orgs/acme').catch(() => undefined)
  const base = { PATH: process.env['PATH'], HOME: process.env['HOME'] }
  const common = { ...base, TOLLGATE_ADMIN_URL: gateway.adminUrl, TOLLGATE_OPERATOR_TOKEN: OPERATOR_TOKEN }
  if (isMade) return common
  await gateway.admin('POST', '/v1/orgs', { id: 'acme', name: 'Acme', allowance: 10_000 })
  await gateway.admin('PUT', '/v1/orgs/acme/members/ada', { name: 'Ada', role: 'member' })
  return {
    ...common,
    TOLLGATE_KEY: await key({ name: 'laptop', user: 'ada' }),
    TOLLGATE_APP_KEY: await key({ name: 'assistant', app: true }),
  }
}

/** In these blocks a refusal of the API is an error, unless the block shows one. */
function shell(blocks: readonly Fence[]): string {
  const lines = [
    'set -euo pipefail',
    `tollgate() { node '${join(ROOT, 'dist/main.js')}' "$@"; }`,
    ...blocks.flatMap(({ code, marker }, at) => [
      `printf '\\n${SIGN}${at}\\n'`,
      marker === null ? 'curl() { command curl --fail-with-body "$@"; }' : 'curl() { command curl "$@"; }',
      here(code),
    ]),
  ]
  return lines.join('\n')
}

async function runShell(t: Test, blocks: readonly Fence[], env: NodeJS.ProcessEnv): Promise<void> {
  const options = { env, cwd: t.testdir({}), timeout: TIMEOUT_MS }
  const { code, out, err } = await promisify(execFile)('bash', ['-c', shell(blocks)], options).then(
    ({ stdout }) => ({ code: 0, out: stdout, err: '' }),
    (error: unknown) => {
      const { stdout, stderr } = error as { stdout: string; stderr: string }
      return { code: 1, out: stdout, err: stderr }
    },
  )
  const outputs = out.split(new RegExp(`^${SIGN}\\d+\n`, 'm')).slice(1)
  const last = blocks[outputs.length - 1]
  t.equal(code, 0, code === 0 ? 'all blocks' : `${last ? nameOf(last) : ''}\n${outputs.at(-1) ?? ''}\n${err}`)
  blocks.forEach((block, at) => {
    if (block.marker !== null) t.match(outputs[at], block.marker.text, nameOf(block))
  })
}

async function runModule(t: Test, fence: Fence, env: NodeJS.ProcessEnv): Promise<void> {
  // Below the repository, so that packages are found as a program's own.
  const file = join(t.testdirName, `line-${fence.line}.mjs`)
  writeFileSync(file, here(fence.code))
  const running = promisify(execFile)(process.execPath, [file], { env, timeout: TIMEOUT_MS })
  await t.resolves(running, nameOf(fence))
}

for (const page of pages()) {
  const blocks = fencesOf(page).filter(isRun)
  const scripts = blocks.filter(({ language }) => language === 'sh')
  const modules = blocks.filter(({ language }) => language === 'js')
  if (scripts.length + modules.length === 0) continue
  void t.test(`${page}: ${scripts.length} shell blocks, ${modules.length} of JavaScript`, async (t) => {
    const env = await environment(scripts.some(({ code }) => code.includes('orgs create acme')))
    await runShell(t, scripts, env)
    await Promise.all(modules.map((fence) => runModule(t, fence, env)))
  })
}

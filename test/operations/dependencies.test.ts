/** `npm run audit:deps` on a registry of the test's own: what it finds, and that it claims nothing where it could not ask. */
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'

const SCRIPT = new URL('../../scripts/audit-deps.mjs', import.meta.url)
const ROOT = new URL('../..', import.meta.url).pathname

interface Audits {
  readonly isPermissive: (expression: unknown) => boolean
  readonly shippedPackages: () => readonly { readonly name: string; readonly license?: string }[]
}
const { isPermissive, shippedPackages } = (await import(SCRIPT.href)) as Audits

/** Runs it with a registry that answers every question for advisories like this; answers the exit code and what it said. */
async function audit(status: number, advisories: unknown): Promise<{ code: number; said: string }> {
  const registry: Server = createServer((request, response) => {
    request.resume()
    // Which versions there are is asked for one package after the other.
    const name = decodeURIComponent((request.url ?? '').slice(1))
    const versions = { '0.0.1': { name, version: '0.0.1' } }
    const [code, body] =
      request.method === 'GET'
        ? [200, { name, versions, 'dist-tags': { latest: '0.0.1' } }]
        : [status, advisories]
    response.writeHead(code, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  })
  registry.listen(0, '127.0.0.1')
  await once(registry, 'listening')
  const { port } = registry.address() as AddressInfo
  const env = { ...process.env, npm_config_registry: `http://127.0.0.1:${port}/` }
  const answer = await new Promise<{ code: number; said: string }>((resolve) => {
    execFile(process.execPath, [SCRIPT.pathname], { cwd: ROOT, env }, (error, stdout, stderr) =>
      resolve({ code: error === null ? 0 : Number(error.code), said: stdout + stderr }),
    )
  })
  registry.closeAllConnections()
  registry.close()
  return answer
}

void t.test(
  'nothing that is shipped has a licence that binds those who ship it; the page’s packages count',
  (t) => {
    const shipped = shippedPackages()
    t.same(
      shipped.filter(({ license }) => !isPermissive(license)),
      [],
    )
    const names = shipped.map(({ name }) => name)
    for (const name of ['fastify', 'undici', 'bullmq', 'react-dom', '@mantine/core', 'msgpackr'])
      t.ok(names.includes(name), name)
    t.notOk(names.includes('typescript') || names.includes('tap'), 'what only builds and tests does not')
    t.end()
  },
)

for (const [expression, isGood] of [
  ['MIT', true],
  ['(MIT OR GPL-3.0-only)', true],
  ['MIT AND BSD-3-Clause', true],
  ['MIT AND LGPL-2.1', false],
  ['GPL-3.0-only', false],
  ['AGPL-3.0', false],
  ['MPL-2.0', false],
  ['SEE LICENSE IN LICENSE.txt', false],
  ['UNLICENSED', false],
  [undefined, false],
] as const) {
  void t.test(`a licence ${String(expression)} is ${isGood ? 'accepted' : 'refused'}`, (t) => {
    t.equal(isPermissive(expression), isGood)
    t.end()
  })
}

void t.test('no advisories: it says so, and exits with 0', async (t) => {
  const { code, said } = await audit(200, {})
  t.equal(code, 0, said)
  t.match(said, /^0 of the packages that run in production have known vulnerabilities\.$/m)
})

void t.test('an advisory on what runs in production: it is named, and the exit code is 1', async (t) => {
  const advisory = {
    id: 1,
    url: 'https://example.com/1',
    title: 'a hole',
    severity: 'low',
    vulnerable_versions: '<999',
  }
  const { code, said } = await audit(200, { fastify: [advisory] })
  t.equal(code, 1, said)
  t.match(said, /^fastify .*: low$/m)
})

void t.test(
  'a registry that has no advisories to ask for: it claims nothing, and exits with 3',
  async (t) => {
    const { code, said } = await audit(405, {})
    t.equal(code, 3, said)
    t.match(said, /could not be asked for advisories, so nothing is known/)
    t.notMatch(said, /have known vulnerabilities/)
  },
)

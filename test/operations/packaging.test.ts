/** What is shipped: the package as npm installs it, and files for engines that this machine does not have. */
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { isBuiltin } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { createInterface } from 'node:readline'
import { promisify } from 'node:util'
import t from 'tap'
import { parseAllDocuments } from 'yaml'
import { loadConfig } from '../../src/config.ts'
import { version } from '../../src/package.ts'
import { startRedis } from '../support/redis.ts'
import { removeFolder } from '../support/folder.ts'

const run = promisify(execFile)
const ROOT = new URL('../../', import.meta.url).pathname
const read = (path: string): string => readFileSync(join(ROOT, path), 'utf8')

function folder(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tg-packaging-'))
  t.teardown(() => removeFolder(dir))
  return dir
}

function documents(path: string): unknown[] {
  return parseAllDocuments(read(path)).map((document) => {
    if (document.errors.length > 0) throw new Error(`${path}: ${String(document.errors[0])}`)
    return document.toJS() as unknown
  })
}

void t.test('npm pack: what runs is in it, and no test', async (t) => {
  const { stdout } = await run('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: ROOT,
    maxBuffer: 16 * 1024 * 1024,
  })
  const [packed] = JSON.parse(stdout) as [{ files: { path: string }[] }]
  const paths = packed.files.map(({ path }) => path)
  for (const needed of [
    'dist/main.js',
    'dist/licenses.md',
    'lua/reserve.lua',
    'lua/include/outbox.lua',
    'config/example.yaml',
    'config/schema.json',
    'config/grafana/tollgate.json',
    'config/prometheus/tollgate.rules.yml',
    'README.md',
    'LICENSE',
    'CHANGELOG.md',
  ])
    t.ok(paths.includes(needed), needed)
  t.ok(
    paths.some((path) => /^dist\/.*\.html$/.test(path)),
    'the page',
  )
  t.same(
    paths.filter((path) => /^(?:test|bench|src|scripts|node_modules|data)\/|\.test\.|\.ts$/.test(path)),
    [],
    'nothing else',
  )
})

void t.test('installed globally: tollgate is on PATH, checks a configuration, and serves', async (t) => {
  const dir = folder()
  const { stdout: name } = await run(
    'npm',
    ['pack', '--silent', '--ignore-scripts', '--pack-destination', dir],
    {
      cwd: ROOT,
    },
  )
  const prefix = join(dir, 'prefix')
  mkdirSync(prefix)
  const quiet = ['--prefer-offline', '--no-audit', '--no-fund', '--silent']
  await run('npm', ['install', '--global', '--prefix', prefix, ...quiet, join(dir, name.trim())], {
    cwd: dir,
  })
  const env = { ...process.env, PATH: `${join(prefix, 'bin')}:${process.env['PATH'] ?? ''}` }
  const tollgate = (...args: readonly string[]): Promise<{ stdout: string }> =>
    run('tollgate', args, { env, cwd: dir })
  t.equal((await tollgate('--version')).stdout, `${version()}\n`)

  const redis = await startRedis()
  t.teardown(() => redis.stop())
  writeFileSync(
    join(dir, 'tollgate.yaml'),
    `
redis: { url: "${redis.url}" }
listen: { port: 0 }
admin: { port: 0 }
upstreams: { openai: { family: openai, prefix: /openai, url: "http://127.0.0.1:9" } }
shutdownGraceSeconds: 0
`,
  )
  t.match((await tollgate('check-config', 'tollgate.yaml')).stdout, 'ok')
  const child = spawn('tollgate', ['serve', '--config', 'tollgate.yaml'], {
    env,
    cwd: dir,
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  t.teardown(() => child.kill('SIGKILL'))
  let adminUrl = ''
  for await (const line of createInterface(child.stdout)) {
    const entry = JSON.parse(line) as { msg: string; adminUrl?: string }
    if (entry.msg !== 'tollgate is ready') continue
    adminUrl = entry.adminUrl ?? ''
    break
  }
  child.stdout.resume()
  t.equal((await fetch(`${adminUrl}/readyz`)).status, 200)
  t.match(await (await fetch(`${adminUrl}/metrics`)).text(), `tollgate_build_info{version="${version()}"} 1`)
  t.match(await (await fetch(adminUrl)).text(), /<html/i, 'the page')
  const exited = once(child, 'exit')
  child.kill('SIGTERM')
  t.strictSame(await exited, [0, null])
})

/** The bundled files of the gateway. */
const BUNDLED = readdirSync(join(ROOT, 'dist')).filter((name) => name.endsWith('.js'))

void t.test('the gateway is bundled: it loads nothing but its own files and modules of Node', (t) => {
  const LOADED = /^(?:import|export)\b[^'"]*["']([^'"]+)["'];?$|\b(?:import|__require)\(["']([^'"]+)["']\)/gm
  for (const file of BUNDLED) {
    const loaded = Array.from(
      read(`dist/${file}`).matchAll(LOADED),
      ([, named, called]) => named ?? called ?? '',
    )
    for (const name of new Set(loaded))
      t.ok(
        name.startsWith('./') ? BUNDLED.includes(name.slice(2)) : name.startsWith('node:') || isBuiltin(name),
        `${file}: ${name}`,
      )
  }
  t.end()
})

void t.test('the licence of every bundled package is shipped with it', (t) => {
  const licenses = read('dist/licenses.md')
  const sources = BUNDLED.filter((file) => existsSync(join(ROOT, 'dist', `${file}.map`))).flatMap(
    (file) => (JSON.parse(read(`dist/${file}.map`)) as { sources: string[] }).sources,
  )
  const folders = sources.map((source) => /^.*\/(node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(source)?.[1])
  const packages = new Set(folders.filter((folder) => folder !== undefined))
  t.ok(packages.size > 50, `${packages.size} packages are bundled`)
  for (const folder of packages) {
    const name = folder.slice('node_modules/'.length)
    const heading = licenses.split('\n').find((line) => line.startsWith(`## ${name} - `))
    t.match(heading, /\(.+\)$/, name)
  }
  t.end()
})

void t.test('stacks name the lines of the sources', async (t) => {
  const dir = folder()
  writeFileSync(join(dir, 'file'), '')
  const args = ['--enable-source-maps', join(ROOT, 'dist/main.js'), 'demo', '--data', join(dir, 'file/data')]
  const { stderr } = await run(process.execPath, args).catch((error: unknown) => error as { stderr: string })
  const [, path = '', line = ''] = /startDemo \(.*\/(src\/demo\/demo\.ts):(\d+):\d+\)/.exec(stderr) ?? []
  t.equal(path, 'src/demo/demo.ts', stderr)
  t.match(read(path).split('\n')[Number(line) - 1], 'mkdirSync(dataDir')
})

void t.test('the Dockerfile copies what is there and what .dockerignore lets through', (t) => {
  const allowed = read('.dockerignore')
    .split('\n')
    .filter((line) => line.startsWith('!'))
    .map((line) => line.slice(1))
  const copied = [...read('Dockerfile').matchAll(/^COPY (?!--from)(.+) \S+$/gm)].flatMap(([, paths = '']) =>
    paths.split(' '),
  )
  t.ok(copied.length > 5)
  for (const path of copied) {
    t.ok(existsSync(join(ROOT, path)), path)
    t.ok(allowed.includes(path.replace(/\/$/, '')), `${path} reaches the builder`)
  }
  t.match(read('Dockerfile'), /^USER 65532:65532$/m)
  t.match(read('Dockerfile'), /^ENTRYPOINT \["[^"]+", "--enable-source-maps", "\/app\/dist\/main\.js"\]$/m)
  t.end()
})

interface ComposeService {
  readonly volumes?: readonly string[]
  readonly command?: readonly string[]
  readonly read_only?: boolean
  readonly ports?: readonly string[]
}

void t.test('compose.yaml mounts files that are there, and the gateway takes its configuration', (t) => {
  const [compose] = documents('compose.yaml') as [
    { services: Record<string, ComposeService>; volumes: object },
  ]
  for (const [name, { volumes = [] }] of Object.entries(compose.services)) {
    for (const volume of volumes) {
      const [source = ''] = volume.split(':')
      if (source.startsWith('./')) t.ok(existsSync(join(ROOT, source)), `${name}: ${source}`)
      else t.ok(source in compose.volumes, `${name}: ${source} is a volume`)
    }
  }
  t.equal(compose.services['gateway']?.read_only, true)
  t.match(compose.services['redis']?.command, { 2: 'yes' })
  t.ok(compose.services['redis']?.command?.join(' ').includes('--maxmemory-policy noeviction'))
  const env = { TOLLGATE_OPERATOR_TOKEN: 'a-token-of-sixteen', OPENAI_API_KEY: 'sk-x' }
  const config = loadConfig(join(ROOT, 'deploy/compose/tollgate.yaml'), env)
  t.match(config.journal.dir, /^\/var\/lib\/tollgate\//)
  t.match(config.notifications.mailDir, /^\/var\/lib\/tollgate\//)
  for (const file of readdirSync(join(ROOT, 'deploy/compose'), { recursive: true }) as string[]) {
    if (/\.ya?ml$/.test(file)) t.doesNotThrow(() => documents(join('deploy/compose', file)), file)
  }
  t.end()
})

void t.test(
  'no container may more than it needs: no root, no capabilities, nothing to write to but its volumes, no token',
  (t) => {
    const [compose] = documents('compose.yaml') as [
      { services: Record<string, { cap_drop?: string[]; security_opt?: string[]; networks?: string[] }> },
    ]
    // `<<` is merged by whoever reads YAML 1.1, as compose does.
    for (const name of Object.keys(compose.services))
      t.match(read('compose.yaml'), new RegExp(`^  ${name}:\\n    <<: \\*confined$`, 'm'), name)
    t.match(
      read('compose.yaml'),
      /^x-confined: &confined\n  cap_drop: \[ALL\]\n  security_opt: \["no-new-privileges:true"\]$/m,
    )
    t.same(compose.services['redis']?.networks, ['store'], 'the store is in a network of its own')
    const [set] = documents('deploy/kubernetes/statefulset.yaml') as {
      spec: { template: { spec: object } }
    }[]
    t.match(set?.spec.template.spec, {
      automountServiceAccountToken: false,
      enableServiceLinks: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65_532, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          securityContext: {
            allowPrivilegeEscalation: false,
            privileged: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
          resources: { limits: { memory: String } },
        },
      ],
    })
    const [policy] = documents('deploy/kubernetes/networkpolicy.yaml') as {
      spec: { policyTypes: string[] }
    }[]
    t.same(policy?.spec.policyTypes, ['Ingress', 'Egress'])
    t.match(read('deploy/kubernetes/namespace.yaml'), /pod-security.kubernetes.io\/enforce: restricted/)
    t.end()
  },
)

interface Manifest {
  readonly kind: string
  readonly metadata: { readonly name: string }
  readonly data?: Readonly<Record<string, string>>
  readonly resources?: readonly string[]
}

void t.test('the manifests parse, are all listed, and hold no secret but by reference', (t) => {
  const dir = 'deploy/kubernetes'
  const files = readdirSync(join(ROOT, dir)).filter((file) => file !== 'kustomization.yaml')
  const listed = read(`${dir}/kustomization.yaml`)
  for (const file of files) t.ok(listed.includes(file), file)
  const manifests = files.flatMap((file) => documents(join(dir, file)) as Manifest[])
  const kinds = manifests.map(({ kind }) => kind)
  for (const kind of ['StatefulSet', 'PodDisruptionBudget', 'NetworkPolicy', 'Service', 'ServiceMonitor'])
    t.ok(kinds.includes(kind), kind)
  t.notOk(kinds.includes('Secret'))
  t.end()
})

void t.test('the ConfigMap is a configuration that the gateway takes, with secrets from files', (t) => {
  const map = (documents('deploy/kubernetes/configmap.yaml') as Manifest[])[0]
  const dir = folder()
  const secrets = {
    'operator-token': 'a-token-of-sixteen',
    'redis-url': 'redis://redis:6379',
    'openai-api-key': 'sk-x',
  }
  for (const [name, value] of Object.entries({ ...secrets, 'smtp-url': 'smtps://u:p@mail.example.com' }))
    writeFileSync(join(dir, name), value)
  const file = join(dir, 'tollgate.yaml')
  writeFileSync(file, (map?.data?.['tollgate.yaml'] ?? '').replaceAll('/run/secrets/tollgate', dir))
  const config = loadConfig(file, {})
  const set = (
    documents('deploy/kubernetes/statefulset.yaml') as { spec: { template: { spec: object } } }[]
  )[0]
  const pod = set?.spec.template.spec as { terminationGracePeriodSeconds: number }
  t.ok(
    pod.terminationGracePeriodSeconds > config.shutdownGraceSeconds + config.shutdownSeconds,
    'a pod is not killed while it drains',
  )
  t.equal(dirname(config.journal.dir), '/var/lib/tollgate')
  t.end()
})

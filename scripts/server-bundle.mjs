/**
 * Builds the gateway: src/main.ts with every package that it uses, in a few files of dist/. A start of Node opens one
 * file after the other, and there were a thousand. docs/decisions/0043-the-gateway-is-bundled.md says what else was tried.
 */
import { join } from 'node:path'
import { build } from 'vite'
import { ROOT } from './system.mjs'

/**
 * Packages that others require at their start, for something that Tollgate does not do: each would be parsed at every start.
 * What stands in for them throws when it is used. Fastify's own compilers of schemas are replaced in src/admin/validation.ts.
 */
const UNUSED = [
  '@fastify/ajv-compiler',
  '@fastify/fast-json-stringify-compiler',
  'cron-parser', // of BullMQ, for jobs that repeat
  'glob', // of @fastify/static, for a route per file
  'light-my-request', // of Fastify, for requests without a connection
  'msgpackr-extract', // of BullMQ, native: msgpackr does without it
  'ws', // of @fastify/http-proxy, for WebSockets
]

/** What is used of packages whose index loads much more. A part that is missing shows in the build. */
const INDEXES = {
  'rate-limiter-flexible': `exports.RateLimiterRedis = require('rate-limiter-flexible/lib/RateLimiterRedis')`,
  undici: `
    const Dispatcher = require('undici/lib/dispatcher/dispatcher')
    Object.assign(Dispatcher.prototype, require('undici/lib/api'))
    module.exports = {
      Dispatcher,
      Agent: require('undici/lib/dispatcher/agent'),
      BalancedPool: require('undici/lib/dispatcher/balanced-pool'),
      Client: require('undici/lib/dispatcher/client'),
      Pool: require('undici/lib/dispatcher/pool'),
      ProxyAgent: require('undici/lib/dispatcher/proxy-agent'),
      buildConnector: require('undici/lib/core/connect'),
      errors: require('undici/lib/core/errors'),
      getGlobalDispatcher: require('undici/lib/global').getGlobalDispatcher,
      get fetch() {
        return require('undici/lib/web/fetch').fetch
      },
    }`,
}

const unusedStub = (name) => `
  function unused() {
    throw new Error('${name} is not part of the bundle (scripts/server-bundle.mjs)')
  }
  module.exports = new Proxy(unused, { get: (target, key) => (key in target ? target[key] : unused) })`

const STAND_INS = new Map([...UNUSED.map((name) => [name, unusedStub(name)]), ...Object.entries(INDEXES)])
const PREFIX = '\0stand-in:'

const standIns = {
  name: 'stand-ins',
  enforce: 'pre',
  resolveId: (id) => (STAND_INS.has(id) ? PREFIX + id : null),
  load(id) {
    const code = id.startsWith(PREFIX) ? STAND_INS.get(id.slice(PREFIX.length)) : undefined
    return code === undefined ? null : { code, moduleType: 'js' }
  },
}

/** ioredis tells the store its version, and reads it from a file beside its own, which is not there in dist/. */
const ioredisVersion = {
  name: 'ioredis-version',
  transform: {
    filter: { id: /\/ioredis\/built\/utils\/index\.js$/ },
    async handler(code, id) {
      const manifest = join(id, '../../../package.json')
      const { version } = JSON.parse(await this.fs.readFile(manifest, { encoding: 'utf8' }))
      const [before, after, ...more] = code.split('await fs_1.promises.readFile(filePath, "utf8")')
      const path = '(0, path_1.resolve)(__dirname, "..", "..", "package.json")'
      if (after === undefined || more.length > 0 || !before.includes(path))
        throw new Error(`${id} does not read its version as it did: see scripts/server-bundle.mjs`)
      return {
        code: `${before.replace(path, '""')}${JSON.stringify(JSON.stringify({ version }))}${after}`,
        map: null,
      }
    },
  },
}

await build({
  configFile: false,
  root: ROOT,
  logLevel: 'warn',
  plugins: [standIns, ioredisVersion],
  resolve: { dedupe: ['semver'] },
  ssr: { noExternal: true },
  build: {
    ssr: 'src/main.ts',
    outDir: join(ROOT, 'dist'),
    // Files of an earlier build would be published with this one. The page is built after it.
    emptyOutDir: true,
    target: 'node20.19',
    // Packed code is hardly faster to load, and stacks without source maps would tell nothing.
    minify: false,
    sourcemap: true,
    reportCompressedSize: false,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      // BullMQ does not say so itself, and would bring its other stores along.
      treeshake: { moduleSideEffects: [{ test: /\/node_modules\/bullmq\//, sideEffects: false }] },
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: ({ name }) => `${name.replace(/^_stand-in_/, '')}.js`,
        comments: false,
        keepNames: true,
        sourcemapExcludeSources: true,
        // Chunks would import them from main.js, which is the command line and runs when it is imported.
        codeSplitting: {
          groups: [{ name: 'common', test: /\/src\/(?:errors|package|workers\/messages)\.ts$/ }],
        },
      },
    },
  },
})

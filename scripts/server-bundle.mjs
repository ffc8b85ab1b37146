/**
 * Bundles the gateway: src/main.ts with every package that it uses, into a few files in dist/. Node opens files one
 * after the other when it starts, and there were a thousand. docs/decisions/0043-the-gateway-is-bundled.md names the
 * alternatives.
 */
import { join } from 'node:path'
import { build } from 'vite'
import { ROOT } from './system.mjs'

/**
 * Packages that other packages load at their start, for features that Tollgate does not use. Each would be parsed at
 * every start, so a stub that throws when it is used replaces it. src/admin/validation.ts replaces Fastify's own schema
 * compilers.
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

/** The parts that are used of packages whose index loads much more. A missing part makes the build fail. */
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

/**
 * ioredis sends its version to the store. It reads the version from a file next to its own, which dist/ does not
 * contain.
 */
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
    // Files of an earlier build would be published with this one. The page is built afterwards.
    emptyOutDir: true,
    target: 'node20.19',
    // Minified code loads hardly faster, and its stack traces are useless without source maps.
    minify: false,
    sourcemap: true,
    reportCompressedSize: false,
    license: { fileName: 'licenses.md' },
    rolldownOptions: {
      // BullMQ does not declare that its modules have no side effects. Without this, its other stores would be bundled.
      treeshake: { moduleSideEffects: [{ test: /\/node_modules\/bullmq\//, sideEffects: false }] },
      output: {
        entryFileNames: '[name].js',
        chunkFileNames: ({ name }) => `${name.replace(/^_stand-in_/, '')}.js`,
        comments: false,
        keepNames: true,
        sourcemapExcludeSources: true,
        // Otherwise chunks would import from main.js, which is the command line and runs on import.
        codeSplitting: {
          groups: [{ name: 'common', test: /\/src\/(?:errors|package|workers\/messages)\.ts$/ }],
        },
      },
    },
  },
})

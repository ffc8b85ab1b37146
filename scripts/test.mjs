/** `npm test`: everything that must hold, from a fresh clone. `npm test -- FILE…` checks the types and runs these files. */
import {
  build,
  checkNode,
  ensureChromium,
  ensureCompiler,
  ensurePackages,
  ensurePrometheus,
  ensureRedis,
  ensureTap,
  ROOT,
  runInFront,
  runScript,
  say,
} from './system.mjs'

process.chdir(ROOT)
checkNode()
ensureRedis()
ensureChromium()
ensurePrometheus()
ensureCompiler()
ensurePackages()
ensureTap()

const files = process.argv.slice(2)
const failed = []

function check(what, isGood) {
  if (!isGood) failed.push(what)
}

say('Checking types …')
check('types', runScript('typecheck'))
if (files.length === 0) {
  say('Linting …')
  check('lint', runScript('lint'))
}
// The tests run gateways as processes of dist/.
check('build', build())
say('Testing …')
check('tests', (await runInFront(process.execPath, ['node_modules/.bin/tap', ...files])) === 0)

say(failed.length === 0 ? 'All is well.' : `Failed: ${failed.join(', ')}.`)
process.exit(failed.length === 0 ? 0 : 1)

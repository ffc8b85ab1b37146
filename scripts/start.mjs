/** `npm start`: from a fresh clone to a running demo. */
import { build, meet, packages, redis, unmet } from './needs.mjs'
import { createSteps } from './steps.mjs'
import { checkNode, endOnSignals, ROOT, runInFront } from './system.mjs'

process.chdir(ROOT)
checkNode()
endOnSignals()
const missing = unmet([redis, packages, build])
await meet(missing, createSteps(missing.length))
process.exit(await runInFront(process.execPath, ['dist/main.js', 'demo', ...process.argv.slice(2)]))

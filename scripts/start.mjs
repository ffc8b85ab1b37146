/** `npm start`: from a fresh clone to a running demo. */
import { build, checkNode, ensurePackages, ensureRedis, giveUp, ROOT, runInFront } from './system.mjs'

process.chdir(ROOT)
checkNode()
ensureRedis()
ensurePackages()
if (!build()) giveUp('The build failed.', 1)
process.exit(await runInFront(process.execPath, ['dist/main.js', 'demo', ...process.argv.slice(2)]))

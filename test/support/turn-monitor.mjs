/**
 * Loaded into a gateway (`--import`): at SIGUSR2 it writes the most CPU time that one turn of the event loop took since
 * the last such signal, in milliseconds, to the file that TURN_FILE names. CPU time, because a busy machine takes the
 * core away in the middle of a turn.
 */
import { renameSync, writeFileSync } from 'node:fs'

let longest = 0
let last = process.cpuUsage()
function turn() {
  const { user, system } = process.cpuUsage(last)
  longest = Math.max(longest, user + system)
  last = process.cpuUsage()
  setImmediate(turn)
}
setImmediate(turn)

process.on('SIGUSR2', () => {
  const file = process.env.TURN_FILE
  writeFileSync(`${file}.new`, String(longest / 1_000))
  renameSync(`${file}.new`, file)
  longest = 0
  last = process.cpuUsage()
})

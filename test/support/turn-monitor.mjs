/**
 * Loaded into a gateway (`--import`). Every other SIGUSR2 begins a measurement; the ones between end it and write the
 * most CPU time that one turn of the event loop took, in milliseconds, to the file that TURN_FILE names. It is CPU time
 * because a busy machine takes the core away in the middle of a turn.
 */
import { renameSync, writeFileSync } from 'node:fs'

let longest = 0
let last = process.cpuUsage()
let isMeasuring = false

function turn() {
  if (!isMeasuring) return
  const { user, system } = process.cpuUsage(last)
  longest = Math.max(longest, user + system)
  last = process.cpuUsage()
  setImmediate(turn)
}

function tell(text) {
  const file = process.env.TURN_FILE
  writeFileSync(`${file}.new`, text)
  renameSync(`${file}.new`, file)
}

process.on('SIGUSR2', () => {
  isMeasuring = !isMeasuring
  if (!isMeasuring) {
    tell(String(longest / 1_000))
    return
  }
  tell('begun')
  longest = 0
  last = process.cpuUsage()
  setImmediate(turn)
})

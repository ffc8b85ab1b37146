/**
 * Loaded into a measured process (`--import`): at SIGUSR2 it writes the longest delay of its event loop since the last
 * such signal, in milliseconds, to the file that STALL_FILE names.
 */
import { writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'

const delays = monitorEventLoopDelay({ resolution: 1 })
delays.enable()
process.on('SIGUSR2', () => {
  writeFileSync(process.env.STALL_FILE, String(delays.max / 1e6))
  delays.reset()
})

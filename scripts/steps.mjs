/** Shows the progress of steps and their duration: in one changing line on a terminal, in log lines elsewhere. */

const REDRAW_MS = 500
const CLEAR_LINE = '\r\x1b[K'

/** `count` steps follow, possibly in parallel. A log gets a line at least every `logMs`. */
export function createSteps(count, { out = process.stdout, logMs = 10_000 } = {}) {
  const running = new Set()
  let started = 0
  let shownAt = performance.now()

  const describe = ({ label, progress, since }) =>
    [`${label} …`, progress(), `(${duration(since)})`].filter((part) => part !== '').join(' ')
  const status = () => [...running].map(describe).join(' · ')

  function draw() {
    if (out.isTTY && running.size > 0) out.write(`${CLEAR_LINE}${status().slice(0, out.columns - 1)}`)
  }

  /** Prints text above the changing line. */
  function print(text, stream = out) {
    if (out.isTTY) out.write(CLEAR_LINE)
    stream.write(`${text}\n`)
    shownAt = performance.now()
    draw()
  }

  const timer = setInterval(() => {
    if (out.isTTY) draw()
    else if (running.size > 0 && performance.now() - shownAt >= logMs) print(status())
  }, REDRAW_MS)
  timer.unref()
  process.on('exit', () => out.isTTY && running.size > 0 && out.write('\n'))

  /**
   * Runs a step and resolves to its outcome. `work` gets a callback to which it can pass a function that returns its
   * progress. It resolves to `isDone` and the `output`, which is shown if the step failed.
   */
  async function run(title, work) {
    started += 1
    const step = { label: `[${started}/${count}] ${title}`, progress: () => '', since: performance.now() }
    running.add(step)
    if (out.isTTY) draw()
    else print(`${step.label} …`)
    const outcome = await work((progress) => (step.progress = progress))
    running.delete(step)
    print(`${step.label}: ${outcome.isDone ? 'done' : 'failed'} (${duration(step.since)})`)
    if (!outcome.isDone && outcome.output !== '') print(outcome.output, process.stderr)
    return outcome
  }

  return { print, run }
}

/** The time since then, such as `0.4 s`, `18 s` or `2 min 5 s`. */
export function duration(since, until = performance.now()) {
  const seconds = (until - since) / 1000
  if (seconds < 9.95) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  return whole < 60 ? `${whole} s` : `${Math.floor(whole / 60)} min ${whole % 60} s`
}

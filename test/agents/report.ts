/** What is printed in the end. */
import type { Agent } from './agents.ts'
import type { Check, Run } from './checks.ts'

interface Result {
  readonly agent: Agent
  readonly version: string
  readonly run: Run
  readonly checks: readonly Check[]
}

const line = ({ what, isGood, seen }: Check): string =>
  `  ${isGood ? 'ok    ' : 'FAILED'}  ${what}${seen === '' ? '' : `  (${seen})`}`

export function report(results: readonly Result[], ofDemo: readonly Check[]): string {
  const parts = results.flatMap(({ agent, version, run, checks }) => [
    `\n${agent.name} (${agent.package} ${version})`,
    ...checks.map(line),
    '  through the gateway:',
    ...routesOf(run).map(([route, count]) => `    ${String(count).padStart(4)} × ${route}`),
    `  tried to reach beside it: ${run.outside.length === 0 ? 'nothing' : run.outside.join(', ')}`,
  ])
  parts.push('\nnpm start', ...ofDemo.map(line))
  const all = [...results.flatMap(({ checks }) => checks), ...ofDemo]
  const failed = all.filter(({ isGood }) => !isGood).length
  return `${parts.join('\n')}\n\n${all.length - failed} passed, ${failed} failed\n`
}

/** How often each request got each status. */
function routesOf({ exchanges }: Run): [string, number][] {
  const counts = new Map<string, number>()
  for (const { method, path, isWebSocket, status } of exchanges) {
    const route = `${method} ${path}${isWebSocket ? ' (WebSocket)' : ''} → ${String(status ?? 'no answer')}`
    counts.set(route, (counts.get(route) ?? 0) + 1)
  }
  return [...counts]
}

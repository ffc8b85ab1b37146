/** The table of results of a failover run. */
import type { Account } from './failover-books.ts'

/** Times in milliseconds since the kill. */
export interface Round {
  /** Null if no call was refused. */
  readonly firstRefusalMs: number | null
  readonly firstSuccessMs: number
  readonly lastRefusalMs: number | null
  /** The longest time that a call waited for its response, whatever it was. */
  readonly longestWaitMs: number
  readonly refused: number
  /** Holds of calls that were at the provider when the master died, … */
  readonly holdsAcknowledged: number
  /** … and those of them that its replica did not have. */
  readonly holdsLost: number
}

export interface FailoverResult {
  readonly machine: string
  readonly nodeTimeoutMs: number
  readonly patienceSeconds: number
  readonly kills: number
  readonly gateways: number
  readonly callers: number
  /** How often a gateway found a running server silent, because the machine was too busy. */
  readonly healthySilences: number
  readonly rounds: readonly Round[]
  readonly books: { readonly hit: Account; readonly neighbours: Account }
}

const TIMES: readonly (readonly [name: string, of: (round: Round) => number | null])[] = [
  ['first 503', (round) => round.firstRefusalMs],
  ['first success again', (round) => round.firstSuccessMs],
  ['last 503', (round) => round.lastRefusalMs],
  ['longest wait of a call', (round) => round.longestWaitMs],
]

const CALLS: readonly (readonly [name: string, of: (account: Account) => number])[] = [
  ['served', (account) => account.served],
  ['refused (503)', (account) => account.refused],
  ['silent', (account) => account.silent],
  ['answered otherwise', (account) => account.otherwise],
  ['reported by the provider', (account) => account.reported],
  ['charged exactly', (account) => account.exact],
  ['lost: nothing is charged', (account) => account.lostWhole],
  ['lost but for the prompt', (account) => account.lostToPrompt],
  ['charged twice', (account) => account.doubled],
  ['charged, not reported', (account) => account.unreported],
]

export function report(result: FailoverResult): string {
  const { rounds, books, machine, nodeTimeoutMs, patienceSeconds, kills, gateways, callers } = result
  const { healthySilences } = result
  const sum = (of: (round: Round) => number): number => rounds.reduce((total, round) => total + of(round), 0)
  return [
    '',
    `${machine}; cluster-node-timeout ${nodeTimeoutMs} ms; patience ${patienceSeconds} s; ${kills} kills; ${gateways} gateways, ${callers} calls at a time each`,
    '',
    row('ms after the kill', ['min', 'median', 'max']),
    ...TIMES.map(([name, of]) => row(name, spread(rounds.map(of)))),
    '',
    row('calls', ['hit', 'others']),
    ...CALLS.map(([name, of]) => row(name, [of(books.hit), of(books.neighbours)])),
    '',
    `holds: of ${sum((round) => round.holdsAcknowledged)} that were acknowledged and open at the kill, ${sum((round) => round.holdsLost)} were lost`,
    `servers that were not killed and seemed silent: ${healthySilences}`,
    '',
  ].join('\n')
}

function spread(values: readonly (number | null)[]): string[] {
  const sorted = values.filter((value) => value !== null).sort((a, b) => a - b)
  return [sorted[0], sorted[Math.floor(sorted.length / 2)], sorted.at(-1)].map((value) =>
    value === undefined ? 'none' : String(Math.round(value)),
  )
}

function row(name: string, cells: readonly (string | number)[]): string {
  return name.padEnd(28) + cells.map((cell) => String(cell).padStart(9)).join('')
}

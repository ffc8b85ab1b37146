/** A real Prometheus on a free port, which scrapes one target every second. Its folder is removed afterwards. */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { stringify } from 'yaml'
import { freePort } from './ports.ts'
import { came, until } from './until.ts'
import { removeFolder } from './folder.ts'

export interface Series {
  readonly metric: Readonly<Record<string, string>>
  /** Unix time in seconds, and the value as text. */
  readonly value: readonly [number, string]
}

export interface Prometheus {
  /** The current vector of an expression; rejects with Prometheus' own message if it is invalid. */
  query(expr: string): Promise<readonly Series[]>
  stop(): Promise<void>
}

export async function startPrometheus(options: {
  readonly job: string
  /** `http://host:port`; its `/metrics` is scraped. */
  readonly target: string
  /** The absolute path of a file of rules. */
  readonly rules: string
}): Promise<Prometheus> {
  const dir = mkdtempSync(join(tmpdir(), 'tg-prometheus-'))
  const file = join(dir, 'prometheus.yml')
  writeFileSync(
    file,
    stringify({
      global: { scrape_interval: '1s', evaluation_interval: '1s' },
      rule_files: [options.rules],
      scrape_configs: [
        { job_name: options.job, static_configs: [{ targets: [new URL(options.target).host] }] },
      ],
    }),
  )
  const url = `http://127.0.0.1:${await freePort()}`
  const child = spawn(
    'prometheus',
    [
      `--config.file=${file}`,
      `--storage.tsdb.path=${join(dir, 'data')}`,
      `--web.listen-address=${new URL(url).host}`,
    ],
    { stdio: ['ignore', 'ignore', 'pipe'] },
  )
  const killAtExit = (): void => void child.kill('SIGKILL')
  process.once('exit', killAtExit)
  let output = ''
  child.stderr.on('data', (chunk: Buffer) => (output += chunk.toString()))
  await until(
    async () => {
      if (child.exitCode !== null) throw new Error(`prometheus ended:\n${output}`)
      const response = await fetch(`${url}/-/ready`).catch(() => null)
      return response?.status === 200
    },
    { timeoutMs: 120_000, what: 'prometheus is ready' },
  )

  return {
    async query(expr) {
      const response = await fetch(`${url}/api/v1/query`, {
        method: 'POST',
        body: new URLSearchParams({ query: expr }),
      })
      const answer = (await response.json()) as { error?: string; data?: { result: readonly Series[] } }
      if (answer.data === undefined) throw new Error(`${expr}: ${answer.error ?? response.status}`)
      return answer.data.result
    },
    async stop() {
      const exited = once(child, 'exit')
      child.kill('SIGKILL')
      await came(exited, 'prometheus exits after SIGKILL')
      process.removeListener('exit', killAtExit)
      removeFolder(dir)
    },
  }
}

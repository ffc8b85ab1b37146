/**
 * The disk of the journal fails in the middle of a write (D1, D2). A limit on the size of files is set to the running gateway: the
 * system writes a part of the line, and then refuses, as it does where a disk is full.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { readLines } from '../../src/ledger/journal-lines.ts'
import { createOrg, startGateway } from '../support/gateway.ts'
import { chatAnswer, CHAT_COST, postChat, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { until } from '../support/until.ts'

const hasLimits = spawnSync('prlimit', ['--version']).status === 0

void t.test(
  'D1, D2: a disk that is full in the middle of a line: 503, nothing is forwarded uncounted; with room again it goes on',
  { skip: hasLimits ? false : 'no prlimit here (util-linux)' },
  async (t) => {
    const dir = mkdtempSync(join(tmpdir(), 'tg-journal-'))
    const server = await startRedis()
    const origin = await startOrigin()
    const gateway = await startGateway({
      redisUrl: server.url,
      upstreamUrl: origin.url,
      config: { onStoreDown: 'open', journal: { dir } },
      // Node ignores SIGXFSZ, by which the system tells of such a limit, too. A hook of the test runner would end the process.
      env: { NODE_OPTIONS: "--import=data:text/javascript,process.on('SIGXFSZ',()=>undefined)" },
    })
    t.teardown(async () => {
      server.thaw()
      await gateway.stop()
      await origin.stop()
      await server.stop()
      rmSync(dir, { recursive: true, force: true })
    })
    const mayWrite = (bytes: number | 'unlimited'): void => {
      const args = ['--pid', String(gateway.process.pid), `--fsize=${bytes}:unlimited`]
      t.equal(spawnSync('prlimit', args).status, 0)
    }
    const file = (): string => join(dir, readdirSync(dir)[0] ?? '')
    const statuses = async (calls: number): Promise<number[]> => {
      const answers = await Promise.all(
        Array.from({ length: calls }, () => postChat(gateway.dataUrl, org.key)),
      )
      return answers.map(({ status }) => status)
    }
    const says = (text: string): number => gateway.log.filter((line) => line.includes(text)).length

    const org = await createOrg(gateway)
    t.same(await statuses(1), [200])
    await org.usedWhenIdle()
    server.freeze()
    await until(async () => (await gateway.metric('tollgate_store_up')) === 0)
    let finish: () => void = () => undefined
    origin.answer = async (_request, response) => {
      await new Promise<void>((resolve) => (finish = resolve))
      chatAnswer(response)
    }
    const running = postChat(gateway.dataUrl, org.key)
    await until(() => origin.received.length === 2, {
      what: 'a call is under way, its admission written down',
    })
    origin.answer = (_request, response) => chatAnswer(response)

    const whole = statSync(file()).size
    mayWrite(whole + 50)
    t.same(new Set(await statuses(20)), new Set([503]))
    t.equal(origin.received.length, 2, 'nothing was forwarded')
    await until(() => says('the journal cannot be written') > 0)
    finish()
    t.equal((await running).status, 200, 'a call under way is not disturbed')
    t.equal(await gateway.metric('tollgate_journal_entries'), 1)
    await until(() => statSync(file()).size === whole, { what: 'what was half written is taken back' })

    t.equal(says('the journal cannot be written'), 1, 'said once')
    mayWrite('unlimited')
    t.same(await statuses(3), [200, 200, 200])
    await until(async () => (await gateway.metric('tollgate_journal_entries')) === 4)
    await until(
      () =>
        readLines(readFileSync(file(), 'utf8')).entries.filter(({ kind }) => kind === 'charge').length === 4,
      {
        what: 'the end of the call that was under way is written, too',
      },
    )
    const { entries, spoilt } = readLines(readFileSync(file(), 'utf8'))
    t.same(
      [entries.length, spoilt],
      [8, 0],
      'four admissions and their ends: what was refused left nothing, however often it was tried',
    )

    server.thaw()
    await until(async () => (await gateway.metric('tollgate_journal_entries')) === 0)
    await until(async () => (await org.user()).used > CHAT_COST)
    t.equal(await org.usedWhenIdle(), Math.round(5 * CHAT_COST * 1e6) / 1e6)
  },
)

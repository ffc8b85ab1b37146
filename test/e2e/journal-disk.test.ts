/**
 * The disk of the journal fails in the middle of a write, behind one, or for good (D1, D2). First a limit on the size of files that is
 * set to the running gateway: the system writes a part of the line, and then refuses, as it does where a disk is full. Then whatever a
 * library between gateway and system makes up (test/support/shims/failing-disk.c).
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { readLines } from '../../src/journal/lines.ts'
import { createOrg, startGateway, type TestGateway } from '../support/gateway.ts'
import { chatAnswer, CHAT_COST, postChat, startOrigin } from '../support/origin.ts'
import { startRedis } from '../support/redis.ts'
import { createFailingDisk, noShims } from '../support/shim.ts'
import { until } from '../support/until.ts'
import { removeFolder } from '../support/folder.ts'

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
      removeFolder(dir)
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

/** A gateway that lets calls through, on a disk that can fail; another one takes its place where it is killed. */
async function onFailingDisk(t: Test) {
  const dir = mkdtempSync(join(tmpdir(), 'tg-journal-'))
  const [disk, server, origin] = [createFailingDisk(), await startRedis(), await startOrigin()]
  const start = (): Promise<TestGateway> =>
    startGateway({
      redisUrl: server.url,
      upstreamUrl: origin.url,
      config: { onStoreDown: 'open', journal: { dir } },
      env: disk.env,
    })
  let gateway = await start()
  t.teardown(async () => {
    server.thaw()
    await gateway.stop()
    await origin.stop()
    await server.stop()
    removeFolder(dir)
  })
  const org = await createOrg(gateway)
  /** Calls of CHAT_COST that ada was charged, once nothing is held. */
  const charged = async (): Promise<number> => {
    let read = { used: 0, held: 0 }
    await until(async () => {
      read = (await gateway.admin('GET', `/v1/orgs/${org.id}`)) as typeof read
      return read.held === 0
    })
    return Math.round((read.used / CHAT_COST) * 1e3) / 1e3
  }
  /** Answers of so many calls at once. */
  const statuses = async (calls: number): Promise<number[]> => {
    const answers = await Promise.all(Array.from({ length: calls }, () => postChat(gateway.dataUrl, org.key)))
    return answers.map(({ status }) => status)
  }
  /** A call that reaches the provider, and ends when it is told to. */
  const begin = async (): Promise<() => Promise<number>> => {
    let end: () => void = () => undefined
    const before = origin.received.length
    origin.answer = async (_request, response) => {
      await new Promise<void>((resolve) => (end = resolve))
      chatAnswer(response)
    }
    const answer = postChat(gateway.dataUrl, org.key)
    await until(() => origin.received.length === before + 1, { what: 'the call is under way' })
    origin.answer = (_request, response) => chatAnswer(response)
    return async () => {
      end()
      return (await answer).status
    }
  }
  // A key that was never used is not let through.
  t.same(await statuses(1), [200])
  await org.usedWhenIdle()
  return {
    disk,
    server,
    origin,
    statuses,
    begin,
    file: () => readFileSync(join(dir, readdirSync(dir)[0] ?? ''), 'utf8'),
    entries: () => gateway.metric('tollgate_journal_entries'),
    says: (text: string) => gateway.log.some((line) => line.includes(text)),
    charged,
    storeHangs: async () => {
      server.freeze()
      await until(async () => (await gateway.metric('tollgate_store_up')) === 0)
    },
    /** Resolves when the journal is empty. */
    storeAnswers: async () => {
      server.thaw()
      await until(async () => (await gateway.metric('tollgate_store_up')) === 1)
      await until(async () => (await gateway.metric('tollgate_journal_entries')) === 0)
    },
    dies: async () => {
      await gateway.kill()
      gateway = await start()
    },
  }
}

void t.test(
  'D1, D2: fdatasync fails though the write did not: 503, nothing counts as kept, and ends are tried until they are',
  { skip: noShims },
  async (t) => {
    const { disk, origin, statuses, begin, file, entries, says, storeHangs, storeAnswers, charged } =
      await onFailingDisk(t)
    const held = await begin()
    await storeHangs()
    const letThrough = await begin()
    const whole = file()
    disk.fail({ syncFails: 1 })
    t.same(new Set(await statuses(20)), new Set([503]))
    t.equal(origin.received.length, 3, 'nothing was forwarded')
    t.same([await held(), await letThrough()], [200, 200], 'calls under way are not disturbed')
    await until(() => says('the journal cannot be written'))
    const tries = disk.synced()
    await until(() => disk.synced() > tries + 8, { what: 'both ends are tried again' })
    t.equal(
      await entries(),
      1,
      'the call that was let through has not ended, as far as anybody can rely on it',
    )
    await until(() => file() === whole, { what: 'between two tries nothing more stands in the file' })

    disk.fail()
    t.same(await statuses(3), [200, 200, 200])
    await until(async () => (await entries()) >= 4, {
      what: 'the end of the call that was let through is kept',
    })
    await storeAnswers()
    t.equal(await charged(), 6, 'the first, the two that were under way, and three')
  },
)

void t.test(
  'D1, D2: a full disk on which nothing can be taken back either: what was refused is not charged, also not after a crash',
  { skip: noShims },
  async (t) => {
    const { disk, server, origin, statuses, begin, file, says, storeHangs, dies, storeAnswers, charged } =
      await onFailingDisk(t)
    await storeHangs()
    const letThrough = await begin()
    disk.fail({ room: 1_000, cannotCut: 1 })
    const answers = await statuses(20)
    const passed = answers.filter((status) => status === 200).length
    t.equal(origin.received.length, 2 + passed, 'what was refused was not forwarded')
    t.equal(answers.filter((status) => status === 503).length, 20 - passed)
    t.equal(await letThrough(), 200)
    await until(() => says('the journal cannot be written'))
    disk.fail()
    const isWritten = (): boolean =>
      readLines(file()).entries.filter(({ kind }) => kind === 'charge').length === passed + 1
    await until(isWritten, { what: 'what ended on the full disk is written now' })
    t.same(await statuses(2), [200, 200])
    await until(() => readLines(file()).entries.filter(({ kind }) => kind === 'charge').length === passed + 3)
    server.thaw()
    await dies()
    await storeAnswers()
    t.equal(await charged(), passed + 4)
  },
)

void t.test(
  'D2: a disk that was made read-only takes no journal away: what it holds is charged, and what it lacks is written later',
  { skip: noShims },
  async (t) => {
    const { disk, server, statuses, begin, entries, says, storeHangs, storeAnswers, charged } =
      await onFailingDisk(t)
    await storeHangs()
    t.same(await statuses(2), [200, 200])
    const letThrough = await begin()
    await until(async () => (await entries()) === 3)
    disk.fail({ isReadOnly: 1 })
    t.same(await statuses(2), [503, 503])
    t.equal(await letThrough(), 200)
    server.thaw()
    await until(async () => (await entries()) === 1, { what: 'what is on the disk is charged' })
    t.equal(await charged(), 3)
    t.notOk(says('a journal was taken away'))
    disk.fail()
    await storeAnswers()
    t.equal(await charged(), 4)
  },
)

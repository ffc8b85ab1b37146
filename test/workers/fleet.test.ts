/** Which workers are started when: with processes that are only said to be there, so that they die as told. */
import { pino } from 'pino'
import t from 'tap'
import { StartupError } from '../../src/errors.ts'
import { Fleet } from '../../src/workers/fleet.ts'
import type { Addresses, ToWorker } from '../../src/workers/messages.ts'
import type { WorkerEnd, WorkerProcess } from '../../src/workers/worker-process.ts'
import { until } from '../support/until.ts'

const ADDRESSES: Addresses = { dataUrl: 'http://data', adminUrl: 'http://admin' }

class FakeWorker implements WorkerProcess {
  readonly id: number
  readonly heard: ToWorker['kind'][] = []
  serve: () => void = () => undefined
  end: (how: string) => void = () => undefined
  readonly started: Promise<Addresses | StartupError>
  readonly ended: Promise<WorkerEnd>

  constructor(id: number) {
    this.id = id
    this.ended = new Promise((resolve) => {
      this.end = (how) => resolve({ how, isGraceful: how === 'exit code 0', isKilled: how.startsWith('SIG') })
    })
    this.started = new Promise((resolve) => {
      this.serve = () => resolve(ADDRESSES)
      void this.ended.then(({ how }) => resolve(new StartupError(how, 2)))
    })
  }

  send({ kind }: ToWorker): void {
    this.heard.push(kind)
    if (kind === 'stop') this.end('exit code 0')
  }

  kill(): void {
    this.end('SIGKILL')
  }
}

interface Said {
  readonly message: string
  readonly worker: number
  readonly how: string
  readonly waitMs?: number
}

interface Made {
  readonly fleet: Fleet
  readonly workers: FakeWorker[]
  readonly said: Said[]
  readonly waits: () => number[]
}

function createFleet({ stopMs = 60_000 } = {}): Made {
  const workers: FakeWorker[] = []
  const said: Said[] = []
  const logger = pino({
    hooks: {
      logMethod: ([fields, message]) => {
        said.push({ ...(fields as Omit<Said, 'message'>), message: String(message) })
      },
    },
  })
  const fleet = new Fleet({
    fork: () => {
      const worker = new FakeWorker(workers.length + 1)
      workers.push(worker)
      return worker
    },
    logger,
    stopMs: () => stopMs,
  })
  const waits = (): number[] => said.flatMap(({ waitMs }) => waitMs ?? [])
  return { fleet, workers, said, waits }
}

/** The worker with this id, once it was started. */
async function nth(workers: readonly FakeWorker[], id: number): Promise<FakeWorker> {
  await until(() => workers.length >= id, { what: `worker ${id} was started` })
  const worker = workers[id - 1]
  if (worker === undefined) throw new Error(`no worker ${id}`)
  return worker
}

async function startThree(options?: { readonly stopMs: number }): Promise<Made> {
  const made = createFleet(options)
  const started = made.fleet.start(3)
  ;(await nth(made.workers, 1)).serve()
  ;(await nth(made.workers, 2)).serve()
  ;(await nth(made.workers, 3)).serve()
  await started
  return made
}

void t.test('one worker goes ahead; the others start when it serves', async (t) => {
  const { fleet, workers } = createFleet()
  const started = fleet.start(3)
  t.equal(workers.length, 1)
  workers[0]?.serve()
  await until(() => workers.length === 3)
  t.equal(fleet.serving.size, 1)
  workers[1]?.serve()
  workers[2]?.serve()
  t.equal(await started, ADDRESSES)
  t.equal(fleet.serving.size, 3)
  await fleet.stop()
  t.same(
    workers.map(({ heard }) => heard),
    [['stop'], ['stop'], ['stop']],
  )
})

void t.test('what is in the way of the first is the failure of all, and no other is tried', async (t) => {
  const { fleet, workers } = createFleet()
  const started = fleet.start(3)
  workers[0]?.end('listen.port: taken')
  await t.rejects(started, new StartupError('listen.port: taken', 2))
  t.equal(workers.length, 1)
  await fleet.stop()
})

void t.test('a worker that dies again and again is replaced less and less eagerly', async (t) => {
  const { fleet, workers, waits } = await startThree()
  for (const id of [1, 4, 5, 6]) (await nth(workers, id)).end('SIGSEGV')
  await nth(workers, 7)
  t.same(waits(), [100, 200, 400, 800])
  await fleet.stop()
})

void t.test(
  'when all die, one goes ahead, and as long as it cannot serve there is one at a time',
  async (t) => {
    const { fleet, workers } = await startThree()
    for (const worker of [...workers]) worker.end('SIGKILL')
    for (const id of [4, 5, 6]) {
      const ahead = await nth(workers, id)
      t.equal(workers.length, id, 'no other was started beside it')
      ahead.end('listen.port: taken')
    }
    ;(await nth(workers, 7)).serve()
    await nth(workers, 9)
    t.equal(workers.length, 9)
    await fleet.stop()
  },
)

void t.test('stop does not wait for a replacement that is due, and starts none any more', async (t) => {
  const { fleet, workers, waits } = await startThree()
  for (const id of [1, 4, 5, 6, 7]) (await nth(workers, id)).end('SIGSEGV')
  await until(() => waits().length === 5)
  await fleet.stop()
  t.equal(workers.length, 7)
  t.equal(waits().at(-1), 1_600)
})

void t.test(
  'stop rejects with a worker that ended with an error; one that never served does not count',
  async (t) => {
    const { fleet, workers } = await startThree()
    ;(await nth(workers, 2)).end('SIGKILL')
    await nth(workers, 4)
    const [first] = workers
    if (first !== undefined) first.send = () => first.end('exit code 1')
    const [, , , fourth] = workers
    if (fourth !== undefined) fourth.send = () => fourth.end('SIGTERM')
    await t.rejects(fleet.stop(), new StartupError('worker 1 did not stop in good order: exit code 1', 1))
  },
)

void t.test(
  'stop does not hold against the gateway that somebody killed a worker just before, or meanwhile',
  async (t) => {
    const { fleet, workers, said } = await startThree()
    const [first, second] = [await nth(workers, 1), await nth(workers, 2)]
    // Its end is not heard of before all are told to stop.
    first.end('SIGKILL')
    second.send = () => second.end('SIGKILL')
    await fleet.stop()
    const stops = said.filter(({ message }) => message.startsWith('a worker did not stop in good order'))
    t.match(
      stops,
      [
        { worker: 1, how: 'SIGKILL' },
        { worker: 2, how: 'SIGKILL' },
      ],
      'the log says so',
    )
  },
)

void t.test('stop rejects with a worker that has to be killed when its time is over', async (t) => {
  const { fleet, workers } = await startThree({ stopMs: 1 })
  const third = await nth(workers, 3)
  third.send = () => undefined
  await t.rejects(
    fleet.stop(),
    new StartupError(
      'worker 3 did not stop in good order: it was killed, because it had not ended within its time (SIGKILL)',
      1,
    ),
  )
})

void t.test('kill ends all at once', async (t) => {
  const { fleet, workers } = await startThree()
  fleet.kill()
  t.same(
    (await Promise.all(workers.map(({ ended }) => ended))).map(({ how }) => how),
    ['SIGKILL', 'SIGKILL', 'SIGKILL'],
  )
  await fleet.stop()
})

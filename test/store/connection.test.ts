/** Connections to a real store. */
import { once } from 'node:events'
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import t from 'tap'
import { connect } from '../../src/store/connection.ts'
import { startRedis } from '../support/redis.ts'
import { came, until } from '../support/until.ts'

const server = await startRedis()
const operator = new Redis(server.url)
t.teardown(async () => {
  operator.disconnect()
  await server.stop()
})

void t.test(
  'a connection that broke with a command in flight: the time-out of that command does not end the next one',
  async (t) => {
    const TIMEOUT_MS = 300
    const redis = connect({ url: server.url }, 'decide')
    t.teardown(() => redis.disconnect())
    redis.on('error', () => undefined)
    await came(once(redis, 'ready'), 'the first connection')
    if (!(redis instanceof Redis)) throw new Error('one server')
    redis.options.socketTimeout = TIMEOUT_MS
    const broken = redis.blpop('nothing', 0).catch(String)
    await until(async () => ((await operator.client('LIST')) as string).includes('cmd=blpop'))
    const again = once(redis, 'ready')
    await operator.client('KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    t.match(await came(broken, 'the command ends'), /Error/)
    await came(again, 'the next connection')
    let closed = 0
    redis.on('close', () => (closed += 1))
    // Set after the library's and for as long: when it fires, the other one has fired, too.
    await pause(TIMEOUT_MS)
    t.equal(await redis.ping(), 'PONG')
    t.equal(closed, 0)
  },
)

/** What most end-to-end files begin with: a store, a provider and gateways of their own, which end with the file. */
import t from 'tap'
import type { RedisClient } from '../../src/store/connection.ts'
import { startGateway, type GatewayOptions, type TestGateway } from './gateway.ts'
import { openClient } from './ledger.ts'
import { startOrigin, type Origin } from './origin.ts'
import { startRedis, type RedisServer, type RedisServerOptions } from './redis.ts'

export interface Stage {
  readonly redis: RedisServer
  /** A connection to the store. */
  readonly store: RedisClient
  readonly origin: Origin
  /** Starts a gateway on this store, in front of this provider. */
  readonly start: (options?: Partial<GatewayOptions>) => Promise<TestGateway>
}

export async function openStage(ofRedis: RedisServerOptions = {}): Promise<Stage> {
  const [redis, origin] = await Promise.all([startRedis(ofRedis), startOrigin()])
  const store = await openClient({ url: redis.url })
  const gateways: TestGateway[] = []
  t.teardown(async () => {
    await Promise.all(gateways.map((gateway) => gateway.stop()))
    store.disconnect()
    await Promise.all([origin.stop(), redis.stop()])
  })
  return {
    redis,
    store,
    origin,
    async start(options = {}) {
      const gateway = await startGateway({ redisUrl: redis.url, upstreamUrl: origin.url, ...options })
      gateways.push(gateway)
      return gateway
    },
  }
}

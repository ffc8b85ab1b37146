/**
 * The usual way to build such a gateway: `@fastify/http-proxy`. If the port of a Redis is given, one script per call
 * checks a counter and increments it before the call is forwarded.
 *
 *     node http-proxy.js ORIGIN_PORT PORT [REDIS_PORT]
 */
import httpProxy from '@fastify/http-proxy'
import Fastify, { LogController } from 'fastify'
import { Redis } from 'ioredis'

const [originPort, port, redisPort] = process.argv.slice(2)
const CHECK_AND_INCREMENT =
  "local used = tonumber(redis.call('GET', KEYS[1]) or '0') if used >= tonumber(ARGV[1]) then return 0 end redis.call('INCRBY', KEYS[1], ARGV[2]) return 1"

const app = Fastify({
  logController: new LogController({ disableRequestLogging: true }),
  keepAliveTimeout: 120_000,
})
if (redisPort !== undefined) {
  const redis = new Redis(Number(redisPort), '127.0.0.1')
  const sha = String(await redis.script('LOAD', CHECK_AND_INCREMENT))
  app.addHook('onRequest', async (request, reply) => {
    const user = (request.headers.authorization ?? 'nobody').slice(-8)
    const admitted = await redis.evalsha(sha, 1, `bench:${user}`, '900000000000000', '1')
    if (admitted !== 1) await reply.code(402).send({ error: 'limit reached' })
  })
}
await app.register(httpProxy, {
  upstream: `http://127.0.0.1:${String(originPort)}`,
  undici: { connections: 10_000, pipelining: 1 },
})
await app.listen({ port: Number(port), host: '127.0.0.1', backlog: 16_384 })
process.stdout.write('http-proxy ready\n')

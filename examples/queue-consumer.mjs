// Takes crossings from Tollgate's queue. The gateways need `notifications: { deliver: false }`:
//
//     npm install bullmq ioredis && REDIS_URL=redis://127.0.0.1:6379 node queue-consumer.mjs
import { Worker } from 'bullmq'
import { Redis } from 'ioredis'

// A worker waits for the store without a limit: BullMQ requires this null.
const connection = new Redis(process.env.REDIS_URL ?? 'redis://127.0.0.1:6379', {
  maxRetriesPerRequest: null,
})
const REMEMBERED_SECONDS = 7 * 86_400

/** Your reaction to an event. If this throws, the queue retries, later each time. */
async function handle(event) {
  console.log(event.type, event.id, event.user ?? event.alert, `${event.used} used, mark ${event.mark}`)
}

const worker = new Worker(
  'tollgate-notices',
  async ({ name, data }) => {
    if (name !== 'crossing') return
    // A worker that died in the middle gets the event again, under the same id. So the id is stored after the handling.
    const seen = `my-team:seen:${data.id}`
    if (await connection.exists(seen)) return
    await handle(data)
    await connection.set(seen, '1', 'EX', REMEMBERED_SECONDS)
  },
  { connection, prefix: '{tg}' },
)
worker.on('failed', (job, error) => console.error(`${job?.id}: ${error.message}`))
worker.on('error', (error) => console.error(error.message))

process.once('SIGTERM', async () => {
  await worker.close()
  connection.disconnect()
})

/** Upstreams that compress although they were asked not to: the client gets their bytes, and is charged what they hold. */
import { once } from 'node:events'
import { request, type IncomingMessage } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import t from 'tap'
import { createOrg } from '../support/gateway.ts'
import { chatBody, chunkEvent, CHAT_COST, CHAT_USAGE, DONE_EVENT, USAGE_EVENT } from '../support/origin.ts'
import { store, zstd } from '../support/zstd.ts'
import { openStage } from '../support/stage.ts'

const { origin, start } = await openStage()
const gateway = await start()

const STREAM = Buffer.from(
  Array.from({ length: 50 }, (_, index) => chunkEvent(`word ${index} `)).join('') + USAGE_EVENT + DONE_EVENT,
)
const WHOLE = Buffer.from(
  JSON.stringify({
    model: 'test-model',
    choices: [{ message: { content: 'x'.repeat(1_000) } }],
    usage: CHAT_USAGE,
  }),
)
/** What a stream has to ask for, so that the gateway need not ask in its place, and hide what comes of it. */
const STREAM_BODY = chatBody({ stream: true, stream_options: { include_usage: true } })

/** Sends a call as a client that unpacks nothing. */
async function call(key: string, body: string): Promise<{ answer: IncomingMessage; bytes: Buffer }> {
  const sent = request(`${gateway.openaiUrl}/chat/completions`, {
    method: 'POST',
    headers: { authorization: `Bearer ${key}`, 'content-type': 'application/json' },
  })
  sent.end(body)
  const [answer] = (await once(sent, 'response')) as [IncomingMessage]
  const chunks: Buffer[] = []
  for await (const chunk of answer) chunks.push(chunk as Buffer)
  return { answer, bytes: Buffer.concat(chunks) }
}

function answerWith(contentType: string, coding: string, packed: Buffer, pieces: number): void {
  origin.answer = async (_request, response) => {
    response.writeHead(200, { 'content-type': contentType, 'content-encoding': coding })
    const size = Math.ceil(packed.length / pieces)
    for (let at = 0; at < packed.length; at += size) {
      response.write(packed.subarray(at, at + size))
      await pause(1)
    }
    response.end()
  }
}

const CODINGS: readonly (readonly [coding: string, pack: (bytes: Buffer) => Buffer])[] = [
  ['gzip', gzipSync],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
  ['br', brotliCompressSync],
  ['zstd', zstd],
  ['zstd', (bytes) => store(bytes, 200)],
  ['gzip, br', (bytes) => brotliCompressSync(gzipSync(bytes))],
  ['zstd, gzip', (bytes) => gzipSync(zstd(bytes))],
]

for (const [coding, pack] of CODINGS) {
  void t.test(
    `C2, C5: an answer in ${coding} is charged what it reports, and reaches the client as it is`,
    async (t) => {
      for (const [type, plain, body] of [
        ['application/json', WHOLE, chatBody()],
        ['text/event-stream', STREAM, STREAM_BODY],
      ] as const) {
        const org = await createOrg(gateway)
        const packed = pack(plain)
        answerWith(type, coding, packed, 10)
        const { answer, bytes } = await call(org.key, body)
        t.equal(answer.headers['content-encoding'], coding)
        t.ok(bytes.equals(packed), `${bytes.length} of ${packed.length} bytes of ${type}`)
        t.equal(await org.usedWhenIdle(), CHAT_COST, type)
      }
    },
  )
}

void t.test(
  'C5: an answer in a coding nobody knows, broken or a bomb is charged the estimate, and passes as it is',
  async (t) => {
    const prompt = (Math.ceil(Buffer.byteLength(chatBody()) / 3) * 1_000) / 1e6
    const bomb = gzipSync(Buffer.concat([Buffer.from('{"x":"'), Buffer.alloc(80_000_000, 'x')]), { level: 9 })
    for (const [name, coding, packed] of [
      ['unknown', 'compress', WHOLE],
      ['broken', 'gzip', Buffer.from('no gzip at all')],
      ['mislabelled', 'br', gzipSync(WHOLE)],
      ['a bomb', 'gzip', bomb],
    ] as const) {
      const org = await createOrg(gateway)
      answerWith('application/json', coding, packed, 3)
      const { bytes } = await call(org.key, chatBody())
      t.ok(bytes.equals(packed), name)
      t.equal(await org.usedWhenIdle(), prompt, name)
    }
  },
)

void t.test(
  'C5: a compressed stream whose upstream breaks is charged the text that can be unpacked',
  async (t) => {
    const org = await createOrg(gateway)
    const packed = gzipSync(chunkEvent('x'.repeat(400)), { finishFlush: constants.Z_SYNC_FLUSH })
    origin.answer = async (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream', 'content-encoding': 'gzip' })
      response.write(packed)
      await pause(20)
      response.destroy()
    }
    await t.rejects(call(org.key, STREAM_BODY))
    const prompt = Math.ceil(Buffer.byteLength(STREAM_BODY) / 3) * 1_000
    t.equal(await org.usedWhenIdle(), (prompt + 100 * 10_000) / 1e6)
  },
)

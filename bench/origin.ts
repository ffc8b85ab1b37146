/**
 * The provider of the benchmark. It answers at once what the header `x-bench-answer` asks for, so that the proxy
 * dominates the measurement. `json` is one response of about 750 bytes, `sse-N` an event stream of N chunks, one write
 * each.
 */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

const USAGE = '{"prompt_tokens":60,"completion_tokens":90,"total_tokens":150}'
const TEXT = 'Enforcement costs little where it is done in the same turn as everything else. '.repeat(5)
const JSON_ANSWER = Buffer.from(
  `{"id":"chatcmpl-bench","object":"chat.completion","created":1764000000,"model":"bench-model","choices":[{"index":0,` +
    `"message":{"role":"assistant","content":"${TEXT}","refusal":null},"logprobs":null,"finish_reason":"stop"}],"usage":${USAGE},"system_fingerprint":"fp_bench"}`,
)

function event(content: string): Buffer {
  return Buffer.from(
    `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1764000000,"model":"bench-model","choices":[{"index":0,"delta":{"content":"${content}"},"logprobs":null,"finish_reason":null}]}\n\n`,
  )
}

const CHUNK = event(' answer')
const LAST = Buffer.from(
  `data: {"id":"chatcmpl-bench","object":"chat.completion.chunk","created":1764000000,"model":"bench-model","choices":[],"usage":${USAGE}}\n\ndata: [DONE]\n\n`,
)

/** Sends one chunk per turn of the event loop, so that each is a separate write. With `pauseMs` 0 there is no pause. */
function stream(response: ServerResponse, chunks: number, pauseMs: number): void {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' })
  let sent = 0
  const next = (): void => {
    if (response.destroyed) return
    sent += 1
    if (sent >= chunks) {
      response.end(LAST)
      return
    }
    const goOn = pauseMs > 0 ? () => setTimeout(next, pauseMs) : () => setImmediate(next)
    if (response.write(CHUNK)) goOn()
    else response.once('drain', goOn)
  }
  next()
}

const server = createServer({ keepAliveTimeout: 120_000 }, (request, response) => {
  const answer = String(request.headers['x-bench-answer'] ?? 'json')
  request.resume()
  request.once('end', () => {
    const [, chunks, pause] = /^sse-(\d+)(?:-(\d+))?$/.exec(answer) ?? []
    if (chunks !== undefined) {
      stream(response, Number(chunks), Number(pause ?? 0))
      return
    }
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': JSON_ANSWER.length })
    response.end(JSON_ANSWER)
  })
})
server.listen(Number(process.argv[2] ?? 0), '127.0.0.1', 16_384, () => {
  process.stdout.write(`origin ready ${(server.address() as AddressInfo).port}\n`)
})

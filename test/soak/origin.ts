/** The provider of a soak: does what each call's plan says, and remembers, call by call, how far it came. */
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import type { Plan } from './plan.ts'
import type { Answer } from './shape.ts'

/** The request's header that names the call. */
export const CALL_HEADER = 'x-soak-call'

/** What the provider knows of one call. */
export interface Served {
  /** How often it was asked: never more than once. */
  times: number
  /** Bytes of the request's body. */
  bytes: number
  /** Pieces of text that it has written. */
  pieces: number
  /** Whether the whole answer was written before the connection was gone. */
  isFinished: boolean
}

export interface SoakOrigin {
  readonly url: string
  /** Of calls that were announced. */
  readonly served: Map<string, Served>
  announce(plan: Plan): void
  forget(id: string): void
  stop(): Promise<void>
}

function answerOf({ model, pieces, tokens, conduct }: Plan): Answer {
  if (conduct.kind !== 'serves' || conduct.report === 'usage') return { model, pieces, tokens }
  return { model, pieces, tokens: conduct.report === 'none' ? null : 'nonsense' }
}

export async function startSoakOrigin(): Promise<SoakOrigin> {
  const plans = new Map<string, Plan>()
  const served = new Map<string, Served>()
  const server = createServer((request, response) => {
    // A connection that goes away in the middle is what some calls are about.
    answer(request, response).catch(() => response.destroy())
  })

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const id = String(request.headers[CALL_HEADER])
    const plan = plans.get(id)
    let bytes = 0
    for await (const chunk of request as AsyncIterable<Buffer>) bytes += chunk.length
    if (plan === undefined) {
      response.writeHead(200, { 'content-type': 'application/json' }).end('{"object":"list","data":[]}')
      return
    }
    const record = served.get(id) ?? { times: 0, bytes, pieces: 0, isFinished: false }
    record.times += 1
    served.set(id, record)
    await act(plan, record, response)
  }

  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    served,
    announce: (plan) => void plans.set(plan.id, plan),
    forget(id) {
      plans.delete(id)
      served.delete(id)
    },
    async stop() {
      server.close()
      server.closeAllConnections()
      await once(server, 'close').catch(() => undefined)
    },
  }
}

async function act(plan: Plan, record: Served, response: ServerResponse): Promise<void> {
  const { conduct, shape, delayMs, paceMs } = plan
  if (conduct.kind === 'is silent') return
  await pause(delayMs)
  if (conduct.kind === 'fails') {
    response.writeHead(conduct.status, { 'content-type': 'application/json' })
    response.end('{"error":{"message":"The provider does not feel like it."}}')
    record.isFinished = true
    return
  }
  if (!shape.streams) {
    if (response.destroyed) return
    const body = JSON.stringify(shape.whole(answerOf(plan)))
    response.writeHead(200, { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) })
    response.end(body)
    record.pieces = plan.pieces
    record.isFinished = true
    return
  }
  const events = shape.events(answerOf(plan))
  response.writeHead(200, { 'content-type': 'text/event-stream' })
  response.flushHeaders()
  for (const event of events.before) response.write(event)
  for (let piece = 1; piece <= plan.pieces; piece += 1) {
    if (conduct.kind !== 'serves' && conduct.after < piece) break
    await pause(paceMs)
    if (response.destroyed) return
    response.write(events.piece(piece))
    record.pieces = piece
  }
  if (conduct.kind === 'stalls') return
  if (conduct.kind === 'breaks') {
    // What was written so far is on its way before the break.
    await pause(paceMs)
    response.destroy()
    return
  }
  for (const event of events.after) response.write(event)
  response.end()
  record.isFinished = true
}

/**
 * Requests that Node cannot parse, or that do not arrive in time. They get a response like every other refusal, with a
 * code and an id. The connection is closed after it, since the start of the next request is unknown.
 */
import { randomUUID } from 'node:crypto'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ERRORS, refuse, type Refusal } from '../errors.ts'
import { problemBody } from '../families/problem.ts'

/** The fault, by Node's error code. Every other code is reported as a syntax error. */
const FAULTS: Readonly<Record<string, string>> = {
  HPE_HEADER_OVERFLOW: 'The head of the request is too large.',
  ERR_HTTP_REQUEST_TIMEOUT: 'The request did not come whole in time.',
}

function refusalOf(code = ''): Refusal {
  return refuse('invalid_request', FAULTS[code] ?? 'The request is not valid HTTP.')
}

function bytesOf(refusal: Refusal): string {
  const requestId = randomUUID()
  const { contentType, body } = problemBody(refusal, requestId)
  return [
    `HTTP/1.1 ${ERRORS[refusal.code].status} Bad Request`,
    `content-type: ${contentType}`,
    `content-length: ${Buffer.byteLength(body)}`,
    'cache-control: no-store',
    `x-request-id: ${requestId}`,
    'connection: close',
    '',
    body,
  ].join('\r\n')
}

/**
 * For the server's `clientError`. `unusedMs` is how long a connection may stay open before its first byte: clients and
 * load balancers open some connections in advance. Nothing is written into the middle of a response.
 */
export function createBrokenRequests(
  unusedMs: number,
  isAnswering: (socket: Socket) => boolean,
): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  return (error, socket) => {
    if (!(socket instanceof Socket)) return
    // Node starts the timer for the request head when the connection opens. A 408 written to an idle connection would
    // be read as the response to the request that the client is about to send.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0) {
      setTimeout(() => socket.bytesRead === 0 && socket.destroy(), unusedMs).unref()
      return
    }
    if (socket.writable && error.code !== 'ECONNRESET' && !isAnswering(socket))
      socket.write(bytesOf(refusalOf(error.code)))
    socket.destroy(error)
  }
}

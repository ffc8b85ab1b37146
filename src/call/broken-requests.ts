/**
 * Requests that never become one: what Node cannot parse, or what does not come in time. They are answered like every other
 * refusal, with a code and an id; the connection ends with it, since nobody knows where the next request would begin.
 */
import { randomUUID } from 'node:crypto'
import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { ERRORS, refuse, type Refusal } from '../errors.ts'
import { problemBody } from '../families/problem.ts'

/** What is wrong, by Node's code; everything else is a fault of syntax. */
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
 * For the server's `clientError`. `unusedMs` is how long a connection may be open before its first byte: clients, and what
 * stands in front of us, open some in advance. Nothing is written into the middle of an answer.
 */
export function createBrokenRequests(
  unusedMs: number,
  isAnswering: (socket: Socket) => boolean,
): (error: NodeJS.ErrnoException, socket: Duplex) => void {
  return (error, socket) => {
    if (!(socket instanceof Socket)) return
    // Node counts the time for a head from the connection on. An answer to a request that was never begun would be taken for that to
    // the one which is on its way by then.
    if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT' && socket.bytesRead === 0) {
      setTimeout(() => socket.bytesRead === 0 && socket.destroy(), unusedMs).unref()
      return
    }
    if (socket.writable && error.code !== 'ECONNRESET' && !isAnswering(socket))
      socket.write(bytesOf(refusalOf(error.code)))
    socket.destroy(error)
  }
}

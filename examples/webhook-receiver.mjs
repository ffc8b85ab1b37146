// Receives Tollgate's webhooks and verifies the signature over the received bytes of the body:
//
//     npm install standardwebhooks && WEBHOOK_SECRET=whsec_… PORT=3000 node webhook-receiver.mjs
import { createServer } from 'node:http'
import { Webhook } from 'standardwebhooks'

const webhook = new Webhook(process.env.WEBHOOK_SECRET)
const MAX_BYTES = 65_536
/** Ids of handled messages. A real receiver keeps them in a table with a unique key. */
const seen = new Set()

createServer(async (request, response) => {
  const chunks = []
  let bytes = 0
  for await (const chunk of request) {
    bytes += chunk.length
    if (bytes > MAX_BYTES) return response.writeHead(413, { connection: 'close' }).end()
    chunks.push(chunk)
  }
  let event
  try {
    event = webhook.verify(Buffer.concat(chunks), request.headers)
  } catch {
    return response.writeHead(401).end() // tampered with, replayed, or signed with another secret
  }
  const id = request.headers['webhook-id']
  if (!seen.has(id)) console.log(event.type, event.data.id)
  seen.add(id)
  response.writeHead(204).end() // after any other status than 2xx the gateway retries
}).listen(Number(process.env.PORT))

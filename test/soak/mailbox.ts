/** Where a soak's notices arrive: a mail server and a receiver of webhooks. Of each only what tells repeats is kept. */
import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { startSmtp } from '../support/smtp.ts'

export interface Mailbox {
  readonly smtpUrl: string
  readonly hookUrl: string
  /** By address: crossing and Message-ID → how often it came. */
  readonly mails: ReadonlyMap<string, ReadonlyMap<string, number>>
  /** Webhook id → how often it came. */
  readonly posts: ReadonlyMap<string, number>
  /** The mail server stops, and starts again. */
  mailDown(): Promise<void>
  mailUp(): Promise<void>
  stop(): Promise<void>
}

export async function startMailbox(): Promise<Mailbox> {
  const smtp = await startSmtp()
  const mails = new Map<string, Map<string, number>>()
  const posts = new Map<string, number>()
  smtp.answer = ({ to, parsed }) => {
    // What the server keeps of them would grow for as long as it runs.
    smtp.mails.length = 0
    for (const address of to) {
      const found = mails.get(address) ?? new Map<string, number>()
      mails.set(address, found)
      const crossing = parsed.headers.get('x-tollgate-crossing')
      const id = `${typeof crossing === 'string' ? crossing : ''} ${parsed.messageId ?? ''}`
      found.set(id, (found.get(id) ?? 0) + 1)
    }
  }
  const hooks = createServer((request, response) => {
    request.resume().once('end', () => {
      const id = String(request.headers['webhook-id'])
      posts.set(id, (posts.get(id) ?? 0) + 1)
      response.end('ok')
    })
  })
  hooks.listen(0, '127.0.0.1')
  await once(hooks, 'listening')
  return {
    smtpUrl: smtp.url,
    hookUrl: `http://127.0.0.1:${(hooks.address() as AddressInfo).port}/hook`,
    mails,
    posts,
    mailDown: () => smtp.stop(),
    mailUp: () => smtp.restart(),
    async stop() {
      await smtp.stop()
      hooks.close()
      hooks.closeAllConnections()
      await once(hooks, 'close').catch(() => undefined)
    },
  }
}

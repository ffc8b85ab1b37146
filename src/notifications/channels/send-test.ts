/** The test message with which an admin checks a channel. */
import { randomUUID } from 'node:crypto'
import type { Channel } from '../../directory/channels.ts'
import { sampleNotice, type SampleOrg } from '../messages/sample.ts'
import type { Senders, SendResult } from './channel.ts'

/** Sends one message that says that it is a test. Each has its own id. */
export function createTestSender(
  { target }: Pick<Senders, 'target'>,
  pageUrl: string | null,
): (channel: Channel, org: SampleOrg) => Promise<SendResult> {
  return (channel, org) => {
    const details = { id: `test-${randomUUID()}`, at: new Date().toISOString(), pageUrl }
    return target.send(sampleNotice(org, details), channel)
  }
}

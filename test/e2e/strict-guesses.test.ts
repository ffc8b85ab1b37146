/** What nobody reported is charged up to what the request allows, and up to a strict hold (C4, C5). */
import t from 'tap'
import { createOrg } from '../support/gateway.ts'
import { CHAT_COST, chatBody, chunkEvent, postChat, usageEvent } from '../support/origin.ts'
import { openStage } from '../support/stage.ts'

const { origin, start } = await openStage()
const gateway = await start()

const STREAM = chatBody({ stream: true, stream_options: { include_usage: true } })
/** A token a byte of the prompt, and 100 of output. */
const STRICT_HOLD = Buffer.byteLength(STREAM) * 0.001 + 1
/** The output that the request allows. */
const ALL_OUTPUT = 1
const PROMPT_ESTIMATE = Math.ceil(Buffer.byteLength(STREAM) / 3) * 0.001
const STRADDLE_HOLD = PROMPT_ESTIMATE + ALL_OUTPUT
/** 2,000 tokens by the estimate, twenty times what the request allows. */
const LONG_TEXT = 'x'.repeat(8_000)

const BREAKS: readonly {
  readonly after: string
  readonly sent: string
  readonly admission: 'strict' | 'straddle'
  readonly cost: number
}[] = [
  {
    after: 'no report',
    sent: chunkEvent(LONG_TEXT),
    admission: 'strict',
    cost: PROMPT_ESTIMATE + ALL_OUTPUT,
  },
  {
    after: 'no report',
    sent: chunkEvent(LONG_TEXT),
    admission: 'straddle',
    cost: PROMPT_ESTIMATE + ALL_OUTPUT,
  },
  {
    after: 'an early report',
    sent: usageEvent(20, 10) + chunkEvent(LONG_TEXT),
    admission: 'strict',
    cost: 0.02 + ALL_OUTPUT,
  },
  {
    after: 'an early report of a prompt that nearly fills the hold',
    sent: usageEvent(Math.ceil(STRICT_HOLD * 1_000) - 50, 1) + chunkEvent(LONG_TEXT),
    admission: 'strict',
    cost: STRICT_HOLD,
  },
  {
    after: 'an early report that alone is above the hold',
    sent: usageEvent(20, 900) + chunkEvent(LONG_TEXT),
    admission: 'strict',
    cost: 9.02,
  },
  {
    after: 'an early report and little text',
    sent: usageEvent(20, 10) + chunkEvent('12345'),
    admission: 'strict',
    cost: CHAT_COST + 0.02,
  },
  {
    after: 'an early report',
    sent: usageEvent(20, 10) + chunkEvent(LONG_TEXT),
    admission: 'straddle',
    cost: 0.02 + ALL_OUTPUT,
  },
]

for (const { after, sent, admission, cost } of BREAKS) {
  void t.test(`C4, ${admission}: a stream that breaks after ${after}`, async (t) => {
    const org = await createOrg(gateway, { admission })
    const before = await gateway.metric('tollgate_hold_exceeded_total')
    origin.answer = (_request, response) => {
      response.writeHead(200, { 'content-type': 'text/event-stream' })
      response.write(sent, () => response.destroy())
    }
    const response = await postChat(gateway.dataUrl, org.key, STREAM)
    await t.rejects(response.text())
    t.equal(await org.usedWhenIdle(), Math.round(cost * 1e6) / 1e6)
    const exceeds = cost > (admission === 'strict' ? STRICT_HOLD : STRADDLE_HOLD)
    t.equal((await gateway.metric('tollgate_hold_exceeded_total')) - before, exceeds ? 1 : 0)
  })
}

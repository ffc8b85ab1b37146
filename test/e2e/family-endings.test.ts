/** For each family: every way in which a call can end, settled by C5, with the bytes of the upstream and no hold left. */
import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import type { ServerResponse } from 'node:http'
import t from 'tap'
import { createOrg } from '../support/gateway.ts'
import { openStage } from '../support/stage.ts'

const { origin, start } = await openStage()
const timeouts = { connectSeconds: 1, firstByteSeconds: 1, idleSeconds: 1 }
const gateway = await start({
  config: {
    upstreams: {
      openai: { family: 'openai', prefix: '/openai', url: origin.url, apiKey: 'k', timeouts },
      anthropic: { family: 'anthropic', prefix: '/anthropic', url: origin.url, apiKey: 'k', timeouts },
      gemini: { family: 'gemini', prefix: '/gemini', url: origin.url, apiKey: 'k', timeouts },
      generic: {
        family: 'generic',
        prefix: '/generic',
        url: origin.url,
        timeouts,
        routes: [{ method: 'POST', path: '/v1/things', creditsPerCall: 0.5 }],
      },
    },
  },
})

interface Story {
  readonly name: string
  readonly path: string
  readonly body: string
  readonly contentType: string
  /** The parts of a whole answer; usage is known from the last one on. */
  readonly parts: readonly string[]
  /** What a whole answer costs. */
  readonly cost: number
  /** What is charged when it breaks after so many parts. */
  readonly brokenAfter: readonly number[]
}

/** At the tests' price: input 1,000 and output 10,000 microcredits a token. */
const prompt = (body: string): number => Math.ceil(Buffer.byteLength(body) / 3) * 1_000
const text = (content: string): number => Math.ceil(Buffer.byteLength(content) / 4) * 10_000
const credits = (microcredits: number): number => microcredits / 1e6
const event = (value: unknown, name?: string): string =>
  `${name === undefined ? '' : `event: ${name}\n`}data: ${JSON.stringify(value)}\n\n`

const OPENAI_BODY = JSON.stringify({
  model: 'test-model',
  messages: [{ role: 'user', content: 'Hi' }],
  stream: true,
  stream_options: { include_usage: true },
})
const ANTHROPIC_BODY = JSON.stringify({
  model: 'test-model',
  max_tokens: 100,
  stream: true,
  messages: [{ role: 'user', content: 'Hi' }],
})
const GEMINI_BODY = JSON.stringify({ contents: [{ parts: [{ text: 'Hi' }] }] })
const GENERIC_BODY = '{"any":"thing"}'
const gemini = (content: string, usage: object): object => ({
  candidates: [{ content: { parts: [{ text: content }] } }],
  usageMetadata: usage,
  modelVersion: 'test-model',
})

const STORIES: readonly Story[] = [
  {
    name: 'openai',
    path: '/openai/v1/chat/completions',
    body: OPENAI_BODY,
    contentType: 'text/event-stream',
    parts: [
      event({ model: 'test-model', choices: [{ delta: { content: 'Grüße' } }], usage: null }),
      event({ choices: [{ delta: { content: ' 世界' } }], usage: null }),
      `${event({ choices: [], usage: { prompt_tokens: 20, completion_tokens: 10 } })}data: [DONE]\n\n`,
    ],
    cost: 0.12,
    brokenAfter: [
      credits(prompt(OPENAI_BODY)),
      credits(prompt(OPENAI_BODY) + text('Grüße')),
      credits(prompt(OPENAI_BODY) + text('Grüße 世界')),
    ],
  },
  {
    name: 'anthropic',
    path: '/anthropic/v1/messages',
    body: ANTHROPIC_BODY,
    contentType: 'text/event-stream',
    parts: [
      event(
        {
          type: 'message_start',
          message: { model: 'test-model', usage: { input_tokens: 20, output_tokens: 1 } },
        },
        'message_start',
      ),
      event(
        { type: 'content_block_delta', delta: { type: 'text_delta', text: 'Grüße' } },
        'content_block_delta',
      ),
      event({ type: 'message_delta', usage: { output_tokens: 10 } }, 'message_delta') +
        event({ type: 'message_stop' }, 'message_stop'),
    ],
    cost: 0.12,
    // message_start tells the input; of the output it knows nothing yet, so that is taken from the text.
    brokenAfter: [credits(prompt(ANTHROPIC_BODY)), 0.03, credits(20_000 + text('Grüße'))],
  },
  {
    name: 'gemini, events',
    path: '/gemini/v1beta/models/test-model:streamGenerateContent?alt=sse',
    body: GEMINI_BODY,
    contentType: 'text/event-stream',
    parts: [
      event(gemini('Grüße', { promptTokenCount: 20 })),
      event(gemini(' 世界', { promptTokenCount: 20, candidatesTokenCount: 4 })),
      event(
        gemini('!', {
          promptTokenCount: 20,
          candidatesTokenCount: 7,
          thoughtsTokenCount: 3,
          totalTokenCount: 30,
        }),
      ),
    ],
    cost: 0.12,
    // The first report has no candidates yet: their text stands in for them.
    brokenAfter: [credits(prompt(GEMINI_BODY)), credits(20_000 + text('Grüße')), 0.06],
  },
  {
    name: 'gemini, a JSON array',
    path: '/gemini/v1beta/models/test-model:streamGenerateContent',
    body: GEMINI_BODY,
    contentType: 'application/json; charset=UTF-8',
    parts: [
      `[${JSON.stringify(gemini('Grüße', { promptTokenCount: 20 }))}\n,\r\n`,
      `${JSON.stringify(gemini(' 世界', { promptTokenCount: 20, candidatesTokenCount: 4 }))}\n,\r\n`,
      `${JSON.stringify(gemini('!', { promptTokenCount: 20, candidatesTokenCount: 7, thoughtsTokenCount: 3 }))}\n]`,
    ],
    cost: 0.12,
    // The first report has no candidates yet: their text stands in for them.
    brokenAfter: [credits(prompt(GEMINI_BODY)), credits(20_000 + text('Grüße')), 0.06],
  },
  {
    name: 'generic',
    path: '/generic/v1/things',
    body: GENERIC_BODY,
    contentType: 'application/octet-stream',
    parts: ['one', 'two', 'three'],
    cost: 0.5,
    brokenAfter: [0.5, 0.5, 0.5],
  },
]

function call(story: Story, key: string, signal?: AbortSignal): Promise<Response> {
  return fetch(gateway.dataUrl + story.path, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${key}`,
      'content-type': 'application/json',
      'anthropic-version': '2023-06-01',
    },
    body: story.body,
    ...(signal === undefined ? {} : { signal }),
  })
}

function begin(response: ServerResponse, story: Story): void {
  response.writeHead(200, { 'content-type': story.contentType })
  response.flushHeaders()
}

const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

for (const story of STORIES) {
  void t.test(
    `C2, ${story.name}: a whole answer is charged what it reports, and reaches the client byte for byte`,
    async (t) => {
      const org = await createOrg(gateway)
      origin.answer = async (_request, response) => {
        begin(response, story)
        for (const part of story.parts) {
          response.write(part)
          await pause(5)
        }
        response.end()
      }
      const response = await call(story, org.key)
      t.equal(response.status, 200)
      t.equal(sha256(Buffer.from(await response.arrayBuffer())), sha256(story.parts.join('')))
      t.equal(await org.usedWhenIdle(), story.cost)
    },
  )

  void t.test(
    `C5, ${story.name}: the client goes before the first byte, in mid-stream, after the last: charged in full`,
    async (t) => {
      for (const seen of [0, 1, story.parts.length]) {
        const org = await createOrg(gateway)
        const leave = new AbortController()
        let gone: () => void = () => undefined
        const left = new Promise<void>((resolve) => (gone = resolve))
        origin.answer = async (_request, response) => {
          if (seen > 0) {
            begin(response, story)
            for (const part of story.parts.slice(0, seen)) response.write(part)
          } else {
            leave.abort()
            gone()
          }
          await left
          await pause(30)
          if (seen === 0) begin(response, story)
          for (const part of story.parts.slice(seen)) response.write(part)
          response.end()
        }
        try {
          const response = await call(story, org.key, leave.signal)
          const wanted = story.parts.slice(0, seen).join('').length
          const reader = response.body?.getReader()
          for (let got = 0; got < wanted;) {
            const read = await reader?.read()
            got += Buffer.from(read?.value ?? []).toString().length
          }
        } catch (error) {
          if (seen > 0) throw error
        }
        leave.abort()
        gone()
        t.equal(await org.usedWhenIdle(), story.cost, `after ${seen} of ${story.parts.length} parts`)
      }
    },
  )

  void t.test(
    `C5, ${story.name}: the upstream breaks after each part: charged by what is known`,
    async (t) => {
      for (const [sent, cost] of story.brokenAfter.entries()) {
        const org = await createOrg(gateway)
        origin.answer = async (_request, response) => {
          if (sent > 0) begin(response, story)
          for (const part of story.parts.slice(0, sent)) response.write(part)
          await pause(20)
          response.destroy()
        }
        const response = await call(story, org.key)
        if (sent === 0) t.equal(response.status, 502)
        else await t.rejects(response.arrayBuffer())
        t.equal(await org.usedWhenIdle(), cost, `after ${sent} of ${story.parts.length} parts`)
      }
    },
  )

  void t.test(`C5, ${story.name}: time-outs before the first byte and in mid-stream`, async (t) => {
    for (const sent of [0, 1]) {
      const org = await createOrg(gateway)
      origin.answer = (_request, response) => {
        if (sent > 0) begin(response, story)
        for (const part of story.parts.slice(0, sent)) response.write(part)
      }
      const response = await call(story, org.key)
      if (sent === 0) t.equal(response.status, 504)
      else await t.rejects(response.arrayBuffer())
      t.equal(await org.usedWhenIdle(), story.brokenAfter[sent], `after ${sent} parts`)
    }
  })

  void t.test(
    `C5, ${story.name}: 4xx, 5xx and 529 without usage cost nothing, and pass as they are`,
    async (t) => {
      const org = await createOrg(gateway)
      const body = '{"error":{"type":"overloaded_error","message":"theirs"}}'
      for (const status of [400, 403, 429, 500, 529]) {
        origin.answer = (_request, response) => {
          response.writeHead(status, { 'content-type': 'application/json' })
          response.end(body)
        }
        const response = await call(story, org.key)
        t.equal(response.status, status)
        t.equal(await response.text(), body)
      }
      t.equal(await org.usedWhenIdle(), 0)
    },
  )
}

void t.test('C2: Gemini’s system parameters cannot take the usage report out of the answer', async (t) => {
  const org = await createOrg(gateway)
  const before = origin.received.length
  for (const query of ['fields=candidates', '$fields=candidates', 'alt=proto', '$alt=media']) {
    const response = await fetch(
      `${gateway.dataUrl}/gemini/v1beta/models/test-model:generateContent?${query}`,
      {
        method: 'POST',
        headers: { 'x-goog-api-key': org.key, 'content-type': 'application/json' },
        body: GEMINI_BODY,
      },
    )
    t.equal(response.status, 400, query)
    t.match(await response.text(), /UNSUPPORTED_OPTION/)
  }
  t.equal(origin.received.length, before)
  origin.answer = (request, response) => {
    t.equal(request.headers['x-goog-fieldmask'], undefined)
    response.end(JSON.stringify(gemini('hi', { promptTokenCount: 20, candidatesTokenCount: 10 })))
  }
  await fetch(`${gateway.dataUrl}/gemini/v1beta/models/test-model:generateContent?$alt=json`, {
    method: 'POST',
    headers: {
      'x-goog-api-key': org.key,
      'x-goog-fieldmask': 'candidates',
      'content-type': 'application/json',
    },
    body: GEMINI_BODY,
  })
  t.equal(await org.usedWhenIdle(), 0.12)
})

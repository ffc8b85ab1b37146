// A chat with the official SDK through Tollgate: only the base URL and the key differ.
//   TOLLGATE_URL=http://127.0.0.1:8080 TOLLGATE_KEY=tg_… MODEL=gpt-4o-mini node examples/chat.mjs "Hello"
import OpenAI from 'openai'

const { TOLLGATE_URL = 'http://127.0.0.1:8080', TOLLGATE_KEY, MODEL = 'gpt-4o-mini' } = process.env
const client = new OpenAI({ baseURL: `${TOLLGATE_URL}/openai/v1`, apiKey: TOLLGATE_KEY })

try {
  const stream = await client.chat.completions.create({
    model: MODEL,
    max_tokens: 200,
    stream: true,
    messages: [{ role: 'user', content: process.argv[2] ?? 'Hello' }],
  })
  for await (const chunk of stream) process.stdout.write(chunk.choices[0]?.delta?.content ?? '')
  process.stdout.write('\n')
} catch (error) {
  // 402: the limit is reached, and the message says when it resets and whom to ask. The SDK does not retry it.
  if (!(error instanceof OpenAI.APIError) || error.status !== 402) throw error
  process.stderr.write(`${error.code}: ${error.message}\n`)
  process.exitCode = 3
}

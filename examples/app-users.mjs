// A server with one key for all of its users: each call names its user.
//   TOLLGATE_URL=http://127.0.0.1:8080 TOLLGATE_KEY=tg_… MODEL=gpt-4o-mini node examples/app-users.mjs ada grace
// The key belongs to an app: POST /v1/orgs/{org}/keys {"name":"our-app","app":true}
import OpenAI from 'openai'

const { TOLLGATE_URL = 'http://127.0.0.1:8080', TOLLGATE_KEY, MODEL = 'gpt-4o-mini' } = process.env
const client = new OpenAI({ baseURL: `${TOLLGATE_URL}/openai/v1`, apiKey: TOLLGATE_KEY })

for (const user of process.argv.slice(2)) {
  const { data, response } = await client.chat.completions
    .create(
      { model: MODEL, max_tokens: 50, messages: [{ role: 'user', content: 'Hello' }] },
      { headers: { 'x-tollgate-user': user } },
    )
    .withResponse()
  // The header has the value at admission; it is absent for users without a limit.
  const remaining = response.headers.get('x-tollgate-credits-remaining') ?? 'unlimited'
  console.log(`${user}: ${data.choices[0]?.message.content} (${remaining} credits remained)`)
}

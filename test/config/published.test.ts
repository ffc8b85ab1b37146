/** The files in config/ that users start from. */
import { readFileSync } from 'node:fs'
import { Ajv } from 'ajv'
import t from 'tap'
import { parse } from 'yaml'
import { loadConfig } from '../../src/config.ts'
import { publishedSchema } from '../../src/config/published.ts'

const EXAMPLE = new URL('../../config/example.yaml', import.meta.url)
const SCHEMA = new URL('../../config/schema.json', import.meta.url)
const env = { OPENAI_API_KEY: 'sk-example', TOLLGATE_OPERATOR_TOKEN: '0123456789abcdef' }

void t.test('config/schema.json is what the source generates (if not: npm run schema)', (t) => {
  t.equal(readFileSync(SCHEMA, 'utf8'), publishedSchema())
  t.end()
})

void t.test('config/example.yaml loads, and shows the defaults', (t) => {
  const example = loadConfig(EXAMPLE.pathname, env)
  t.equal(example.upstreams['openai']?.apiKey, 'sk-example')
  t.equal(example.admin.operatorToken, env.TOLLGATE_OPERATOR_TOKEN)
  t.end()
})

void t.test(
  'the published schema is a JSON Schema that accepts the example and asks only for what is required',
  (t) => {
    const validate = new Ajv({ strict: true, allowUnionTypes: true }).compile(
      JSON.parse(publishedSchema()) as object,
    )
    t.ok(validate(parse(readFileSync(EXAMPLE, 'utf8'))), JSON.stringify(validate.errors))
    t.notOk(validate({ redis: { url: 'redis://a' } }))
    t.match(validate.errors, [{ keyword: 'required', params: { missingProperty: 'upstreams' } }])
    t.notOk(validate({ ...(parse(readFileSync(EXAMPLE, 'utf8')) as object), colour: 'red' }))
    t.end()
  },
)

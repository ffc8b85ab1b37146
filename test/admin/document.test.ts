import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()
const fetched = await fetch(`${admin.url}/openapi.json`)
const document = (await fetched.json()) as Record<string, unknown>

void t.test('the document is valid OpenAPI 3.1 and needs no credentials', async (t) => {
  t.equal(fetched.status, 200)
  const validator = new Validator()
  t.same(await validator.validate(structuredClone(document)), { valid: true })
  t.equal(validator.version, '3.1')
})

/** Schemas are compiled when a request needs them: what a start would have found wrong with one is found here. */
import type { FastifySchema } from 'fastify'
import t from 'tap'
import { createAjv } from '../../src/admin/validation.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()

const PARTS = ['params', 'querystring', 'headers', 'body'] as const satisfies readonly (keyof FastifySchema)[]

void t.test('every schema that requests are checked by is valid, and compiles in strict mode', async (t) => {
  const ajv = await createAjv({ validateSchema: true, strict: true })
  let compiled = 0
  for (const { method, url, schema } of admin.routes) {
    for (const part of PARTS) {
      const checked = schema?.[part]
      if (checked === undefined) continue
      t.doesNotThrow(() => ajv.compile(checked as object), `${method} ${url}: ${part}`)
      compiled += 1
    }
  }
  t.ok(compiled > 100, `${compiled} schemas`)
})

void t.test('header names are in lower case, as Node hands them over', (t) => {
  for (const { method, url, schema } of admin.routes) {
    const { properties = {} } = (schema?.headers ?? {}) as { properties?: object }
    for (const name of Object.keys(properties)) t.equal(name, name.toLowerCase(), `${method} ${url}`)
  }
  t.end()
})

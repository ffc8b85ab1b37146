/** The comparison of answers with the document would prove nothing if it let differences pass. */
import { createServer, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import t from 'tap'
import { watch, type Document } from './conformance.ts'

const problem = { 'application/problem+json': { schema: { $ref: '#/components/schemas/Problem' } } }
const document = {
  openapi: '3.1.0',
  paths: {
    '/v1/pets/{id}': {
      put: {
        operationId: 'putPet',
        parameters: [{ in: 'query', name: 'dry' }],
        requestBody: {
          content: {
            'application/json': { schema: { type: 'object', required: ['name'], properties: { name: {} } } },
          },
        },
        responses: {
          200: {
            headers: { ETag: { $ref: '#/components/headers/ETag' } },
            content: {
              'application/json': {
                schema: {
                  type: 'object',
                  required: ['id'],
                  properties: { id: { type: 'string' }, born: { type: 'string', format: 'date-time' } },
                },
              },
            },
          },
          204: {},
          404: { $ref: '#/components/responses/404.not_found' },
        },
      },
    },
  },
  components: {
    headers: {},
    responses: { '404.not_found': { content: problem } },
    schemas: {
      Problem: { type: 'object', required: ['code'], properties: { code: { const: 'not_found' } } },
    },
  },
} as unknown as Document

let answer: (response: ServerResponse) => void = () => undefined
const server = createServer((request, response) => {
  request.resume().on('end', () => answer(response))
})
await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
t.teardown(() => server.close())
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
const seen = watch(url, document)

const send = (status: number, body: string, headers: Record<string, string>) => (response: ServerResponse) =>
  response.writeHead(status, headers).end(body)
const JSON_TYPE = { 'content-type': 'application/json; charset=utf-8' }
const OK = send(200, '{"id":"rex"}', { ...JSON_TYPE, etag: '"1"' })
const put = (path = '/v1/pets/rex', body = '{"name":"Rex"}'): Promise<Response> =>
  fetch(url + path, { method: 'PUT', body })

void t.test('what is as documented passes, and is counted', async (t) => {
  answer = OK
  t.equal(((await (await put()).json()) as { id: string }).id, 'rex')
  answer = send(204, '', {})
  t.equal((await put()).status, 204)
  answer = send(404, '{"code":"not_found"}', { 'content-type': 'application/problem+json' })
  t.equal((await put()).status, 404)
  t.equal((await put('/v1/cats')).status, 404)
  t.same([...seen], ['putPet 200', 'putPet 204', 'putPet 404'])
})

void t.test('what differs from the document fails', async (t) => {
  const etag = { ...JSON_TYPE, etag: '"1"' }
  const type = 'application/problem+json'
  const cases: [string, typeof answer, RegExp, string?, string?][] = [
    ['a field that the schema forgot', send(200, '{"id":"rex","age":3}', etag), /unevaluated.*age/],
    ['a field that is missing', send(200, '{}', etag), /required property 'id'/],
    ['a value of another type', send(200, '{"id":7}', etag), /body\/id must be string/],
    ['a value of another format', send(200, '{"id":"rex","born":"today"}', etag), /date-time/],
    ['a status', send(202, '{"id":"rex"}', etag), /status is not declared/],
    ['a content type', send(200, '{"id":"rex"}', { ...etag, 'content-type': 'text/html' }), /text\/html/],
    ['a header that is missing', send(200, '{"id":"rex"}', JSON_TYPE), /ETag is missing/],
    ['a header that is not declared', send(200, '{"id":"rex"}', { ...etag, 'x-new': '1' }), /x-new is not/],
    ['a body where there is none', send(404, '{"code":"other"}', { 'content-type': type }), /constant/],
    ['a route', send(200, '{}', JSON_TYPE), /no such route/, '/v1/cats'],
    ['a query', OK, /query wet was accepted/, '/v1/pets/rex?wet=1'],
    ['a request', OK, /request’s body.*'name'/, '/v1/pets/rex', '{}'],
    ['a field of a request', OK, /request’s body.*colour/, '/v1/pets/rex', '{"name":"Rex","colour":"red"}'],
  ]
  for (const [what, how, reason, path, body] of cases) {
    answer = how
    await t.rejects(put(path, body), { message: reason }, what)
  }
})

import { Validator } from '@seriousme/openapi-schema-validator'
import t from 'tap'
import { HEADERS, TAGS } from '../../src/admin/document-parts.ts'
import { PROBLEMS } from '../../src/admin/problem-codes.ts'
import type { Operation } from './conformance.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()
const { document } = admin

interface Route {
  readonly route: string
  readonly operation: Operation & {
    readonly tags: string[]
    readonly summary: string
    readonly security?: object[]
    readonly parameters?: { $ref?: string; in: string; name: string; description?: string }[]
  }
}

const ROUTES = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(
    ([method, operation]) => ({ route: `${method.toUpperCase()} ${path}`, operation }) as Route,
  ),
)

void t.test('the document is valid OpenAPI 3.1, and is served without credentials', async (t) => {
  const answer = await admin.call('GET', '/openapi.json', undefined, null)
  t.equal(answer.status, 200)
  t.same(answer.body, document)
  const validator = new Validator()
  t.same(await validator.validate(structuredClone(answer.body)), { valid: true })
  t.equal(validator.version, '3.1')
})

/** The page and its files are the only routes outside of the document. */
function registeredRoutes(): string[] {
  return admin.routes
    .filter(({ method }) => method !== 'HEAD')
    .map(({ method, url }) => `${method} ${url.replaceAll(/:(\w+)/g, '{$1}')}`)
    .filter((route) => /^\S+ \/(?:v1\/|metrics$|healthz$|readyz$|openapi\.json$)/.test(route))
}

void t.test('every registered route is in the document, and nothing else is', (t) => {
  const registered = registeredRoutes()
  t.ok(registered.includes('PUT /v1/orgs/{org}/user-limits/custom/{user}'), registered.join(' '))
  t.same(ROUTES.map(({ route }) => route).sort(), registered.sort())
  t.end()
})

void t.test('every operation is described: one name, one tag, a summary, its parameters, its errors', (t) => {
  const names = ROUTES.map(({ operation }) => operation.operationId)
  t.equal(new Set(names).size, names.length, 'no two have the same name')
  for (const { route, operation } of ROUTES) {
    const { operationId, tags, summary, security, parameters = [], responses } = operation
    t.match(operationId, /^[a-z][a-zA-Z]+$/, `${route}: a verb and a noun`)
    t.ok(tags.length === 1 && (tags[0] ?? '') in TAGS, `${route}: ${String(tags)}`)
    t.match(summary, /^[A-Z].*[^.]$/, route)
    for (const { $ref, name, description } of parameters)
      if ($ref === undefined) t.match(description, /\S/, `${route}: ${name}`)
    const inPath = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
    t.same(
      inPath,
      Array.from(route.matchAll(/\{(\w+)\}/g), ([, name]) => name),
      `${route}: what the path has`,
    )
    t.ok(
      Object.keys(responses).some((status) => status < '300'),
      `${route} succeeds`,
    )
    const csrf = parameters.some(({ $ref }) => $ref === '#/components/parameters/Csrf')
    const bySession = (security ?? []).some((scheme) => 'session' in scheme)
    t.equal(csrf, bySession && !route.startsWith('GET '), `${route}: a write by a session needs a csrf`)
    const needsCredentials = (security ?? []).length > 0
    for (const status of ['401', '500', '503'])
      if (needsCredentials) t.ok(status in responses, `${route} may answer ${status}`)
  }
  t.end()
})

void t.test('every error code and every header that exists is answered by some route', (t) => {
  const codes = Object.keys(document.components.responses).flatMap((name) => name.split('.').slice(1))
  t.same([...new Set(codes)].sort(), Object.keys(PROBLEMS).sort())
  const answers = [
    ...ROUTES.flatMap(({ operation }) => Object.values(operation.responses)),
    ...Object.values(document.components.responses),
  ]
  const headers = answers.flatMap((answer) =>
    Object.keys(('headers' in answer ? answer.headers : null) ?? {}),
  )
  t.same([...new Set(headers)].sort(), Object.keys(HEADERS).sort())
  t.end()
})

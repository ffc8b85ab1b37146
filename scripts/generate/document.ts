/** Builds the OpenAPI document of the admin API without a store and without a listener. */
import { pino } from 'pino'
import { createAdminPlane, type AdminPlaneOptions } from '../../src/admin/admin-plane.ts'

export type Document = Record<string, unknown>

/** A placeholder for the dependencies of routes, which registration passes on without using them. */
const anything = new Proxy(() => undefined, {
  get: (_target, name) => (name === 'then' ? undefined : anything),
  apply: () => anything,
}) as never

const OPTIONS: AdminPlaneOptions = {
  redis: anything,
  directory: anything,
  gateway: anything,
  keyCache: anything,
  metrics: anything,
  readiness: anything,
  untilStoreAnswers: anything,
  sessionLife: anything,
  logger: pino({ level: 'silent' }),
  operatorToken: null,
  channels: anything,
  redeliver: anything,
  publicUrl: null,
  trustProxy: [],
}

export async function adminDocument(): Promise<Document> {
  const app = createAdminPlane(OPTIONS)
  await app.ready()
  const document = JSON.parse(JSON.stringify(app.swagger())) as Document
  await app.close()
  return document
}

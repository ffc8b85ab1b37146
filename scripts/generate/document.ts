/** The document of the admin API as this source declares it, without a store and without listening. */
import { pino } from 'pino'
import { createAdminPlane, type AdminPlaneOptions } from '../../src/admin/admin-plane.ts'

export type Document = Record<string, unknown>

/** Stands for what routes are given to work with: registering them only passes it on. */
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

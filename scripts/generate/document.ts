/** The document of the admin API as this source declares it, without a store and without listening. */
import { pino } from 'pino'
import { createAdminPlane, type AdminPlaneOptions } from '../../src/admin/admin-plane.ts'

export type Document = Record<string, unknown>

/** Stands for whatever routes are given to work with: registering them only passes it on. */
const anything: unknown = new Proxy(() => undefined, {
  get: (_target, name) => (name === 'then' ? undefined : anything),
  apply: () => anything,
})

/** What is read while routes are registered. */
const READ: Partial<AdminPlaneOptions> = { logger: pino({ level: 'silent' }), operatorToken: null }

export async function adminDocument(): Promise<Document> {
  const options = new Proxy(READ as AdminPlaneOptions, {
    get: (known, name) =>
      name in known ? (known as unknown as Record<string | symbol, unknown>)[name] : anything,
  })
  const app = createAdminPlane(options)
  await app.ready()
  const document = JSON.parse(JSON.stringify(app.swagger())) as Document
  await app.close()
  return document
}

/** `/metrics`, `/healthz`, `/readyz`: for scrapers and load balancers, which have no credentials. */
import type { FastifyInstance } from 'fastify'

export interface HealthOptions {
  readonly metrics: () => Promise<{
    readonly contentType: string
    readonly body: string
    /** 200 where it is absent. */
    readonly status?: number
  }>
  /** Whether traffic may be sent here: the store answers, and the process is not stopping. */
  readonly readiness: () => Promise<{ readonly ready: boolean; readonly reason?: string }>
}

export function healthRoutes(app: FastifyInstance, { metrics, readiness }: HealthOptions): void {
  app.get('/metrics', async (_request, reply) => {
    const { contentType, body, status } = await metrics()
    return reply
      .code(status ?? 200)
      .header('content-type', contentType)
      .send(body)
  })
  app.get('/healthz', () => ({ status: 'ok' }))
  app.get('/readyz', async (_request, reply) => {
    const { ready, reason } = await readiness()
    if (ready) return { status: 'ready' }
    return reply.code(503).send({ status: 'not ready', reason: reason ?? null })
  })
}

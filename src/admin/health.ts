/** `/metrics`, `/healthz`, `/readyz`: for scrapers and load balancers, which have no credentials. */
import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { documented, json } from './documented.ts'

export interface HealthOptions {
  readonly metrics: () => Promise<{
    readonly contentType: string
    readonly body: string
    /** Absent means 200. */
    readonly status?: number
  }>
  /** Ready means: the store answers, or calls wait for it, and the process is not stopping. */
  readonly readiness: () => { readonly ready: boolean; readonly reason?: string }
}

const getMetrics = documented({
  operationId: 'getMetrics',
  tag: 'Service',
  summary: 'Metrics for Prometheus',
  access: 'public',
  answers: {
    200: {
      description: 'The text format of Prometheus.',
      content: { 'text/plain': Type.String() },
    },
    503: {
      description: 'A worker did not respond in time: the metrics of the others, or none.',
      content: { 'text/plain': Type.String() },
    },
  },
})
const getHealth = documented({
  operationId: 'getHealth',
  tag: 'Service',
  summary: 'Whether the process is up',
  access: 'public',
  answers: { 200: json('The process is up.', Type.Object({ status: Type.Literal('ok') })) },
})
const getReadiness = documented({
  operationId: 'getReadiness',
  tag: 'Service',
  summary: 'Whether traffic may be sent here',
  access: 'public',
  answers: {
    200: json(
      'The store answers, and the process is not stopping.',
      Type.Object({ status: Type.Literal('ready') }),
    ),
    503: json(
      'Send no traffic.',
      Type.Object({
        status: Type.Literal('not ready'),
        reason: Type.Union([Type.String(), Type.Null()], { description: 'Why, for people.' }),
      }),
    ),
  },
})

export function healthRoutes(app: FastifyInstance, { metrics, readiness }: HealthOptions): void {
  app.get('/metrics', getMetrics, async (_request, reply) => {
    const { contentType, body, status } = await metrics()
    return reply
      .code(status ?? 200)
      .header('content-type', contentType)
      .send(body)
  })
  app.get('/healthz', getHealth, () => ({ status: 'ok' }))
  app.get('/readyz', getReadiness, (_request, reply) => {
    const { ready, reason } = readiness()
    if (ready) return { status: 'ready' }
    return reply.code(503).send({ status: 'not ready', reason: reason ?? null })
  })
}

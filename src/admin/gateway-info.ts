/** `GET /v1/gateway`: the address of the data plane and its upstreams, so that the page can show how to call it. */
import { Type } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { Component } from './components.ts'
import { documented, json } from './documented.ts'
import { OneOf } from './schemas.ts'

const FAMILIES = ['openai', 'anthropic', 'gemini', 'generic'] as const

export interface GatewayInfo {
  /** The URL at which callers reach the data plane; null before it listens. */
  readonly dataUrl: () => string | null
  readonly upstreams: readonly {
    readonly name: string
    readonly family: (typeof FAMILIES)[number]
    readonly prefix: string
  }[]
}

const Gateway = Component(
  'Gateway',
  Type.Object({
    dataUrl: Type.Union([Type.String(), Type.Null()], {
      description: 'Base URL of the data plane: `listen.publicUrl`, or the address it listens on.',
    }),
    upstreams: Type.Array(
      Type.Object({
        name: Type.String(),
        family: OneOf(FAMILIES),
        prefix: Type.String({ description: 'Path of its API on the data plane.' }),
      }),
    ),
  }),
)

const getGateway = documented({
  operationId: 'getGateway',
  tag: 'Service',
  summary: 'Read the address of the data plane',
  description: 'The base URL for an SDK is the `dataUrl`, the `prefix` and, for OpenAI, `/v1`.',
  access: 'admin',
  answers: { 200: json('The data plane and the APIs behind it.', Gateway) },
})

export function gatewayInfoRoute(app: FastifyInstance, { dataUrl, upstreams }: GatewayInfo): void {
  app.get('/v1/gateway', getGateway, () => ({ dataUrl: dataUrl(), upstreams }))
}

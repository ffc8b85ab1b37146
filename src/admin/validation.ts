/**
 * Validates requests against the schemas of their routes. Fastify would compile all schemas when the routes are
 * registered, which took a fifth of a gateway's start. Here the first request loads Ajv, and the first request to a
 * schema compiles that schema. A test compiles all of them.
 */
import type { Ajv, Options, ValidateFunction } from 'ajv'
import type { FastifyServerOptions, preValidationHookHandler } from 'fastify'
import { components } from './components.ts'

/**
 * A wrong value is refused and never coerced. Only the first error is reported: to collect all of them would let one
 * body with a quarter of a million wrong values block the process, and with it other traffic.
 */
const OPTIONS: Options = {
  allErrors: false,
  useDefaults: true,
  addUsedSchema: false,
  verbose: true,
  keywords: ['expects'],
  // The schemas are our own and a test checks them; compiling the meta-schema takes longer than everything else here.
  validateSchema: false,
  // Each schema checks few requests, so fast compilation matters more than fast validation.
  code: { optimize: false },
}

/** The parts of a request for which a route may have a schema. */
const CHECKED = ['params', 'querystring', 'headers', 'body'] as const

interface RouteSchema {
  readonly schema: object
}

export interface Validation {
  /** Fastify asks it for one validator per schema. */
  readonly controller: NonNullable<FastifyServerOptions['schemaController']>
  /** Must run before requests are validated, because validators cannot wait for Ajv. */
  readonly load: preValidationHookHandler
}

export function createValidation(): Validation {
  let ajv: Ajv | null = null
  const compile = (schema: object): ValidateFunction => {
    if (ajv === null) throw new Error('a request is validated before Ajv is there')
    return ajv.compile(schema)
  }
  return {
    controller: {
      compilersFactory: {
        // Its declared type is that of Ajv's `compile`, but Fastify passes it a description of the route.
        buildValidator: () => (route: unknown) => validatorOf((route as RouteSchema).schema, compile),
        // A serializer made from a schema silently drops fields that the schema lacks. Here a test compares the two
        // instead.
        buildSerializer: () => () => JSON.stringify,
      },
    },
    load({ routeOptions: { schema } }, _reply, next) {
      if (ajv !== null || schema === undefined || CHECKED.every((part) => schema[part] === undefined)) {
        next()
        return
      }
      createAjv().then((created) => {
        ajv ??= created
        next()
      }, next)
    },
  }
}

/** The Ajv instance that validates requests. It knows the named schemas that others refer to. */
export async function createAjv(options: Options = {}): Promise<Ajv> {
  const [{ Ajv }, { default: formats }] = await Promise.all([import('ajv'), import('ajv-formats')])
  const ajv = new Ajv({ ...OPTIONS, ...options })
  formats.default(ajv)
  for (const schema of components()) ajv.addSchema(schema)
  return ajv
}

function validatorOf(schema: object, compile: (schema: object) => ValidateFunction): ValidateFunction {
  let compiled: ValidateFunction | null = null
  const validator = ((value: unknown): boolean => {
    compiled ??= compile(schema)
    const isValid = compiled(value)
    validator.errors = compiled.errors ?? null
    return isValid
  }) as ValidateFunction
  return validator
}

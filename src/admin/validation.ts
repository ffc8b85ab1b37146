/**
 * Checks requests by the schemas of their routes. Fastify compiles all of them when the routes are registered, which was
 * a fifth of the time that a gateway takes to start. Here the first request loads Ajv, and the first request that a
 * schema applies to compiles that schema. A test compiles all of them.
 */
import type { Ajv, Options, ValidateFunction } from 'ajv'
import type { FastifyServerOptions, preValidationHookHandler } from 'fastify'
import { components } from './components.ts'

/**
 * A wrong value is refused and never bent into a right one. The first one is named: to look for all of them would let
 * one body of a quarter of a million wrong values hold up the traffic that this process carries.
 */
const OPTIONS: Options = {
  allErrors: false,
  useDefaults: true,
  addUsedSchema: false,
  verbose: true,
  keywords: ['expects'],
  // The schemas are our own: a test checks them, and to compile the schema of schemas takes longer than all else here.
  validateSchema: false,
  // Each schema checks few requests: code that is made sooner is worth more than code that runs faster.
  code: { optimize: false },
}

/** The parts of a request that its route may have a schema for. */
const CHECKED = ['params', 'querystring', 'headers', 'body'] as const

interface RouteSchema {
  readonly schema: object
}

export interface Validation {
  /** For Fastify, which asks for a validator per schema. */
  readonly controller: NonNullable<FastifyServerOptions['schemaController']>
  /** Has to run before requests are validated, because validators cannot wait for Ajv. */
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
        // Its declared type is that of Ajv's `compile`; what it is given is a description of the route.
        buildValidator: () => (route: unknown) => validatorOf((route as RouteSchema).schema, compile),
        // An answer that is made from its schema silently lacks what the schema forgot. Here a test compares the two.
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

/** Ajv as requests are checked with it. It knows the schemas that others refer to by name. */
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

/**
 * Switches outside of `tools` by which compatible providers search the web or run something at a fee that no usage report
 * shows, and names of models that do the same. Refused whichever provider it is (C7): operators write down who an upstream
 * is only where its prices differ.
 */
import type { Refusal } from '../errors.ts'
import { VALUE, type KeptValue } from '../json/outline-plan.ts'
import { isObject, type JsonObject } from './request-body.ts'
import { malformed, unpriced } from './shapes.ts'

interface PaidSwitch {
  readonly field: string
  readonly why: string
  readonly isOff: (value: unknown) => boolean
}

const isFalse = (value: unknown): boolean => value === false
const isEmpty = (value: unknown): boolean => Array.isArray(value) && value.length === 0
const never = (): boolean => false
const isDisabled = (value: unknown): boolean => {
  if (!isObject(value)) return isFalse(value)
  const said = [value['enable'], value['enabled']].filter((each) => each !== undefined)
  return said.length > 0 && said.every(isFalse)
}

const SWITCHES: readonly PaidSwitch[] = [
  // OpenRouter: web search, and parsers of files.
  { field: 'plugins', why: 'plugins have fees of their own', isOff: isEmpty },
  // OpenRouter: an account's preset brings models, plugins and tools.
  { field: 'preset', why: 'a preset may bring paid plugins and other models', isOff: never },
  {
    // xAI.
    field: 'search_parameters',
    why: 'live searches have no price here (mode "off" passes)',
    isOff: (value) => isObject(value) && value['mode'] === 'off',
  },
  // DashScope, Qianfan, Hunyuan.
  { field: 'enable_search', why: 'web searches have no price here', isOff: isFalse },
  { field: 'web_search', why: 'web searches have no price here', isOff: isDisabled },
  { field: 'enable_enhancement', why: 'web searches have no price here', isOff: isFalse },
  { field: 'web_search_options', why: 'web searches have no price here', isOff: never },
  // Groq: tools that its compound models run.
  { field: 'compound_custom', why: 'the tools of compound models have no price here', isOff: never },
]

/** The fields, for the plans of requests: a switch is read as a whole, since each key of it may decide over a fee. */
export const SWITCH_FIELDS: Readonly<Record<string, string>> = {
  ...Object.fromEntries(SWITCHES.map(({ field }) => [field, 'switch'])),
  models: 'names',
}
/** The values of these fields. */
export const SWITCH_VALUES: Readonly<Record<string, KeptValue>> = {
  switch: { others: 'switch', each: 'switch' },
  names: { each: VALUE },
}

/** Models that search the web on every call, and what OpenRouter appends to a model's name or puts in its place. */
const PAID_MODELS: readonly { readonly name: RegExp; readonly why: string }[] = [
  { name: /-search-(?:preview|api)/, why: 'searches the web, which has no price here' },
  { name: /:online(?::|$)/i, why: 'searches the web, which has no price here' },
  { name: /@preset\//i, why: 'names a preset, which may bring paid plugins and other models' },
]
/** OpenRouter takes three. */
const MOST_ALTERNATIVES = 16

function modelRefusal(field: string, model: string): Refusal | null {
  const paid = PAID_MODELS.find(({ name }) => name.test(model))
  return paid === undefined ? null : unpriced(field, `'${model}' ${paid.why}`)
}

/** A refusal where a request asks for paid extras outside of its tools, or for a model that brings them. */
export function paidSwitchRefusal(json: JsonObject, model: string): Refusal | null {
  for (const { field, why, isOff } of SWITCHES) {
    const value = json[field]
    if (value !== undefined && value !== null && !isOff(value)) return unpriced(field, why)
  }
  return modelRefusal('model', model)
}

/** Other models that may answer the call (OpenRouter's `models`): each needs a price, and the dearest is held. */
export function alternativesOf(json: JsonObject): readonly string[] | Refusal {
  const { models } = json
  if (models === undefined || models === null) return []
  if (!Array.isArray(models) || models.length > MOST_ALTERNATIVES) {
    return malformed('models', `a list of at most ${MOST_ALTERNATIVES} models`)
  }
  const names: string[] = []
  for (const name of models as unknown[]) {
    if (typeof name !== 'string' || name === '' || name.length > 200)
      return malformed('models', 'a list of names of models')
    const refusal = modelRefusal('models', name)
    if (refusal !== null) return refusal
    names.push(name)
  }
  return names
}

/**
 * The registry of families: what an upstream's `family` names. A new family is a folder here, a name in `Family`, a case in
 * `familyOf` and, unless it is priced per route, an entry in `FORMATS`. Its name also goes into the configuration
 * (config/schema.ts), the admin API (admin/gateway-info.ts) and the hints for wrong paths (call/wrong-path.ts).
 */
import { MICROCREDITS_PER_CREDIT, microcredits } from '../core/units.ts'
import { anthropic } from './anthropic/anthropic.ts'
import type { Family } from './family.ts'
import { gemini } from './gemini/gemini.ts'
import { generic } from './generic.ts'
import { openai } from './openai/openai.ts'

/** An upstream's own settings of its family, as the configuration has them. */
export interface FamilySettings {
  readonly family: Family['name']
  readonly provider?: string | undefined
  readonly askForUsage?: boolean | undefined
  readonly routes?:
    | readonly {
        readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
        readonly path: string
        readonly creditsPerCall: number
      }[]
    | undefined
}

export function familyOf({ family, provider, askForUsage = true, routes = [] }: FamilySettings): Family {
  switch (family) {
    case 'openai':
      return openai(provider ?? null, { askForUsage })
    case 'anthropic':
      return anthropic
    case 'gemini':
      return gemini
    case 'generic':
      return generic(
        routes.map(({ method, path, creditsPerCall }) => ({
          method,
          path,
          price: microcredits(Math.round(creditsPerCall * MICROCREDITS_PER_CREDIT)),
        })),
      )
  }
}

/** The family of each API, for refusals of calls that reach no upstream. */
export const FORMATS: Readonly<Record<Exclude<Family['name'], 'generic'>, Pick<Family, 'refusalBody'>>> = {
  openai: openai(null),
  anthropic,
  gemini,
}

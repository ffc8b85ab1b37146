/**
 * Betas of Anthropic's API. They are forwarded as the caller wrote them, because the provider refuses their body fields
 * with 400 without them. Betas that are billed in a way that no tariff covers are refused.
 */
import { LongText } from '../../json/text.ts'
import { refuse, type Refusal } from '../../errors.ts'
import { isObject, type JsonObject } from '../request-body.ts'
import { malformed } from '../shapes.ts'

export const BETA_HEADER = 'anthropic-beta'

interface UnpricedBeta {
  readonly name: RegExp
  readonly why: string
  /** Advice on how to switch it off in a client. */
  readonly advice: string
}

const UNPRICED: readonly UnpricedBeta[] = [
  {
    name: /^fast-mode(?:-|$)/,
    why: 'fast mode has prices of its own, which are not known here',
    advice: 'Switch fast mode off (Claude Code: CLAUDE_CODE_DISABLE_FAST_MODE=1).',
  },
  {
    name: /^advisor-tool(?:-|$)/,
    why: 'the advisor is another model, whose tokens are billed at its own price',
    advice: 'Switch the advisor off (Claude Code: CLAUDE_CODE_DISABLE_ADVISOR_TOOL=1).',
  },
  {
    name: /^server-side-fallback(?:-|$)/,
    why: 'a dearer model may answer in place of the one that is asked',
    advice: "Leave it out, together with 'fallbacks', and let the client ask the other model.",
  },
]

/** The betas that a request names, in its header or, as some intermediate gateways write them, in its body. */
export function betasOf(header: string | string[] | undefined, json: JsonObject): string[] | Refusal {
  const { anthropic_beta: inBody } = json
  if ([inBody].flat().some((value) => value instanceof LongText))
    return malformed('anthropic_beta', 'a list of names')
  const values = [header, inBody].flat().filter((value) => typeof value === 'string')
  return values
    .flatMap((value) => value.split(','))
    .map((beta) => beta.trim())
    .filter((beta) => beta !== '')
}

/** Refuses betas with unpriced costs (C7), by their name. */
export function betaRefusal(betas: readonly string[]): Refusal | null {
  for (const beta of betas) {
    const known = UNPRICED.find(({ name }) => name.test(beta.toLowerCase()))
    if (known === undefined) continue
    return refuse(
      'unsupported_option',
      `The beta '${beta.slice(0, 64)}' cannot be priced: ${known.why}. ${known.advice}`,
      { param: BETA_HEADER },
    )
  }
  return null
}

const COMPACTION = /^compact(?:_|$)/
/** The prompt size from which a conversation is summarised, unless the request sets another. */
const COMPACTION_FROM = 150_000

/**
 * The prompt size from which the provider may summarise the conversation within the call, for which it reads all of it
 * once more; null if it never does.
 */
export function compactsFrom(json: JsonObject): number | null {
  const { context_management: management } = json
  if (!isObject(management) || !Array.isArray(management['edits'])) return null
  const edit: unknown = management['edits'].find(
    (each) => isObject(each) && COMPACTION.test(String(each['type'])),
  )
  if (!isObject(edit)) return null
  const trigger = isObject(edit['trigger']) ? edit['trigger']['value'] : null
  return typeof trigger === 'number' ? trigger : COMPACTION_FROM
}

/**
 * A corpus of answers in the shapes that the providers document: written for these tests, from the type definitions of the
 * official SDKs, which check most of them. What each must be charged as stands beside it, worked out by hand.
 */
import { NO_USAGE, type Usage } from '../../src/core/tariff.ts'

export interface CorpusAnswer {
  readonly name: string
  readonly family: 'openai' | 'anthropic' | 'gemini'
  /** The provider whose dialect of OpenAI's API it is; null of the family's own. */
  readonly provider: string | null
  /** The route that it answers, as the family has it. */
  readonly path: string
  readonly body: Body
  /** Null where it reports none. */
  readonly usage: Usage | null
  /** How much of its output is estimated, because the answer broke off; absent: none. */
  readonly guessedOutput?: number
  readonly model: string | null
  /** What was generated, as far as an estimate would count it (C5): text, reasoning, refusals, arguments of tools. */
  readonly text: string
  /** What @pydantic/genai-prices makes of it, or why it is not asked. */
  readonly opinion: Opinion | string
}

type Body =
  | { readonly kind: 'json'; readonly value: object; readonly indent: number }
  | { readonly kind: 'events'; readonly events: readonly Event[] }

export interface Event {
  readonly name: string | null
  readonly data: string
  /** Lines in front of the event that are no part of it. */
  readonly before: readonly string[]
}

export interface Opinion {
  readonly provider: string
  readonly flavor: string
  /** The object that holds the final usage, as a caller would have it at the end of the answer. */
  readonly of: object
  /** Where we differ on purpose: their figure, and why ours is another. */
  readonly differs?: Readonly<Record<string, { readonly theirs: number | undefined; readonly why: string }>>
}

export function json(value: object, indent = 0): Body {
  return { kind: 'json', value, indent }
}

/** A stream whose events have data only; a text is data as it is. */
export function events(list: readonly (object | string)[]): Body {
  return {
    kind: 'events',
    events: list.map((data) => ({
      name: null,
      data: typeof data === 'string' ? data : JSON.stringify(data),
      before: [],
    })),
  }
}

/** A stream whose events say their type in a line of their own, too. */
export function namedEvents(list: readonly { readonly type: string }[]): Body {
  return {
    kind: 'events',
    events: list.map((data) => ({ name: data.type, data: JSON.stringify(data), before: [] })),
  }
}

/** The same stream with a comment in front of each event. */
export function commented(body: Body, comment: string): Body {
  if (body.kind !== 'events') throw new Error('no stream')
  return { ...body, events: body.events.map((event) => ({ ...event, before: [`: ${comment}`, ''] })) }
}

export function isStream(body: Body): boolean {
  return body.kind === 'events'
}

/** The bytes on the wire. */
export function render(body: Body, newline = '\n'): Buffer {
  if (body.kind === 'json') {
    const text = JSON.stringify(body.value, null, body.indent)
    return Buffer.from(text.replaceAll('\n', newline))
  }
  const lines = body.events.flatMap(({ name, data, before }) => [
    ...before,
    ...(name === null ? [] : [`event: ${name}`]),
    `data: ${data}`,
    '',
  ])
  return Buffer.from(lines.map((line) => line + newline).join(''))
}

/** Usage of which only some kinds of token were used. */
export function usage(some: Partial<Usage>): Usage {
  return { ...NO_USAGE, ...some }
}

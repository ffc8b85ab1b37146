/** Why a document is refused (outline.ts), and where its values stand. */

export interface OutlineProblem {
  readonly message: string
  /** The key at fault, where it is one. */
  readonly param: string | null
}

/** The bytes `[from, to)` of a document. */
export interface Place {
  readonly from: number
  readonly to: number
}

const problem = (message: string): OutlineProblem => ({ message, param: null })

export const NOT_UTF8 = problem('The request body is not valid UTF-8.')
export const NOT_AN_OBJECT = problem('The request body must be a JSON object.')
export const TOO_MANY_VALUES = problem(
  'The request body is made of too many values: it would take too long to read.',
)

export const TOO_MANY_KEYS = problem(
  'The request body has an object with more than 1000 keys, or with a key of more than 1024 bytes.',
)

export function syntax(reason: string): OutlineProblem {
  return problem(`The request body is not acceptable JSON: ${reason}.`)
}

export function poison(key: string): OutlineProblem {
  return syntax(`a key '${key}' could change what others mean`)
}

/** The differences between two versions of a setting, field by field. */
export interface Change {
  /** Such as `exclude.workflow`. */
  readonly field: string
  /** Null if there was no value. */
  readonly before: string | null
  readonly after: string | null
}

export function changesOf(before: unknown, after: unknown): Change[] {
  const [old, now] = [flat(before), flat(after)]
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((field) => ({ field, before: old.get(field) ?? null, after: now.get(field) ?? null }))
    .filter(({ field, before, after }) => before !== after && !isNoise(field) && !isNothing(before, after))
}

/** Fields that the target and the time of the entry already show. */
const isNoise = (field: string): boolean => field === 'id' || field === 'createdAt'

/** For a new or a deleted entity, empty fields are not listed. */
const isNothing = (before: string | null, after: string | null): boolean =>
  (before === null && after === NONE) || (after === null && before === NONE)

const NONE = 'none'
/** The meaning of null depends on the field: a null custom limit means unlimited (L2). */
const nothing = (field: string): string => (field === 'limit' ? 'unlimited' : NONE)

function flat(value: unknown, path = ''): Map<string, string> {
  if (value === null || value === undefined) return new Map(path === '' ? [] : [[path, nothing(path)]])
  if (typeof value !== 'object' || Array.isArray(value)) return new Map([[path, shown(value)]])
  return new Map(
    Object.entries(value).flatMap(([key, inner]) => [...flat(inner, path === '' ? key : `${path}.${key}`)]),
  )
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.map(shown).join(', ')
  return typeof value === 'string' ? value : JSON.stringify(value)
}

/** Placeholders in an organization's own words for a refusal (E3): `{limit}` and the like. */

export const PLACEHOLDERS = [
  'user',
  'limit',
  'used',
  'counted',
  'remaining',
  'resets_at',
  'contact',
  'org',
] as const
export type Placeholder = (typeof PLACEHOLDERS)[number]

const BRACES = /\{([^{}]*)\}/g
/** Control characters, and those that turn the direction of what follows them. */
const UNPRINTABLE = /[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu
const UNPRINTABLE_BUT_LINES = /(?!\n)[\p{Cc}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu

/** Names in braces that are not placeholders, each once, as written. */
export function unknownPlaceholders(text: string): string[] {
  const found = Array.from(text.matchAll(BRACES), ([, name = '']) => name)
  return [...new Set(found.filter((name) => !isPlaceholder(name)))]
}

/**
 * The text with its placeholders replaced once: a value that looks like a placeholder stays. Characters that could hide
 * or reorder text are removed from the text and the values.
 */
export function fill(text: string, values: Readonly<Record<Placeholder, string>>): string {
  return text
    .replace(UNPRINTABLE_BUT_LINES, '')
    .replace(BRACES, (whole, name: string) =>
      isPlaceholder(name) ? values[name].replace(UNPRINTABLE, '') : whole,
    )
}

function isPlaceholder(name: string): name is Placeholder {
  return (PLACEHOLDERS as readonly string[]).includes(name)
}

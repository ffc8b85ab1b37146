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

/** Whatever stands in braces and is no placeholder, each once, as it is written. */
export function unknownPlaceholders(text: string): string[] {
  const found = Array.from(text.matchAll(BRACES), ([, name = '']) => name)
  return [...new Set(found.filter((name) => !isPlaceholder(name)))]
}

/**
 * The text with its placeholders filled in, once: a value that looks like a placeholder stays as it is. What people or
 * programs have typed is freed of characters that could hide or reorder the text around it.
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

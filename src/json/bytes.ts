/** What a byte of JSON means outside of strings. */

/** No byte of JSON. */
export const FOREIGN = 0
export const SPACE = 1
/** A character of a number, of true, false or null. */
export const LITERAL = 2
export const QUOTE = 3
export const COMMA = 4
export const COLON = 5
export const OPEN = 6
export const CLOSE = 7

export const KIND = new Uint8Array(256)
for (const [characters, kind] of [
  [' \t\n\r', SPACE],
  ['+-.0123456789Eaeflnrstu', LITERAL],
  ['"', QUOTE],
  [',', COMMA],
  [':', COLON],
  ['{[', OPEN],
  ['}]', CLOSE],
] as const) {
  for (const character of characters) KIND[character.charCodeAt(0)] = kind
}

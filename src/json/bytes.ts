/** What a byte of JSON means outside of strings, and comparisons of bytes. */

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

/** What reading a byte costs outside of strings: a list, an object or a member is dearer than a number. */
export const WEIGHT = new Uint8Array(256)
for (const [characters, weight] of [
  [',', 1],
  [':[{', 4],
] as const) {
  for (const character of characters) WEIGHT[character.charCodeAt(0)] = weight
}

export const QUOTE_BYTE = 0x22
export const BACKSLASH = 0x5c
export const LAST_ASCII = 0x7f

/** Whether `chunk[from, to)` are these bytes. */
export function isAt(bytes: Uint8Array, chunk: Uint8Array, from: number, to: number): boolean {
  if (to - from !== bytes.length) return false
  for (let at = 0; at < bytes.length; at += 1) if (chunk[from + at] !== bytes[at]) return false
  return true
}

/** Whether `chunk[from, to)` are this text in ASCII; false for every other text. */
export function isAscii(text: string, chunk: Uint8Array, from: number, to: number): boolean {
  if (to - from !== text.length) return false
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code > LAST_ASCII || chunk[from + at] !== code) return false
  }
  return true
}

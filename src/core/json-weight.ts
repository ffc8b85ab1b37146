/**
 * How much work JSON text makes for who parses it, told from its bytes before anybody does. A body of 20 MB in one string
 * takes 20 ms; one of seven million empty objects takes seconds and a gigabyte, in which no other call goes on.
 */
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** What a byte outside of strings costs: a number is cheap, an array or an object is not, and keys are dearest. */
const COST = new Uint8Array(256)
COST[0x2c] = 1
COST[0x5b] = 4
COST[0x7b] = 4
COST[0x3a] = 4

/** Smaller texts are parsed in milliseconds, whatever they are made of. */
const LIGHT_BYTES = 65_536
/** A million numbers, or a hundred thousand small objects: well under half a second. */
const MAX_WEIGHT = 1_000_000

/** Whether a text is made of more values than any API has a use for. Stops as soon as it knows. */
export function isHeavyJson(bytes: Buffer): boolean {
  if (bytes.length <= LIGHT_BYTES) return false
  let weight = 0
  for (let at = 0; at < bytes.length;) {
    const byte = bytes[at] ?? 0
    if (byte === QUOTE) {
      at = endOfString(bytes, at)
      continue
    }
    weight += COST[byte] ?? 0
    if (weight > MAX_WEIGHT) return true
    at += 1
  }
  return false
}

/** Past the closing quote of the string that opens at `open`. Byte by byte only where there are escaped quotes. */
export function endOfString(bytes: Buffer, open: number): number {
  const quote = bytes.indexOf(QUOTE, open + 1)
  if (quote === -1) return bytes.length
  if (bytes[quote - 1] !== BACKSLASH) return quote + 1
  for (let at = open + 1; at < bytes.length; at += 1) {
    if (bytes[at] === BACKSLASH) at += 1
    else if (bytes[at] === QUOTE) return at + 1
  }
  return bytes.length
}

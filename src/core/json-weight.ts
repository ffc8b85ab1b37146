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

/** A million numbers, or a hundred thousand small objects: well under half a second. */
const MAX_WEIGHT = 1_000_000
/** No text of fewer bytes weighs more, whatever it is made of. */
const LIGHT_BYTES = MAX_WEIGHT / Math.max(...COST)

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

/** Past the closing quote of the string that opens at `open`: the first quote behind it that no backslash escapes. */
export function endOfString(bytes: Buffer, open: number): number {
  for (let from = open + 1; ;) {
    const quote = bytes.indexOf(QUOTE, from)
    if (quote === -1) return bytes.length
    let before = quote - 1
    while (bytes[before] === BACKSLASH) before -= 1
    // Of an even number, each second one is itself escaped.
    if ((quote - before) % 2 === 1) return quote + 1
    from = quote + 1
  }
}

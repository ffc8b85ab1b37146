/**
 * Estimates from its bytes how much work parsing a JSON text takes, before it is parsed. A body of 20 MB in one string
 * takes 20 ms; one of seven million empty objects takes seconds and a gigabyte, and blocks every other call.
 */
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The cost of a byte outside of strings: numbers are cheap, arrays, objects and keys are not. */
const COST = new Uint8Array(256)
COST[0x2c] = 1
COST[0x5b] = 4
COST[0x7b] = 4
COST[0x3a] = 4

/** A million numbers, or a hundred thousand small objects: well under half a second. */
const MAX_WEIGHT = 1_000_000
/** No shorter text can weigh more, whatever it contains. */
const LIGHT_BYTES = MAX_WEIGHT / Math.max(...COST)

/** Whether a text has more values than any API needs. Stops as soon as that is certain. */
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

/**
 * The position after the closing quote of the string that opens at `open`: the first later quote that no backslash
 * escapes.
 */
export function endOfString(bytes: Buffer, open: number): number {
  for (let from = open + 1; ;) {
    const quote = bytes.indexOf(QUOTE, from)
    if (quote === -1) return bytes.length
    let before = quote - 1
    while (bytes[before] === BACKSLASH) before -= 1
    // In an even number of backslashes, every second one is itself escaped.
    if ((quote - before) % 2 === 1) return quote + 1
    from = quote + 1
  }
}

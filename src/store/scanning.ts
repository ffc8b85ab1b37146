/**
 * Iterates over results that the store returns in parts (SCAN and similar commands), so that the store is never blocked
 * for long.
 */

/** One step: returns the next cursor, '0' after the last part, and the items of this part. */
type Step = (cursor: string) => Promise<readonly [string, readonly string[]]>

/** Yields every part, some of which may be empty. Items added or removed meanwhile may be missing or come twice. */
export async function* scanned(step: Step): AsyncGenerator<readonly string[]> {
  let cursor = '0'
  do {
    const [next, part] = await step(cursor)
    yield part
    cursor = next
  } while (cursor !== '0')
}

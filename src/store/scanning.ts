/** Walks through what the store hands out a part at a time (SCAN and its kin), so that it is never held up for long. */

/** One step: the next cursor, '0' after the last part, and what this part holds. */
type Step = (cursor: string) => Promise<readonly [string, readonly string[]]>

/** Every part in turn, which may be empty. What comes or goes meanwhile may be missing, or come twice. */
export async function* scanned(step: Step): AsyncGenerator<readonly string[]> {
  let cursor = '0'
  do {
    const [next, part] = await step(cursor)
    yield part
    cursor = next
  } while (cursor !== '0')
}

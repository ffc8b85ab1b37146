/** Finds the model name that a misspelled one was meant to be. */

/** The most typing errors in a name; fewer in a short one: one per CHARACTERS_PER_ERROR characters. */
const MOST_ERRORS = 3
const CHARACTERS_PER_ERROR = 5

/** Normalizes a name: clients write any case, and some put a provider or a folder in front. */
function plain(name: string): string {
  return name.toLowerCase().slice(name.lastIndexOf('/') + 1)
}

/** The name among `known` that is closest to `typed`; null if none is close. */
export function closestName(typed: string, known: Iterable<string>): string | null {
  const wanted = plain(typed)
  let least = Math.min(MOST_ERRORS, Math.floor(wanted.length / CHARACTERS_PER_ERROR)) + 1
  let closest: string | null = null
  for (const name of known) {
    const errors = distance(wanted, plain(name), least)
    if (errors >= least) continue
    least = errors
    closest = name
  }
  return closest
}

/**
 * The number of characters to insert, delete, replace or swap with their neighbour; `enough` if it is at least that.
 */
function distance(a: string, b: string, enough: number): number {
  if (Math.abs(a.length - b.length) >= enough) return enough
  let before: number[] = []
  let last = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i]
    for (let j = 1; j <= b.length; j += 1) {
      const isSame = a[i - 1] === b[j - 1]
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]
      row[j] = Math.min(
        (last[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (last[j - 1] ?? 0) + (isSame ? 0 : 1),
        isSwapped ? (before[j - 2] ?? 0) + 1 : Infinity,
      )
    }
    if (Math.min(...row) >= enough) return enough
    before = last
    last = row
  }
  return last[b.length] ?? enough
}

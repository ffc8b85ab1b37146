/** What the rules of the configuration ask of a URL. */

export function parseUrl(value: string): URL | null {
  const url = URL.canParse(value) ? new URL(value) : null
  return url !== null && url.hostname !== '' ? url : null
}

/** Whether a URL that is well formed has a user or a password in it. */
export function hasCredentials(url: string): boolean {
  const { username, password } = new URL(url)
  return username !== '' || password !== ''
}

/** Whether every % of a part of a URL begins an escape. */
export function canDecode(text: string): boolean {
  try {
    // A call whose result nobody uses has no effect to a bundler, and would be left out.
    return decodeURIComponent(text).length <= text.length
  } catch {
    return false
  }
}

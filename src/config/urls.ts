/** Checks of URLs in the configuration. */

export function parseUrl(value: string): URL | null {
  const url = URL.canParse(value) ? new URL(value) : null
  return url !== null && url.hostname !== '' ? url : null
}

/** Whether a well-formed URL contains a user or a password. */
export function hasCredentials(url: string): boolean {
  const { username, password } = new URL(url)
  return username !== '' || password !== ''
}

/** Whether every % in a part of a URL begins a valid escape. */
export function canDecode(text: string): boolean {
  try {
    // Bundlers remove a call whose result is unused, because they assume that it has no effect.
    return decodeURIComponent(text).length <= text.length
  } catch {
    return false
  }
}

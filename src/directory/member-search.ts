/** Searches members by a part of their id, name or email address, ignoring case. */
import { matches, parseMember } from './members.ts'

/**
 * Those of the users that match `q`; `members` are their entries of the members' hash, null for users who are not
 * members.
 */
export function matchingUsers(
  users: readonly string[],
  members: readonly (string | null | undefined)[],
  q: string,
): Set<string> {
  const found = new Set<string>()
  for (const [index, user] of users.entries()) if (isFound(user, members[index] ?? null, q)) found.add(user)
  return found
}

/**
 * Whether this member matches `q`. Most of a hundred thousand members do not match, so the stored text is searched
 * first, and JSON is parsed only for possible matches. Characters that JSON escapes look different in the stored text.
 */
export function isFound(user: string, json: string | null, q: string): boolean {
  const wanted = q.toLowerCase()
  if (user.toLowerCase().includes(wanted)) return true
  if (json === null) return false
  if (!/["\\]/.test(wanted) && !json.toLowerCase().includes(wanted)) return false
  return matches(parseMember(user, json), q)
}

/** Looking for members by a part of their id, name or e-mail address, in any case. */
import { matches, parseMember } from './members.ts'

/** Those of the users whom `q` finds; `members` are their entries of the members' hash, null for who is no member. */
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
 * Whether `q` finds this member. Most of a hundred thousand are no match, and are told from the text as it is stored: only
 * where it could be in there is the text read as JSON. Characters that JSON escapes look different in it.
 */
export function isFound(user: string, json: string | null, q: string): boolean {
  const wanted = q.toLowerCase()
  if (user.toLowerCase().includes(wanted)) return true
  if (json === null) return false
  if (!/["\\]/.test(wanted) && !json.toLowerCase().includes(wanted)) return false
  return matches(parseMember(user, json), q)
}

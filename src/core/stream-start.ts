/**
 * Distinguishes an event stream from JSON by its first bytes. Providers and gateways label streams as text/plain or not
 * at all, and label JSON as a stream.
 */

/** How the lines of an event stream begin (WHATWG HTML, section 9.2): a field's name and a colon, or the colon of a comment. */
const FIELDS = ['data', 'event', 'id', 'retry', '']
const BYTE_ORDER_MARK = '\u00ef\u00bb\u00bf'
const WHITE_SPACE = /^[ \t\r\n]*/
/** Longer leading white space leaves the kind unknown. */
const MAX_BYTES = 4_096
const LONGEST = 6

/** The kind of body that begins with these bytes; `unknown` if they do not show it, null if more bytes may. */
export function kindOfStart(bytes: Buffer): 'events' | 'json' | 'unknown' | null {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, MAX_BYTES))
  if (text.length < BYTE_ORDER_MARK.length && BYTE_ORDER_MARK.startsWith(text)) return null
  const marked = text.startsWith(BYTE_ORDER_MARK) ? text.slice(BYTE_ORDER_MARK.length) : text
  const begun = marked.replace(WHITE_SPACE, '')
  if (begun === '') return bytes.length < MAX_BYTES ? null : 'unknown'
  if (begun.startsWith('{') || begun.startsWith('[')) return 'json'
  const head = begun.slice(0, LONGEST)
  if (FIELDS.some((field) => head.startsWith(`${field}:`))) return 'events'
  return FIELDS.some((field) => `${field}:`.startsWith(head)) ? null : 'unknown'
}

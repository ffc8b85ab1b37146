/**
 * The input of each Lua script: its keys, its arguments and the fields of each item of its batch. The loader generates
 * the Lua lines that give them these names (scripts.ts): a script reads `key.org`, `arg.lease_ms`, `items[1].hold_id`.
 *
 * Times are Unix milliseconds and amounts whole microcredits. `number` is a Lua number in the script. `text` stays as
 * it is, because the script compares or stores it.
 */
export type Type = 'text' | 'number'

export interface Signature {
  /** Keys that are always present, in their order in KEYS. */
  readonly keys: readonly string[]
  /** After them, lists of any number of keys. */
  readonly keyLists?: readonly string[]
  readonly args?: Readonly<Record<string, Type>>
  /** Lists of any number of texts. */
  readonly lists?: readonly string[]
  /** The fields of each item of a batch. */
  readonly items?: Readonly<Record<string, Type>>
}

/** The change that `audit` writes (lua/include/audit.lua); `before` and `after` are JSON. */
const CHANGE = { actor: 'text', action: 'text', target: 'text', before: 'text', after: 'text' } as const

/** The books of an organization in one period (lua/include/books.lua). */
const BOOKS = {
  keys: ['org', 'custom_limits', 'total', 'armed', 'fired', 'top', 'leases', 'outbox', 'alerts'],
  keyLists: ['users', 'days', 'user_days', 'buckets'],
  args: {
    period_no: 'text',
    user_life_end_ms: 'text',
    day_life_ms: 'text',
    user_day_life_ms: 'text',
  },
  lists: ['user_ids'],
} as const
/** A hold, with the positions of its user, day, user's day and bucket in the lists of keys, from 1. */
const HOLD = { hold_id: 'text', user: 'number', day: 'number', user_day: 'number', bucket: 'number' } as const
const USAGE = {
  source: 'text',
  model: 'text',
  cost: 'number',
  input_tokens: 'number',
  output_tokens: 'number',
  /** When the organization that admitted the call was created; empty to accept the current one. */
  org_created_at: 'text',
} as const

/** The log of one notice: its hash, and an index of the notices for each state of a delivery. */
const NOTICE = {
  keys: ['notice', 'queued', 'sent', 'failed', 'parked', 'no_recipients'],
  /** `oldest` is the prefix of the first member that the indexes still show. */
  args: { member: 'text', life_ms: 'text', oldest: 'text' },
} as const

export const SIGNATURES = {
  reserve: {
    keys: ['org', 'members', 'custom_limits', 'total', 'leases', 'outbox', 'removed_members'],
    keyLists: ['users', 'buckets'],
    args: {
      period_no: 'text',
      day_start_ms: 'number',
      day_end_ms: 'number',
      day: 'text',
      lease_ms: 'number',
      user_life_end_ms: 'text',
    },
    lists: ['user_ids'],
    items: {
      hold_id: 'text',
      user: 'number',
      bucket: 'number',
      source: 'text',
      worst_case: 'text',
      /** Empty if nothing bounds the call. */
      strict_worst_case: 'text',
      prompt_price: 'text',
      model: 'text',
      /** '1' if an unknown user may become a member by this call. */
      may_enroll: 'text',
    },
  },
  settle: { ...BOOKS, items: { ...HOLD, ...USAGE } },
  free: { ...BOOKS, items: { ...HOLD, source: 'text', model: 'text' } },
  expire: { ...BOOKS, items: { ...HOLD, date: 'text' } },
  replay: {
    ...BOOKS,
    keys: [...BOOKS.keys, 'journals'],
    args: { ...BOOKS.args, journal: 'text' },
    /** `kind` is settle, free or charge, which has no hold. `may_have_come` is '1' if the store may know the settle. */
    items: { seq: 'number', kind: 'text', ...HOLD, ...USAGE, may_have_come: 'text' },
  },
  adjust: {
    ...BOOKS,
    keys: [...BOOKS.keys, 'members', 'audit', 'answer'],
    /**
     * `fingerprint` of the request is empty without an idempotency key. `after` lacks the usage, which the script adds.
     */
    args: {
      ...BOOKS.args,
      day_start_ms: 'number',
      day_end_ms: 'number',
      source: 'text',
      amount: 'number',
      id: 'text',
      fingerprint: 'text',
      answer_life_ms: 'text',
      ...CHANGE,
    },
  },
  renew: { keys: ['leases'], args: { lease_ms: 'number' }, lists: ['leases'] },
  roll: {
    keys: ['org', 'total', 'armed', 'alerts'],
    /**
     * `ends_no` is the period that ends. The others describe the period to open, computed with `billing_next` ('' for
     * none).
     */
    args: {
      ends_no: 'text',
      period_no: 'text',
      start_ms: 'number',
      end_ms: 'number',
      life_end_ms: 'text',
      billing_next: 'text',
    },
  },
  'create-org': {
    keys: ['org', 'total', 'audit'],
    args: { start_ms: 'number', end_ms: 'number', life_end_ms: 'text', ...CHANGE },
    /** Each field of the org's hash, then its value. */
    lists: ['fields'],
  },
  configure: {
    keys: ['org', 'admins', 'audit', 'alerts', 'total', 'armed', 'fired', 'outbox'],
    /** `allowance` is empty if it is not saved. */
    args: { tag: 'text', period_no: 'text', ...CHANGE, allowance: 'text', life_end_ms: 'text' },
    /** `resource` has the names of the fields whose tag was read, `fields` each field to save, then its value. */
    lists: ['resource', 'recipients', 'fields'],
  },
  'delete-org': {
    keys: ['org'],
    /** `tag` is empty to accept any version; `deletion` is JSON. */
    args: { tag: 'text', deletion: 'text' },
    lists: ['resource'],
  },
  'put-member': {
    keys: ['org', 'members', 'removed_members', 'admins', 'audit'],
    args: { tag: 'text', ...CHANGE, user: 'text', member: 'text', role: 'text', may_leave_no_admin: 'text' },
  },
  'remove-member': {
    keys: ['members', 'removed_members', 'admins', 'audit'],
    args: { tag: 'text', ...CHANGE, user: 'text', may_leave_no_admin: 'text' },
  },
  'save-entry': {
    keys: ['org', 'entries', 'members', 'audit'],
    /** Each may be empty: `text` removes the entry, `most` means no limit, `member` means no required member. */
    args: { tag: 'text', ...CHANGE, field: 'text', text: 'text', most: 'text', member: 'text' },
  },
  'save-alert': {
    keys: ['org', 'admins', 'alerts', 'audit', 'total', 'armed', 'fired', 'outbox'],
    args: {
      tag: 'text',
      period_no: 'text',
      ...CHANGE,
      id: 'text',
      alert: 'text',
      life_end_ms: 'text',
      most_alerts: 'number',
    },
    lists: ['recipients'],
  },
  'delete-alert': {
    keys: ['org', 'alerts', 'audit', 'total', 'armed', 'fired'],
    args: { tag: 'text', period_no: 'text', ...CHANGE, id: 'text' },
  },
  'check-user': {
    keys: ['org', 'user', 'top', 'audit'],
    keyLists: ['user_days'],
    /** `repair` is '1' to repair differences. */
    args: {
      period_no: 'text',
      day_end_ms: 'number',
      user_life_end_ms: 'text',
      repair: 'text',
      user: 'text',
      ...CHANGE,
    },
  },
  'check-totals': {
    keys: ['org', 'total', 'leases', 'audit'],
    keyLists: ['days', 'users'],
    args: { period_no: 'text', day_end_ms: 'number', repair: 'text', looks_at_held: 'text', ...CHANGE },
    lists: ['user_ids'],
  },
  'open-notices': {
    keys: ['org', 'all', 'queued'],
    keyLists: ['notices'],
    args: { org_created_at: 'text', life_ms: 'text', oldest: 'text' },
    items: { member: 'text', crossing: 'text' },
  },
  relayed: { keys: ['outbox'], keyLists: ['notices'], lists: ['entries'] },
  'plan-deliveries': {
    ...NOTICE,
    args: { ...NOTICE.args, is_last: 'text' },
    items: { name: 'text', state: 'text', reason: 'text' },
  },
  'log-delivery': {
    ...NOTICE,
    args: { ...NOTICE.args, name: 'text', round: 'text', state: 'text', attempts: 'text', error: 'text' },
  },
  redeliver: {
    keys: [...NOTICE.keys, 'audit', 'outbox'],
    /** `only` is the name of the one requested delivery; empty for all. */
    args: { ...NOTICE.args, id: 'text', only: 'text', ...CHANGE },
  },
} as const satisfies Readonly<Record<string, Signature>>

export type ScriptName = keyof typeof SIGNATURES

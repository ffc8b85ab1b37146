/** The catalogue of the errors of the admin plane. */
export interface ProblemKind {
  readonly status: number
  readonly title: string
  /** Seconds for `retry-after`. */
  readonly retryAfter?: number
  /** When it is answered, in a sentence. With `advice` it makes docs/errors.md. */
  readonly when: string
  /** What the caller can do about it. */
  readonly advice: string
}

/** Codes are never renamed and never used for anything else. */
export const PROBLEMS = {
  invalid_request: {
    status: 400,
    title: 'The request is not valid',
    when: 'A field is missing, unknown or has a value that is not allowed.',
    advice: 'Correct the fields in `errors`.',
  },
  invalid_credentials: {
    status: 401,
    title: 'Not signed in',
    when: 'No credentials, or none that are known here.',
    advice: 'Send the operator token or the key of an admin.',
  },
  forbidden: {
    status: 403,
    title: 'Not allowed',
    when: 'The caller is known, and may not do this.',
    advice: 'Ask an admin of the organization, or the operator.',
  },
  csrf_required: {
    status: 403,
    title: 'Not shown to come from the page',
    when: 'A change by a session without its `x-tollgate-csrf`, or with another one’s.',
    advice: 'Send the `csrf` that `GET /v1/session` shows.',
  },
  cross_origin: {
    status: 403,
    title: 'Asked for by another site',
    when: 'A browser says that another site’s page asks.',
    advice: 'Use the page at its own address; set `admin.publicUrl` where a proxy changes it.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    when: 'There is no such route, organization or entry, or it is another organization’s.',
    advice: 'Check the path and the ids.',
  },
  already_exists: {
    status: 409,
    title: 'It exists already',
    when: 'Something of this id exists.',
    advice: 'Choose another id, or change what is there.',
  },
  being_deleted: {
    status: 409,
    title: 'It is being deleted',
    when: 'The deletion of the organization of this id has not finished.',
    advice: 'Try again; if it stays, delete it once more.',
  },
  last_admin: {
    status: 409,
    title: 'The last admin',
    when: 'The organization would have no admin left.',
    advice: 'Make somebody else an admin first. The operator may do it all the same.',
  },
  too_many: {
    status: 409,
    title: 'There are as many as there may be',
    when: 'There are already as many of these as an organization may have.',
    advice: 'Delete one that is not needed any more.',
  },
  save_conflict: {
    status: 409,
    title: 'Others save it at the same time',
    when: 'Others kept saving the same thing at the same time.',
    advice: 'Try again.',
  },
  nothing_to_redeliver: {
    status: 409,
    title: 'Nothing to send again',
    when: 'All of the notification was sent, or is still in line; or the one delivery that was named did not fail.',
    advice: 'Nothing: it is on its way.',
  },
  delivery_off: {
    status: 409,
    title: 'Deliveries are not made here',
    when: 'This gateway hands notifications to a queue and delivers none (`notifications.deliver: false`).',
    advice: 'Have whoever takes them from the queue send it again.',
  },
  precondition_failed: {
    status: 412,
    title: 'It was changed meanwhile',
    when: '`If-Match` names a version that is not the current one any more.',
    advice: 'Look at `current` in the body, and save again with its `ETag`.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    when: 'The body is larger than 1 MiB, or than 8 KiB where one signs in.',
    advice: 'Send less.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Not JSON',
    when: 'The body is no JSON.',
    advice: 'Send `content-type: application/json`.',
  },
  not_a_member: {
    status: 422,
    title: 'Not a member',
    when: 'The named user is no member of the organization.',
    advice: 'Add the user first.',
  },
  not_an_admin: {
    status: 422,
    title: 'Not an admin',
    when: 'A named recipient is no admin of the organization.',
    advice: 'Name admins, or `"all"`.',
  },
  usage_below_zero: {
    status: 422,
    title: 'Usage would fall below 0',
    when: 'An adjustment would take more from a source than the user used of it in this period.',
    advice: 'Take at most what the answer names, or choose the right `source`.',
  },
  usage_too_large: {
    status: 422,
    title: 'Usage would be too large to count',
    when: 'An adjustment would carry usage past what counters can hold.',
    advice: 'Adjust by less.',
  },
  idempotency_key_reused: {
    status: 422,
    title: 'The idempotency key stands for something else',
    when: 'The `Idempotency-Key` was sent before with another body.',
    advice: 'Use a new key for a new adjustment.',
  },
  too_many_failures: {
    status: 429,
    title: 'Too many failed attempts',
    retryAfter: 60,
    when: 'Too many attempts to authenticate have failed from this address; nothing was looked at.',
    advice: 'Wait for `retry-after` seconds, and check who sends wrong credentials from there.',
  },
  too_many_tests: {
    status: 429,
    title: 'Too many tests of channels',
    retryAfter: 60,
    when: 'The organization’s channels have sent ten tests within a minute; nothing was sent.',
    advice: 'Wait for `retry-after` seconds.',
  },
  internal_error: {
    status: 500,
    title: 'Something went wrong here',
    when: 'A failure of ours.',
    advice: 'Report it with what the gateway’s log says.',
  },
  credit_store_unavailable: {
    status: 503,
    title: 'The credit store cannot be reached',
    retryAfter: 1,
    when: 'The store cannot be reached; nothing is known of what it did.',
    advice: 'Read before you write again.',
  },
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof PROBLEMS

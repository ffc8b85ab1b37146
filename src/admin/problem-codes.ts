/** The catalogue of the errors of the admin plane. */
export interface ProblemKind {
  readonly status: number
  readonly title: string
  /** Seconds for `retry-after`. */
  readonly retryAfter?: number
  /** When the error is returned, in one sentence. docs/errors.md is generated from it and from `advice`. */
  readonly when: string
  /** What the caller can do about it. */
  readonly advice: string
}

/** Codes are never renamed or reused. */
export const PROBLEMS = {
  invalid_request: {
    status: 400,
    title: 'The request is not valid',
    when: 'A field is missing, is unknown, or has a value that is not allowed.',
    advice: 'Correct the fields in `errors`.',
  },
  invalid_credentials: {
    status: 401,
    title: 'Not signed in',
    when: 'The request has no credentials, or unknown ones.',
    advice: 'Send the operator token or the key of an admin.',
  },
  forbidden: {
    status: 403,
    title: 'Not allowed',
    when: 'The caller is known, but may not do this.',
    advice: 'Ask an admin of the organization, or the operator.',
  },
  csrf_required: {
    status: 403,
    title: 'Not shown to come from the page',
    when: 'A session sent a change without its `x-tollgate-csrf`, or with that of another session.',
    advice: 'Send the `csrf` that `GET /v1/session` returns.',
  },
  cross_origin: {
    status: 403,
    title: 'Asked for by another site',
    when: 'The browser says that the request comes from a page of another site.',
    advice: 'Use the page at its own address; set `admin.publicUrl` if a proxy changes it.',
  },
  not_found: {
    status: 404,
    title: 'Not found',
    when: 'There is no such route, organization or entry, or it belongs to another organization.',
    advice: 'Check the path and the ids.',
  },
  already_exists: {
    status: 409,
    title: 'It exists already',
    when: 'An entry with this id exists.',
    advice: 'Choose another id, or change the existing entry.',
  },
  being_deleted: {
    status: 409,
    title: 'It is being deleted',
    when: 'The deletion of the organization with this id has not finished.',
    advice: 'Retry; if the error stays, delete it once more.',
  },
  last_admin: {
    status: 409,
    title: 'The last admin',
    when: 'The organization would have no admin left.',
    advice: 'Make another member an admin first. The operator may remove the last admin.',
  },
  too_many: {
    status: 409,
    title: 'There are as many as there may be',
    when: 'The organization has as many of these as it may have.',
    advice: 'Delete one that is no longer needed.',
  },
  save_conflict: {
    status: 409,
    title: 'Others save it at the same time',
    when: 'Other requests kept saving the same entry at the same time.',
    advice: 'Try again.',
  },
  nothing_to_redeliver: {
    status: 409,
    title: 'Nothing to send again',
    when: 'All deliveries of the notification were sent or are queued, or the named delivery did not fail.',
    advice: 'No action is needed.',
  },
  delivery_off: {
    status: 409,
    title: 'Deliveries are not made here',
    when: 'This gateway puts crossings into a queue and delivers none (`notifications.deliver: false`).',
    advice: 'Have the consumer of the queue send it again.',
  },
  precondition_failed: {
    status: 412,
    title: 'It was changed meanwhile',
    when: '`If-Match` names a version that is no longer the current one.',
    advice: 'Read `current` in the body, and save again with its `ETag`.',
  },
  body_too_large: {
    status: 413,
    title: 'The body is too large',
    when: 'The body is larger than 1 MiB, or 8 KiB for signing in.',
    advice: 'Send less.',
  },
  unsupported_media_type: {
    status: 415,
    title: 'Not JSON',
    when: 'The body is not JSON.',
    advice: 'Send `content-type: application/json`.',
  },
  not_a_member: {
    status: 422,
    title: 'Not a member',
    when: 'The named user is not a member of the organization.',
    advice: 'Add the user first.',
  },
  not_an_admin: {
    status: 422,
    title: 'Not an admin',
    when: 'A named recipient is not an admin of the organization.',
    advice: 'Name admins, or `"all"`.',
  },
  usage_below_zero: {
    status: 422,
    title: 'Usage would fall below 0',
    when: 'The adjustment would give back more than the user’s usage of this source in this period.',
    advice: 'Give back at most what the message names, or choose the right `source`.',
  },
  usage_too_large: {
    status: 422,
    title: 'Usage would be too large to count',
    when: 'The adjustment would raise usage above the largest value of a counter.',
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
    when: 'Too many attempts to authenticate from this address have failed; the credentials were not checked.',
    advice:
      'Wait for `retry-after` seconds, and find the program that sends wrong credentials from this address.',
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
    when: 'The gateway failed because of a bug, or because counters in the store do not add up.',
    advice: 'Report it with the entry of the gateway’s log.',
  },
  credit_store_unavailable: {
    status: 503,
    title: 'The credit store cannot be reached',
    retryAfter: 1,
    when: 'The store cannot be reached; the change may or may not have been made.',
    advice: 'Read before you write again.',
  },
} as const satisfies Record<string, ProblemKind>

export type ProblemCode = keyof typeof PROBLEMS

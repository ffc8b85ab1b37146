/**
 * Saves that apply only to the version that they were made from (A2). Each is a compare-and-set on the value that was
 * read. With `If-Match` it fails if that version is not the current one; without it, the save is retried on the current
 * version.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AuditAction, Change, Save, Tagged } from '../store/changes.ts'
import { isOperator, sendNoOrg, userOf } from './auth.ts'
import { sendProblem } from './problems.ts'

/** Returned by a step of a save if another save came after the entity was read. */
export const CONFLICT = Symbol('conflict')

export interface Saving<T> {
  /** Reads the entity; null if there is none. */
  readonly read: () => Promise<Tagged<T> | null>
  readonly show: (entity: Tagged<T>) => object
  /** Saves on the basis of what was read, and answers; or returns CONFLICT. */
  readonly save: (before: Tagged<T> | null) => Promise<unknown>
}

/** An attempt fails only if another save came first; this many in a row are not a coincidence. */
const ATTEMPTS = 20
const ENTITY_TAGS = /(W\/)?"([^"]*)"/g

/** Saves an entity that may not exist yet. */
export async function saveVersion<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  { read, show, save }: Saving<T>,
): Promise<unknown> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const before = await read()
    if (!meetsCondition(request, before?.tag ?? null)) {
      return sendStale(reply, before === null ? null : { tag: before.tag, body: show(before) })
    }
    const answer = await save(before)
    if (answer !== CONFLICT) return answer
  }
  return sendProblem(reply, 'save_conflict', 'Others keep saving this at the same time. Try again.')
}

/** Saves or removes an entity that must exist; `missing` answers if it does not. */
export async function changeVersion<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  saving: {
    readonly read: Saving<T>['read']
    readonly show: Saving<T>['show']
    readonly missing: () => FastifyReply
    readonly save: (before: Tagged<T>) => Promise<unknown>
  },
): Promise<unknown> {
  const first = await saving.read()
  if (first === null) return saving.missing()
  return saveVersion<T>(request, reply, {
    ...saving,
    save: (before) => (before === null ? Promise.resolve(saving.missing()) : saving.save(before)),
  })
}

/** Removes an entity that must exist; the audit log records its last value. */
export async function deleteVersion<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  deleting: {
    readonly action: AuditAction
    readonly target: string
    readonly read: Saving<T>['read']
    readonly show: Saving<T>['show']
    /** The value as the audit log records it, where it differs from the value that a read shows. */
    readonly settings?: (entity: Tagged<T>) => object
    readonly missing: () => FastifyReply
    readonly remove: (save: Save) => Promise<'deleted' | 'conflict' | 'no_org'>
  },
): Promise<unknown> {
  const { action, target, show, settings = show } = deleting
  return changeVersion<T>(request, reply, {
    ...deleting,
    async save(before) {
      const change = changeBy(request, action, target, settings(before), null)
      switch (await deleting.remove({ expected: before.tag, change })) {
        case 'conflict':
          return CONFLICT
        case 'no_org':
          return sendNoOrg(reply)
        case 'deleted':
          return reply.code(204).send()
      }
    },
  })
}

/** Answers with an entity and its version. */
export function sendVersion(reply: FastifyReply, tag: string, body: object): FastifyReply {
  return reply.header('etag', `"${tag}"`).send(body)
}

/** The actor that the audit log names for the operator; no admin may have this id. */
export const OPERATOR_ACTOR = 'operator'

/** A change made by the caller. */
export function changeBy(
  request: FastifyRequest,
  action: AuditAction,
  target: string,
  before: object | null,
  after: object | null,
): Change {
  const actor = isOperator(request) ? OPERATOR_ACTOR : userOf(request.principal).user
  return { actor, action, target, before, after }
}

/** RFC 9110, 13.1.1: strong comparison, so a weak tag never matches the current one. */
function meetsCondition(request: FastifyRequest, tag: string | null): boolean {
  const condition = request.headers['if-match']
  if (condition === undefined) return true
  if (tag === null) return false
  if (condition.trim() === '*') return true
  return Array.from(condition.matchAll(ENTITY_TAGS)).some(
    ([, weak, known]) => weak === undefined && known === tag,
  )
}

function sendStale(
  reply: FastifyReply,
  current: { readonly tag: string; readonly body: object } | null,
): FastifyReply {
  if (current !== null) reply.header('etag', `"${current.tag}"`)
  const detail = 'It was changed since this version was read. `current` is what is there now.'
  return sendProblem(reply, 'precondition_failed', detail, [], { current: current?.body ?? null })
}

/**
 * Saves that hold only for the version they were made from (A2). Each is a compare-and-set on what was read: with `If-Match`
 * it fails as soon as that version is not the current one, without it the save is tried again on what is there by then.
 */
import type { FastifyReply, FastifyRequest } from 'fastify'
import type { AuditAction, Change, Save, Tagged } from '../store/changes.ts'
import { isOperator, sendNoOrg, userOf } from './auth.ts'
import { sendProblem } from './problems.ts'

/** What a step of saving returns when somebody else saved since the entity was read. */
export const CONFLICT = Symbol('conflict')

export interface Saving<T> {
  /** Reads the entity; null where there is none. */
  readonly read: () => Promise<Tagged<T> | null>
  readonly show: (entity: Tagged<T>) => object
  /** Saves on what was read, and answers; or CONFLICT. */
  readonly save: (before: Tagged<T> | null) => Promise<unknown>
}

/** Each time somebody else's save came first; so many in a row are no bad luck any more. */
const ATTEMPTS = 20
const ENTITY_TAGS = /(W\/)?"([^"]*)"/g

/** Saves an entity that may not be there yet. */
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

/** Saves, or removes, an entity that must be there; `missing` answers where it is not. */
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

/** Removes an entity that must be there; the audit log shows what was. */
export async function deleteVersion<T>(
  request: FastifyRequest,
  reply: FastifyReply,
  deleting: {
    readonly action: AuditAction
    readonly target: string
    readonly read: Saving<T>['read']
    readonly show: Saving<T>['show']
    /** As the audit log shows it, where that is not what a read shows. */
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

/** Whom the audit log names for the operator; no admin may have this id. */
export const OPERATOR_ACTOR = 'operator'

/** A change by whoever asks. */
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

/** RFC 9110, 13.1.1: by the strong comparison, so a weak tag is never the current one. */
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

/**
 * `/v1/orgs/{org}/audit`: who changed what, newest first, in pages or as a file (A3); `/v1/audit`: the operator's log.
 */
import { Readable } from 'node:stream'
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance, FastifyReply } from 'fastify'
import type { Directory } from '../directory/directory.ts'
import { isAuditId, type AuditEntry } from '../directory/audit.ts'
import { AUDIT_ACTIONS } from '../store/changes.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { csvReply } from './csv.ts'
import { documented } from './documented.ts'
import { pageBody, PageOf, pageProperties, pageRequest } from './paging.ts'
import { sendFieldErrors } from './problems.ts'
import { Closed, OneOf, OrgPath, Timestamp, UserId } from './schemas.ts'
import { timestamp } from './timestamps.ts'

const FORMATS = ['json', 'csv', 'jsonl'] as const
const AuditList = Closed({
  ...pageProperties,
  action: Type.Optional(OneOf(AUDIT_ACTIONS, 'Only changes of this kind.')),
  actor: Type.Optional(UserId),
  target: Type.Optional(
    Type.String({ minLength: 1, maxLength: 200, description: 'the id of what was changed' }),
  ),
  format: Type.Optional(
    Type.Unsafe<(typeof FORMATS)[number]>({
      ...OneOf(FORMATS),
      description:
        '`csv` and `jsonl` return all matching entries as one file; `limit` and `cursor` are for pages.',
    }),
  ),
})
type AuditQuery = Static<typeof AuditList>
const Entry = Component(
  'AuditEntry',
  Type.Object({
    at: Timestamp,
    actor: Type.String({ description: '`operator`, or the id of an admin.' }),
    action: OneOf(AUDIT_ACTIONS),
    target: Type.String({ description: 'The id of the changed entry.' }),
    before: Type.Unknown({ description: 'The entry before, as the API showed it; null if there was none.' }),
    after: Type.Unknown({ description: 'The entry after, as the API shows it; null if it was deleted.' }),
  }),
)

const CSV_HEADER = ['at', 'actor', 'action', 'target', 'before', 'after']

const shared = {
  tag: 'Audit',
  querystring: AuditList,
  answers: {
    200: {
      description: 'A page, or with `format` a file of all entries.',
      content: {
        'application/json': PageOf(Entry),
        'text/csv': Type.String({ description: `Columns ${CSV_HEADER.join(', ')}.` }),
        'application/jsonl': Type.String({ description: 'One entry per line.' }),
      },
      headers: ['Content-Disposition?'],
    },
  },
} as const
const listAudit = documented({
  ...shared,
  operationId: 'listAudit',
  summary: 'List or export the changes of an organization',
  description:
    'Newest first. Entries are kept for 13 months. A page looks through at most 10,000 entries for those that match, so it may have few or none and still a `next`.',
  access: 'admin',
  params: OrgPath,
})
const listOperatorAudit = documented({
  ...shared,
  operationId: 'listOperatorAudit',
  summary: 'List or export the deletions of organizations',
  description:
    'An organization’s own log is deleted with it. This log keeps the deletion, its actor and the organization for 13 months.',
  access: 'operator',
})

export function auditRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<{ Params: Static<typeof OrgPath>; Querystring: AuditQuery }>(
    '/v1/orgs/:org/audit',
    listAudit,
    ({ params, query }, reply) => sendAudit(directory, params.org, query, reply),
  )
  app.get<{ Querystring: AuditQuery }>('/v1/audit', listOperatorAudit, ({ query }, reply) =>
    sendAudit(directory, null, query, reply),
  )
}

async function sendAudit(
  directory: Directory,
  org: string | null,
  query: AuditQuery,
  reply: FastifyReply,
): Promise<unknown> {
  const { action = null, actor = null, target = null, format = 'json' } = query
  const filter = { action, actor, target }
  if (format === 'json') {
    const { limit, after } = pageRequest(query)
    if (after !== null && !isAuditId(after)) {
      return sendFieldErrors(reply, [{ field: 'cursor', message: 'must be the `next` of the page before' }])
    }
    const page = await directory.listAudit(org, { ...filter, limit, after })
    return page === null ? sendNoOrg(reply) : pageBody(page, entryBody)
  }
  const entries = await directory.exportAudit(org, filter)
  if (entries === null) return sendNoOrg(reply)
  const name = org === null ? 'audit' : `audit-${org}`
  if (format === 'csv') return csvReply(reply, name, CSV_HEADER, csvRows(entries))
  return reply
    .header('content-type', 'application/jsonl; charset=utf-8')
    .header('content-disposition', `attachment; filename="${name}.jsonl"`)
    .send(Readable.from(jsonLines(entries)))
}

function entryBody({ at, actor, action, target, before, after }: AuditEntry): object {
  return { at: timestamp(at), actor, action, target, before, after }
}

async function* csvRows(entries: AsyncIterable<AuditEntry>): AsyncGenerator<(string | null)[]> {
  const json = (value: unknown): string | null => (value === null ? null : JSON.stringify(value))
  for await (const { at, actor, action, target, before, after } of entries)
    yield [timestamp(at), actor, action, target, json(before), json(after)]
}

async function* jsonLines(entries: AsyncIterable<AuditEntry>): AsyncGenerator<string> {
  for await (const entry of entries) yield `${JSON.stringify(entryBody(entry))}\n`
}

/** `?limit=&cursor=` and `{"items":[…],"next":null|"cursor"}`. */
import { Type, type Static, type TObject, type TSchema } from '@sinclair/typebox'
import type { Page, PageRequest } from '../directory/page.ts'

const DEFAULT_LIMIT = 50

/** Query properties of every list. */
export const pageProperties = {
  limit: Type.Optional(
    Type.String({
      pattern: '^([1-9]|[1-9][0-9]|1[0-9][0-9]|200)$',
      description: 'a whole number from 1 to 200',
    }),
  ),
  cursor: Type.Optional(
    Type.String({ pattern: '^[A-Za-z0-9_-]{1,300}$', description: 'the `next` of the page before' }),
  ),
}

/** The response of a list. */
export function PageOf(item: TSchema, description = 'A page of the list.'): TObject {
  const next = Type.Union([Type.String(), Type.Null()], {
    description:
      'The `cursor` of the page after this one, or null on the last. Only null says that there is no more: a page of a long search may have fewer items than asked for, or none.',
  })
  return Type.Object({ items: Type.Array(item), next }, { description })
}

interface PageQuery {
  readonly limit?: Static<typeof pageProperties.limit>
  readonly cursor?: Static<typeof pageProperties.cursor>
}

/** Cursors are opaque to callers, so that their content may change. */
export function pageRequest({ limit, cursor }: PageQuery): PageRequest {
  return {
    limit: limit === undefined ? DEFAULT_LIMIT : Number(limit),
    after: cursor === undefined ? null : Buffer.from(cursor, 'base64url').toString(),
  }
}

export function pageBody<T>({ items, next }: Page<T>, show: (item: T) => object): object {
  return { items: items.map(show), next: next === null ? null : Buffer.from(next).toString('base64url') }
}

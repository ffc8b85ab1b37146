/** Where a path that callers write leads at the provider. */
import type { UpstreamTarget } from './call.ts'

/** What callers write in front of every path of these APIs. */
const VERSION = '/v1'

/** The path at the provider, below its URL: with a path of the API's own in place of `/v1`, where the upstream has one. */
export function upstreamPath({ apiPath }: Pick<UpstreamTarget, 'apiPath'>, path: string): string {
  return apiPath === null || !path.startsWith(`${VERSION}/`) ? path : apiPath + path.slice(VERSION.length)
}

/** Maps a path that callers use to the path at the provider. */
import type { UpstreamTarget } from './call.ts'

/** The version that callers write in front of every path of these APIs. */
const VERSION = '/v1'

/** The path at the provider, below its URL. If the upstream has an API path of its own, that replaces `/v1`. */
export function upstreamPath({ apiPath }: Pick<UpstreamTarget, 'apiPath'>, path: string): string {
  return apiPath === null || !path.startsWith(`${VERSION}/`) ? path : apiPath + path.slice(VERSION.length)
}

/** The upstreams of the current configuration, and those of earlier ones that calls in flight may still use. */
import { isDeepStrictEqual } from 'node:util'
import type { Config } from '../config.ts'
import { familyOf } from '../families/index.ts'
import { openUpstream, type OpenUpstream } from '../call/upstreams.ts'

type Settings = Pick<Config, 'upstreams' | 'limits' | 'listen' | 'redis'>

export interface Upstreams {
  readonly open: readonly OpenUpstream[]
  /** Opens the upstreams that differ in another configuration; nothing changes before `use`. Throws a StartupError. */
  prepare(settings: Settings): readonly OpenUpstream[]
  /** Uses these upstreams from now on, and closes all others once no call can need them. */
  use(settings: Settings, open: readonly OpenUpstream[]): void
  /** Closes upstreams that were prepared and will not be used. */
  drop(open: readonly OpenUpstream[]): Promise<void>
  /** Ends all requests to any of them. */
  destroy(): Promise<void>
}

const RETIRE_SLACK_MS = 60_000

/**
 * Longer than a call takes from its arrival to its dispatch: until its body has come, and the store has answered. Calls
 * that were dispatched by then still end in their own time.
 */
function retireMs({ listen, redis }: Settings): number {
  return (listen.requestSeconds + redis.patienceSeconds) * 1_000 + RETIRE_SLACK_MS
}

export function openUpstreams(first: Settings): Upstreams {
  let settings = first
  let open = openAll(first, () => undefined)
  const retired = new Set<OpenUpstream>()

  /** An unchanged upstream keeps its connections, unless it has a `ca`, whose file may have changed. */
  function kept(name: string, next: Settings): OpenUpstream | undefined {
    const [before, after] = [settings.upstreams[name], next.upstreams[name]]
    const isSame =
      after?.ca === undefined &&
      settings.limits.concurrent === next.limits.concurrent &&
      isDeepStrictEqual(before, after)
    return isSame ? open.find(({ target }) => target.name === name) : undefined
  }

  function retire(upstream: OpenUpstream): void {
    retired.add(upstream)
    setTimeout(() => {
      void upstream.close().finally(() => retired.delete(upstream))
    }, retireMs(settings)).unref()
  }

  const destroyAll = async (which: Iterable<OpenUpstream>): Promise<void> => {
    await Promise.all(Array.from(which, (upstream) => upstream.destroy()))
  }

  return {
    get open() {
      return open
    },
    prepare: (next) => openAll(next, (name) => kept(name, next)),
    use(next, upstreams) {
      for (const upstream of open) if (!upstreams.includes(upstream)) retire(upstream)
      open = upstreams
      settings = next
    },
    drop: (upstreams) => destroyAll(upstreams.filter((upstream) => !open.includes(upstream))),
    destroy: () => destroyAll([...open, ...retired]),
  }
}

function openAll(
  { upstreams, limits }: Settings,
  known: (name: string) => OpenUpstream | undefined,
): readonly OpenUpstream[] {
  return Object.entries(upstreams).map(
    ([name, upstream]) => known(name) ?? openUpstream(name, upstream, familyOf(upstream), limits),
  )
}

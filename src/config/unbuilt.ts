import type { Config } from './types.ts'
import type { Problem } from './problems.ts'

/**
 * What the configuration's format has and this version does not do yet. A setting that would be ignored is refused, so
 * that nobody relies on it. Each line goes when its feature comes; then this file does.
 */
export function refuseUnbuilt(config: Config): Problem[] {
  const problems: Problem[] = []
  const closedOnly = 'open is not yet supported: use closed, which refuses paid calls while the store is down'
  for (const [name, { onStoreDown }] of Object.entries(config.upstreams)) {
    if (onStoreDown === 'open' && config.onStoreDown !== 'open') {
      problems.push({ key: `upstreams.${name}.onStoreDown`, message: closedOnly })
    }
  }
  if (config.onStoreDown === 'open') problems.push({ key: 'onStoreDown', message: closedOnly })
  return problems
}

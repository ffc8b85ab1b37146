/** Files of this package that are read while it runs: `lua/`, `dist/web/`, `package.json`. */
import { readFileSync } from 'node:fs'

/** The folder of package.json. This module lies one level below it, in src/ and, as part of a bundled file, in dist/. */
const ROOT = new URL('../', import.meta.url)

/** `path` is relative to package.json. */
export function packageFile(path: string): URL {
  return new URL(path, ROOT)
}

export function version(): string {
  return (JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as { version: string }).version
}

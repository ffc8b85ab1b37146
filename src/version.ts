import { readFileSync } from 'node:fs'

/** The version of this package; the same file stands above src/ and above dist/. */
export function version(): string {
  const file = new URL('../package.json', import.meta.url)
  return (JSON.parse(readFileSync(file, 'utf8')) as { version: string }).version
}

/** Writes the generated files of the repository. A test reports files that are out of date. */
import { mkdirSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { GENERATED } from './generate/files.ts'

const only = process.argv.slice(2)
for (const [file, make] of Object.entries(GENERATED)) {
  if (only.length > 0 && !only.includes(file)) continue
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url))
  mkdirSync(dirname(path), { recursive: true })
  writeFileSync(path, await make())
  process.stdout.write(`${file}\n`)
}

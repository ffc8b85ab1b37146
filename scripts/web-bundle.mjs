/**
 * The last step of the build: writes compressed copies of the page's files, which the admin plane serves. Fails if
 * scripts and styles together exceed the size limit of the page.
 */
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { brotliCompressSync, gzipSync } from 'node:zlib'
import { ROOT } from './system.mjs'

const LARGEST_GZIPPED = 250 * 1000
const ASSETS = join(ROOT, 'dist/web/assets')

let gzipped = 0
for (const name of readdirSync(ASSETS).filter((name) => /\.(?:js|css|svg)$/.test(name))) {
  const file = join(ASSETS, name)
  const bytes = readFileSync(file)
  const gzip = gzipSync(bytes, { level: 9 })
  writeFileSync(`${file}.gz`, gzip)
  writeFileSync(`${file}.br`, brotliCompressSync(bytes))
  if (!name.endsWith('.svg')) gzipped += gzip.length
}
const verdict = `The page's scripts and styles are ${Math.round(gzipped / 1000)} KB gzipped; at most ${LARGEST_GZIPPED / 1000} KB are allowed.`
if (gzipped > LARGEST_GZIPPED) {
  process.stderr.write(`${verdict}\n`)
  process.exit(1)
}
process.stdout.write(`${verdict}\n`)

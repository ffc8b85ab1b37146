/** The page as it is served: its addresses, what a browser may do with it, and how long its files are kept. */
import t from 'tap'
import { PAGE_PATHS } from '../../src/admin/page.ts'
import { startAdmin } from './harness.ts'

const admin = await startAdmin()

async function get(path: string): Promise<{ status: number; headers: Headers; text: string }> {
  const response = await fetch(admin.url + path)
  return { status: response.status, headers: response.headers, text: await response.text() }
}

void t.test('every view can be reloaded and linked to: its address answers the document', async (t) => {
  for (const path of PAGE_PATHS) {
    const { status, headers, text } = await get(path)
    t.equal(status, 200, path)
    t.equal(headers.get('content-type'), 'text/html; charset=utf-8', path)
    t.equal(headers.get('cache-control'), 'no-cache', `${path}: a new version is there with the next load`)
    t.match(text, '<div id="root">', path)
  }
  const nothing = await get('/limits/nothing')
  t.equal(nothing.status, 404, 'what is no view is not answered by the document')
  t.match(nothing.headers.get('content-type'), 'application/problem+json')
})

void t.test('the document may load what is ours and nothing else, and nobody may frame it', async (t) => {
  const { headers, text } = await get('/')
  const policy = headers.get('content-security-policy') ?? ''
  const nonce = /'nonce-([^']+)'/.exec(policy)?.[1] ?? ''
  t.match(nonce, /^[A-Za-z0-9+/]{22}==$/)
  t.same(policy.split('; '), [
    "default-src 'none'",
    "script-src 'self'",
    `style-src 'self' 'nonce-${nonce}'`,
    "img-src 'self'",
    "font-src 'self'",
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ])
  t.ok(text.includes(`content="${nonce}"`), 'the page knows its nonce')
  t.notMatch((await get('/')).text, nonce, 'which is another one the next time')
  t.notMatch(
    text,
    /<script(?![^>]*\bsrc=)|<style|\bon[a-z]+=|https?:\/\//,
    'no inline code, nothing from elsewhere',
  )
  t.equal(headers.get('x-content-type-options'), 'nosniff')
  t.equal(headers.get('referrer-policy'), 'no-referrer')
})

void t.test('files have a hash in their names: they are kept for ever, and sent compressed', async (t) => {
  const { text } = await get('/')
  const files = Array.from(text.matchAll(/(?:src|href)="(\/assets\/[^"]+)"/g), ([, path = '']) => path)
  t.ok(files.length >= 3, files.join(' '))
  for (const path of files) {
    const response = await fetch(admin.url + path, { headers: { 'accept-encoding': 'br' } })
    await response.arrayBuffer()
    t.equal(response.status, 200, path)
    t.match(response.headers.get('cache-control'), /max-age=31536000, immutable/, path)
    t.equal(response.headers.get('x-content-type-options'), 'nosniff', path)
    t.equal(response.headers.get('content-encoding'), 'br', path)
  }
  t.equal((await get('/assets/../index.html')).status, 404)
  t.equal((await get('/assets/%2e%2e/index.html')).status, 404)
  t.equal((await get('/assets/nothing.js')).status, 404)
})

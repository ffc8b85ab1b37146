import { randomBytes } from 'node:crypto'
import * as zlib from 'node:zlib'
import fc from 'fast-check'
import { test } from 'tap'
import { isWellFormedKey, keyHint, mintKey, randomBase62 } from '../../src/core/virtual-key.ts'

const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'

void test('a minted key is tg_, 30 base62 characters and the CRC-32 of what stands before, as zlib computes it', (t) => {
  const { crc32 } = zlib as unknown as { crc32: (text: string) => number }
  for (let count = 0; count < 200; count += 1) {
    const key = mintKey(randomBytes)
    t.match(key, /^tg_[0-9A-Za-z]{36}$/)
    const check = Array.from(key.slice(-6)).reduce((sum, digit) => sum * 62 + ALPHABET.indexOf(digit), 0)
    t.equal(check, crc32(key.slice(0, -6)))
    t.ok(isWellFormedKey(key))
  }
  t.end()
})

void test('a key of a known value stays well-formed for ever', (t) => {
  const key = mintKey((count) => new Uint8Array(count).fill(1))
  t.equal(key, 'tg_1111111111111111111111111111112FnLaB')
  t.end()
})

void test('any single wrong character, and any two neighbours that changed places, make a key malformed', (t) => {
  const key = mintKey(randomBytes)
  const taken: string[] = []
  for (let at = 0; at < key.length; at += 1) {
    const [here, next] = [key.charAt(at), key.charAt(at + 1)]
    const wrong = Array.from(`${ALPHABET}_-\u00e9\n`).filter((other) => other !== here)
    const typed = wrong.map((other) => key.slice(0, at) + other + key.slice(at + 1))
    if (next !== '' && here !== next) typed.push(key.slice(0, at) + next + here + key.slice(at + 2))
    taken.push(...typed.filter(isWellFormedKey))
  }
  t.same(taken, [])
  t.end()
})

void test('nothing else is a well-formed key, and looking never throws', (t) => {
  const key = mintKey(randomBytes)
  for (const text of [
    '',
    'tg_',
    `${key}\n`,
    ` ${key}`,
    key.toUpperCase(),
    `${key}0`,
    key.slice(1),
    'sk-'.padEnd(39, 'x'),
  ]) {
    t.notOk(isWellFormedKey(text), JSON.stringify(text))
  }
  fc.assert(fc.property(fc.string({ unit: 'binary', maxLength: 60 }), (text) => !isWellFormedKey(text)))
  t.end()
})

void test('every base62 character is equally likely', (t) => {
  // Each byte value once: 248 of the 256 are used, each character four times.
  const bytes = Uint8Array.from({ length: 256 }, (_, index) => 255 - index)
  let calls = 0
  const text = randomBase62(248, (count) => {
    calls += 1
    return calls === 1 ? bytes : new Uint8Array(count)
  })
  for (const character of ALPHABET) t.equal(text.split(character).length - 1, 4, character)
  t.equal(calls, 1)
  t.end()
})

void test('what a list shows of a key is its first four random characters', (t) => {
  t.equal(keyHint('tg_Ab3dxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx'), 'tg_Ab3d…')
  t.end()
})

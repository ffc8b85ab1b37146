/**
 * The format of virtual keys: `tg_`, 30 random base62 characters, and 6 base62 characters of the CRC-32 (IEEE 802.3, as
 * in zlib) of all that stands before. The checksum lets a typing error or a key of something else be refused without a
 * look-up, and lets secret scanners tell a real key from a lookalike. It is no protection against guessing: the 178
 * random bits are.
 */
const PREFIX = 'tg_'
const ALPHABET = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'
const RANDOM_LENGTH = 30
/** 62^6 is above 2^32. */
const CHECK_LENGTH = 6
const SHAPE = /^tg_[0-9A-Za-z]{36}$/
/** Characters of a key that may be shown in a list, so that its owner knows it again. */
const SHOWN_LENGTH = PREFIX.length + 4

/** Bytes from here up would make the first characters of the alphabet more likely; they are drawn again. */
const UNBIASED_BELOW = 256 - (256 % ALPHABET.length)

/** A source of `count` random bytes, such as node:crypto's `randomBytes`. */
export type RandomBytes = (count: number) => Uint8Array

/** Makes a new key. The caller shows it once and stores only its hash. */
export function mintKey(randomBytes: RandomBytes): string {
  const body = PREFIX + randomBase62(RANDOM_LENGTH, randomBytes)
  return body + checksum(body)
}

/** Whether a text can be a virtual key at all. */
export function isWellFormedKey(text: string): boolean {
  return SHAPE.test(text) && text.slice(-CHECK_LENGTH) === checksum(text.slice(0, -CHECK_LENGTH))
}

/** What may be shown of a key: its beginning, such as `tg_Ab3d…`. */
export function keyHint(key: string): string {
  return `${key.slice(0, SHOWN_LENGTH)}…`
}

/** Random characters, each of the 62 equally likely. */
export function randomBase62(length: number, randomBytes: RandomBytes): string {
  let text = ''
  while (text.length < length) {
    for (const byte of randomBytes(length - text.length)) {
      if (byte < UNBIASED_BELOW) text += ALPHABET.charAt(byte % ALPHABET.length)
    }
  }
  return text
}

function checksum(text: string): string {
  let rest = crc32(text)
  let digits = ''
  for (let index = 0; index < CHECK_LENGTH; index += 1) {
    digits = ALPHABET.charAt(rest % ALPHABET.length) + digits
    rest = Math.floor(rest / ALPHABET.length)
  }
  return digits
}

const CRC_TABLE = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index
  for (let bit = 0; bit < 8; bit += 1) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  return value
})

/** CRC-32 of a text of ASCII characters. */
function crc32(text: string): number {
  let crc = 0xffffffff
  for (let index = 0; index < text.length; index += 1) {
    crc = (crc >>> 8) ^ (CRC_TABLE[(crc ^ text.charCodeAt(index)) & 0xff] ?? 0)
  }
  return (crc ^ 0xffffffff) >>> 0
}

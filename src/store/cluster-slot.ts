/** The Redis Cluster slot of a key (Redis Cluster Specification, "Key distribution model"). */
const SLOTS = 16_384

/** CRC-16/XMODEM, polynomial 0x1021, byte by byte. */
const TABLE = Uint16Array.from({ length: 256 }, (_unused, byte) => {
  let crc = byte << 8
  for (let bit = 0; bit < 8; bit += 1) crc = (crc & 0x8000) === 0 ? crc << 1 : (crc << 1) ^ 0x1021
  return crc
})

/** `tag` is the text that is hashed: the organization's id for all its keys, the whole key if it has no hash tag. */
export function slotOf(tag: string): number {
  let crc = 0
  for (const byte of Buffer.from(tag)) {
    crc = ((crc << 8) & 0xffff) ^ (TABLE[((crc >> 8) ^ byte) & 0xff] ?? 0)
  }
  return crc % SLOTS
}

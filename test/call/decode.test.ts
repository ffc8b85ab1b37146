import { randomBytes } from 'node:crypto'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib'
import fc from 'fast-check'
import t from 'tap'
import { createDecoder, MAX_UNPACKED_BYTES } from '../../src/call/decode.ts'
import { frame, raw, rle, skippable, store, zstd } from '../support/zstd.ts'

const MIB = 1024 * 1024

/** What a decoder makes of these chunks. */
async function decode(
  coding: string,
  chunks: readonly Buffer[],
): Promise<{ plain: Buffer; believed: boolean }> {
  const parts: Buffer[] = []
  const decoder = createDecoder(coding, (part) => parts.push(Buffer.from(part)))
  for (const chunk of chunks) decoder.push(chunk)
  const believed = await decoder.end()
  return { plain: Buffer.concat(parts), believed }
}

const singleBytes = (bytes: Buffer): Buffer[] => Array.from(bytes, (byte) => Buffer.from([byte]))

/** 6,000 lines, 230 KB: more than one block of Zstandard's. */
const LINES = Array.from({ length: 6_000 }, (_, index) => {
  const number = index % 100
  return `${number} squared is ${number ** 2}; Grüße, 世界 ${index % 7}.\n`
}).join('')

/** LINES as the zstd command (1.5.4) packs it at level 19, with a checksum. */
const LINES_ZSTD =
  'KLUv/QRo7A4ARiVRH6CpMBzwPxaiigstVP51l5wBjGg+SZlkkkmir72p4gFdAD8AQQDnCFsl144RDc7ylVJ7kWZvyGH+hl3Wbti4' +
  'YREbtnpdLykseLBYYWGG4SgsdPCqsCDDRWGBQ6mwsGFTWIhhAYMJDR5IGAAUcBABQgQEAoYAMSQwMBAogGCAggMJhgiMWZRvQ1h9' +
  'kFRvdIfBqeVr35q0prErb43wouPs0nYlt4zE5yxDbsSzVV4xkRhl/iTiIWudLSqeRDTZHHpomjJDpk7plBFqbUhrzCjiDZqpd+mW' +
  'Xy3ZI7WH7NiP1vdF3JbQI8kcYQmvKp9apOal0FgmnmHIjHd2HkWZBpGzMDcRE7Go/w2//ujpHu8P43NLVf+65HWLX7H2iFV8PL1a' +
  'oqp7iMoXcg1JU56g1qssVZJZ83gVUUet9KkVLjo/RCYa09ATgMeoEVB4hq//GaAzCqoxEbxfQIRG0IftB497VfuP1q+nV++r2n+0' +
  'fj29el/V/qP16+nV+6r2H61fT6/eV7X/aP16evWU4umEnETbiHOIMw8tCQxUnXmtr6UsrtYlLtbWJlaiNLTEuS5w2bWEzXS8B905' +
  'LQq43drAnjUW0Blt6yfEfULMN66T07jmZzK1NbWd6ls0868ChAYAxlUhCcBrDCSVfgR8Ah8AGwAgABFWOuVGWOmUG2GlU26ElUYW' +
  'UDSygKKRBRRNuRFWGtk3wkqn3AgrnXIjrHTKjbDSKTfCSqfcCCudcgPlRljplBthpVNuhJVOuRGKRhZQNLKAopEFVDpyIxSNBHTK' +
  'jbDSKTfCSqfcCCudciOsdMqNsNIpN8JKJ4DImBBIHwAS+P9/GMIfBIEQACIApAARAaAEhEwTAEAAABAAAOUDyjibEVxAEQBCAIgE' +
  'UAJAFIAR7aQECAAAAgCgPAoWLzogB4QMAJYrQAqw5RokSdyNJ08JPAA8ADwAEq+tdMp4baVTxmsrnTJeW+mU8dpKp4zXVjplvLbS' +
  'KeO1lU4Zr610ynhtpSNxVjQSZ0UjcVY0Ml5b6UhcRVPGayudMl5b6ZTx2kqnjNdWOmW8ttIp47WVThmvrXTKeG2lU8ZrK50yXls0' +
  'EmdFI3FWNBJnRaeM1xZNcVbplPHaSqeM11Y6Zby20injtZVOGa+tdMp4baVTxmsrnTJeW+mU8dpKp4xnRSNxVjQSZ0UjcbbSKeNZ' +
  'IFxb6ZTx2kqnjNdWOmW8ttIp47WVThmvrXTKeG2lU8ZrK50yXlvplPFapVPirGgkzopG4qxoJF5b6ZSBkKgREPkx4e+fARL4/38a' +
  'Af7+d+GWH6lAEAAACUAAAAQAAAEEEjAACAAAAgAAAOYz2DmXQAQAQAAEAEAAABBAAAAQCAAEAAAAAAFAeQY75xKIAAAEQAAACAAA' +
  'AQQAAIEAgAAAAAAgAJRnsHMugQgAgAAIAIAAABBAAAAgEAAIAAAAAAJAeQY75xLgWwFVAAAAAQDthHOkuQYCSXfbcQ=='

const PLAIN = Buffer.from(LINES.slice(0, 1_500))
const PACKED: readonly (readonly [coding: string, packed: Buffer])[] = [
  ['gzip', gzipSync(PLAIN)],
  ['x-gzip', gzipSync(PLAIN)],
  ['GZIP', gzipSync(PLAIN)],
  ['deflate', deflateSync(PLAIN)],
  // Without the two bytes in front that the standard wants.
  ['deflate', deflateRawSync(PLAIN)],
  ['br', brotliCompressSync(PLAIN)],
  ['zstd', zstd(PLAIN)],
  ['zstd', store(PLAIN)],
  ['identity, gzip', gzipSync(PLAIN)],
  ['gzip, br', brotliCompressSync(gzipSync(PLAIN))],
  ['deflate,zstd', zstd(deflateSync(PLAIN))],
  ['br, zstd, gzip', gzipSync(zstd(brotliCompressSync(PLAIN)))],
]

for (const [coding, packed] of PACKED) {
  void t.test(
    `C2: an answer in ${coding} would be read otherwise than it was written, or only if it comes whole`,
    async (t) => {
      t.same(await decode(coding, [packed]), { plain: PLAIN, believed: true }, 'whole')
      t.same(await decode(coding, singleBytes(packed)), { plain: PLAIN, believed: true }, 'byte by byte')
      for (let at = 0; at <= packed.length; at += 1) {
        const { plain, believed } = await decode(coding, [packed.subarray(0, at), packed.subarray(at)])
        if (!believed || !plain.equals(PLAIN)) t.fail(`cut at ${at} of ${packed.length}`)
      }
    },
  )
}

void t.test(
  'C2: an answer in zstd as its own tool packs it: blocks of all kinds, and matches across them',
  async (t) => {
    const packed = Buffer.from(LINES_ZSTD, 'base64')
    for (const chunks of [[packed], singleBytes(packed)]) {
      const { plain, believed } = await decode('zstd', chunks)
      t.ok(believed)
      t.ok(plain.equals(Buffer.from(LINES)))
    }
  },
)

void t.test(
  'C2: several members or frames in a row are one answer, and what stands behind the end is nobody’s',
  async (t) => {
    const [one, two] = [PLAIN.subarray(0, 600), PLAIN.subarray(600)]
    const answers: (readonly [string, Buffer[]])[] = [
      ['gzip', [gzipSync(one), gzipSync(two)]],
      ['zstd', [store(one), skippable(Buffer.from('anything')), store(two)]],
      ['zstd', [skippable(Buffer.alloc(0)), zstd(one), zstd(two), skippable(randomBytes(2_000))]],
      ['gzip', [gzipSync(PLAIN), Buffer.alloc(100)]],
      ['deflate', [deflateSync(PLAIN), Buffer.from('more')]],
    ]
    for (const [coding, parts] of answers) {
      const whole = Buffer.concat(parts)
      for (const chunks of [[whole], parts, singleBytes(whole)]) {
        const { plain } = await decode(coding, chunks)
        t.ok(plain.equals(PLAIN), `${coding}, ${parts.length} parts in ${chunks.length} chunks`)
      }
    }
  },
)

void t.test('what is not packed passes at once, in the very chunks', async (t) => {
  for (const coding of ['', 'identity', ' Identity , identity', ',']) {
    const seen: Buffer[] = []
    const decoder = createDecoder(coding, (chunk) => seen.push(chunk))
    const chunk = Buffer.from('plain')
    decoder.push(chunk)
    t.equal(seen[0], chunk, `'${coding}'`)
    t.equal(await decoder.end(), true)
  }
})

void t.test('C5: nothing is believed of a coding that is not known, or of a heap of codings', async (t) => {
  for (const coding of [
    'compress',
    'gzip, exi',
    'aes128gcm',
    'gzip;q=1',
    'constructor',
    'gzip, gzip, gzip, gzip',
  ]) {
    t.same(await decode(coding, [gzipSync(PLAIN)]), { plain: Buffer.alloc(0), believed: false }, coding)
  }
})

void t.test('C5: an answer that breaks off is read as far as it came', async (t) => {
  const flushed = {
    gzip: Buffer.concat([gzipSync(PLAIN, { finishFlush: constants.Z_SYNC_FLUSH }), Buffer.from([0x00])]),
    deflate: deflateSync(PLAIN, { finishFlush: constants.Z_SYNC_FLUSH }),
    br: brotliCompressSync(PLAIN, { finishFlush: constants.BROTLI_OPERATION_FLUSH }),
    zstd: store(PLAIN, PLAIN.length).subarray(0, -1),
  }
  for (const [coding, packed] of Object.entries(flushed)) {
    const { plain, believed } = await decode(coding, [packed])
    t.ok(believed, coding)
    if (coding !== 'zstd') t.ok(plain.equals(PLAIN), `${coding}: all that was flushed`)
  }
  for (const [coding, packed] of PACKED) {
    const whole = await decode(coding, [packed.subarray(0, packed.length >> 1)])
    t.ok(
      PLAIN.subarray(0, whole.plain.length).equals(whole.plain),
      `${coding}: the beginning, and nothing else`,
    )
    t.ok(whole.believed, `${coding}: half of it`)
    t.same(await decode(coding, []), { plain: Buffer.alloc(0), believed: true }, `${coding}: nothing at all`)
  }
})

void t.test(
  'C5: broken data throws nothing, is not believed, and what comes after it is not looked at',
  async (t) => {
    for (const [coding, packed] of PACKED) {
      const seen: Buffer[] = []
      const decoder = createDecoder(coding, (part) => seen.push(part))
      decoder.push(Buffer.from('<html>no such coding</html>'))
      await nextTurn()
      for (let more = 0; more < 5; more += 1) {
        decoder.push(packed)
        await nextTurn()
      }
      t.equal(await decoder.end(), false, coding)
    }
    const wrongChecksum = Buffer.from(gzipSync(PLAIN))
    wrongChecksum[wrongChecksum.length - 6] = (wrongChecksum[wrongChecksum.length - 6] ?? 0) ^ 1
    t.equal((await decode('gzip', [wrongChecksum])).believed, false, 'a wrong checksum')
  },
)

void t.test('any bytes, and any damage to good ones, would throw or hang', async (t) => {
  const codings = fc.constantFrom('gzip', 'deflate', 'br', 'zstd', 'gzip, zstd', 'zstd, br')
  await fc.assert(
    fc.asyncProperty(codings, fc.uint8Array({ maxLength: 400 }), async (coding, bytes) => {
      await decode(coding, [Buffer.from(bytes)])
    }),
    { numRuns: 500 },
  )
  const damage = fc.record({ at: fc.nat(), byte: fc.integer({ min: 0, max: 255 }), cut: fc.nat() })
  await fc.assert(
    fc.asyncProperty(
      fc.constantFrom(...PACKED),
      fc.array(damage, { minLength: 1, maxLength: 4 }),
      async ([coding, good], places) => {
        const bytes = Buffer.from(good)
        for (const { at, byte } of places) bytes[at % bytes.length] = byte
        const cut = (places[0]?.cut ?? 0) % bytes.length
        await decode(coding, [bytes.subarray(0, cut), bytes.subarray(cut)])
      },
    ),
    { numRuns: 400 },
  )
  const lines = Buffer.from(LINES_ZSTD, 'base64')
  await fc.assert(
    fc.asyncProperty(damage, async ({ at, byte }) => {
      const bytes = Buffer.from(lines)
      bytes[at % bytes.length] = byte
      await decode('zstd', [bytes])
    }),
    { numRuns: 400 },
  )
  t.pass('each came to its end')
})

/** Far more than is unpacked. */
const BOMB_BYTES = 160 * MIB
const nothing = Buffer.alloc(BOMB_BYTES)
const gzipBomb = gzipSync(nothing, { level: 1 })
const BOMBS: readonly (readonly [name: string, coding: string, packed: Buffer])[] = [
  ['a bomb in gzip', 'gzip', gzipBomb],
  ['a bomb in deflate', 'deflate', deflateSync(nothing, { level: 1 })],
  ['a bomb in br', 'br', brotliCompressSync(nothing, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } })],
  [
    'a bomb in zstd',
    'zstd',
    frame(Array.from({ length: BOMB_BYTES / (128 * 1024) }, () => rle(0, 128 * 1024))),
  ],
  ['a bomb in a wrapper', 'gzip, br', brotliCompressSync(gzipBomb)],
]

for (const [name, coding, packed] of BOMBS) {
  void t.test(
    `an answer of ${Math.ceil(packed.length / 1024)} KiB would fill the memory: ${name} is given up, and not believed`,
    async (t) => {
      let unpacked = 0
      let most = 0
      const memory = (): number => process.memoryUsage().arrayBuffers
      const before = memory()
      const decoder = createDecoder(coding, (part) => {
        unpacked += part.length
        most = Math.max(most, memory() - before)
      })
      for (let at = 0; at < packed.length; at += 16_384) decoder.push(packed.subarray(at, at + 16_384))
      t.equal(await decoder.end(), false)
      t.ok(unpacked <= MAX_UNPACKED_BYTES, `${unpacked} bytes were unpacked`)
      t.ok(unpacked > MAX_UNPACKED_BYTES / 2, 'a large answer is not taken for a bomb')
      t.ok(most < 200 * MIB, `${Math.round(most / MIB)} MiB at the most`)
    },
  )
}

void t.test(
  'a few bytes of zstd would ask for gigabytes: windows, blocks and frames beyond HTTP’s limits are refused unread',
  async (t) => {
    const hugeWindow = frame([raw(PLAIN)], 30)
    // A single segment of 1 GiB: its window is its content.
    const hugeSegment = Buffer.concat([
      Buffer.from([0x28, 0xb5, 0x2f, 0xfd, 0xa0, 0, 0, 0, 0x40]),
      Buffer.alloc(64),
    ])
    const largeWindows = Buffer.concat(Array.from({ length: 20 }, () => frame([raw(Buffer.from('x'))], 23)))
    const largeBlock = frame([rle(0, 1_000_000)])
    for (const [name, packed] of Object.entries({ hugeWindow, hugeSegment, largeWindows, largeBlock })) {
      const before = process.memoryUsage().arrayBuffers
      const { believed } = await decode('zstd', [packed])
      t.equal(believed, false, name)
      t.ok(process.memoryUsage().arrayBuffers - before < 128 * MIB, name)
    }
    t.same(
      await decode('zstd', [frame([raw(PLAIN)], 23)]),
      { plain: PLAIN, believed: true },
      '8 MiB are within them',
    )
  },
)

void t.test(
  'thousands of tiny blocks would stop the gateway: others get their turn in between',
  async (t) => {
    const tiny = frame(
      Array.from({ length: 4_000 }, () => raw(Buffer.from('x'))),
      22,
    )
    const decoder = createDecoder('zstd', () => undefined)
    let turns = 0
    const others = setInterval(() => (turns += 1), 0)
    decoder.push(tiny)
    t.equal(await decoder.end(), true)
    clearInterval(others)
    t.ok(turns > 1, `${turns} turns`)
  },
)

void t.test('an answer would pile up in front of a slow CPU: what waits is bounded', async (t) => {
  const noise = gzipSync(randomBytes(40 * MIB), { level: 0 })
  for (const [coding, packed] of [
    ['gzip', noise],
    ['zstd', store(randomBytes(20 * MIB), 100_000)],
  ] as const) {
    const decoder = createDecoder(coding, () => undefined)
    // Pieces so large that no CPU is done with one in the few milliseconds that it gets in a turn.
    for (let at = 0; at < packed.length; at += 10 * MIB) decoder.push(packed.subarray(at, at + 10 * MIB))
    t.equal(await decoder.end(), false, `${coding}, all in one turn`)
  }
})

import fc from 'fast-check'
import t from 'tap'
import { placesOfKeys, readRequestBody, splice } from '../../src/families/request-body.ts'
import { anyText, jsonObjects, writeJson, writingSeed } from '../support/json-text.ts'

/** Any text, with halves of surrogate pairs, which JSON can only hold as escapes. */
const ANY_STRING = fc.oneof(
  { weight: 9, arbitrary: anyText },
  { weight: 1, arbitrary: fc.constantFrom('\ud800', 'a\udfff', '\udfff\ud800') },
)
const PLAIN_KEYS = fc.string({
  unit: fc.constantFrom('a', 'b', 'model', 'é', '😀', '"', '\\', ' ', '/', '\n'),
  maxLength: 6,
})
const DOCUMENTS = jsonObjects({ key: ANY_STRING, string: ANY_STRING, duplicates: true })
const RUNS = { numRuns: 2_000 }

void t.test(
  'a field would be read, or spliced, in the wrong place: every key is found, in order, with exactly its value',
  (t) => {
    let keys = 0
    fc.assert(
      fc.property(DOCUMENTS, writingSeed, (document, seed) => {
        const bytes = Buffer.from(writeJson(document, seed))
        const places = placesOfKeys(bytes, bytes.indexOf('{'))
        const names = places.map(({ key }) => key)
        const want = document.entries.map(([key]) => key)
        if (JSON.stringify(names) !== JSON.stringify(want))
          throw new Error(`${JSON.stringify(names)}, not ${JSON.stringify(want)}`)
        for (const [index, { from, to }] of places.entries()) {
          const slice = bytes.toString('utf8', from, to)
          const node = document.entries[index]?.[1]
          if (node === undefined || slice !== slice.trim()) throw new Error(`'${slice}' has white space`)
          if (JSON.stringify(JSON.parse(slice)) !== JSON.stringify(JSON.parse(writeJson(node, 1))))
            throw new Error(`'${slice}' is not the value`)
          keys += 1
        }
      }),
      RUNS,
    )
    t.ok(keys > RUNS.numRuns, `${keys} keys were looked at`)
    t.end()
  },
)

void t.test(
  'the bytes between the places would not be those of the text: the keys stand in what is left',
  (t) => {
    fc.assert(
      fc.property(DOCUMENTS, writingSeed, (document, seed) => {
        const bytes = Buffer.from(writeJson(document, seed))
        let left: Buffer = bytes
        for (const { from, to } of placesOfKeys(bytes, bytes.indexOf('{')).reverse())
          left = splice(left, from, to, 'null')
        const emptied = JSON.parse(left.toString()) as Record<string, unknown>
        if (!Object.values(emptied).every((value) => value === null)) throw new Error(left.toString())
      }),
      RUNS,
    )
    t.end()
  },
)

void t.test('an object within the body would be cut wrong: its keys are found from where it opens', (t) => {
  const bytes = Buffer.from(
    '{"x":{"y":1},"stream_options" :\n{ "a" : {"include_usage":false} , "include_usage"\t:false } }',
  )
  const place = placesOfKeys(bytes, 0).find(({ key }) => key === 'stream_options')
  t.equal(
    bytes.toString('utf8', place?.from, place?.to),
    '{ "a" : {"include_usage":false} , "include_usage"\t:false }',
  )
  const inner = placesOfKeys(bytes, place?.from ?? -1)
  t.same(
    inner.map(({ key, from, to }) => [key, bytes.toString('utf8', from, to)]),
    [
      ['a', '{"include_usage":false}'],
      ['include_usage', 'false'],
    ],
  )
  t.end()
})

void t.test(
  'two JSON readers would take different values: a key that prices stands once and in its own spelling, or the body is refused',
  (t) => {
    const priced = new Set(['model'])
    // Spellings that some reader takes for `model`: Go's folds case the way Unicode does, the long s and the Kelvin sign too.
    const spellings = fc.constantFrom('model', 'Model', 'MODEL', 'modeL')
    const entry = (key: fc.Arbitrary<string>): fc.Arbitrary<[string, { kind: 'scalar'; text: string }]> =>
      fc.tuple(key, fc.constant({ kind: 'scalar' as const, text: '1' }))
    const bodies = fc.array(fc.oneof(entry(spellings), entry(PLAIN_KEYS)), { maxLength: 6 })
    fc.assert(
      fc.property(bodies, writingSeed, (entries, seed) => {
        const text = writeJson({ kind: 'object', entries }, seed)
        const models = entries.map(([key]) => key).filter((key) => key.toLowerCase() === 'model')
        const read = readRequestBody(Buffer.from(text), priced)
        const isClear = models.length === 0 || (models.length === 1 && models[0] === 'model')
        if ('refused' in read === isClear) throw new Error(text)
        if ('refused' in read && (read.code !== 'invalid_request' || read.param !== 'model'))
          throw new Error(read.message)
      }),
      RUNS,
    )
    t.end()
  },
)

for (const key of ['tokenſ', 'TOKENS', 'toKens', 'to\\u212aens', 'token\\u017f']) {
  void t.test(
    `a reader that folds case as Unicode does would take '${key}' for 'tokens': the body is refused`,
    (t) => {
      const read = readRequestBody(Buffer.from(`{"tokens":1,"${key}":1000000}`), new Set(['tokens']))
      t.match(read, { refused: true, code: 'invalid_request', param: 'tokens' })
      t.end()
    },
  )
}

for (const [name, body] of [
  ['no JSON', '{"a":}'],
  ['JSON with something behind it', '{"a":1} {"b":2}'],
  ['a list', '[{"model":"m"}]'],
  ['a string', '"model"'],
  ['null', 'null'],
  ['nothing', ''],
  ['a key that poisons prototypes', '{"a":{"__proto__":{}}}'],
  ['such a key in escapes', '{"\\u005f_proto__":{}}'],
  ['a constructor’s prototype', '{"constructor":{"prototype":{}}}'],
  ['bytes that are no UTF-8', Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d])],
  ['half a surrogate pair in UTF-8', Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d])],
  ['UTF-16', Buffer.from('{"model":"m"}', 'utf16le')],
  ['nesting without end', '['.repeat(200_000)],
] as const) {
  void t.test(`a body that is ${name} would be read as something: it is refused`, (t) => {
    t.match(readRequestBody(Buffer.from(body), new Set(['model'])), {
      refused: true,
      code: 'invalid_request',
    })
    t.end()
  })
}

void t.test(
  'a long body would hold up every call: a megabyte of quotes and backslashes is read in one pass',
  (t) => {
    const text = JSON.stringify({ model: 'm', a: '\\"'.repeat(250_000), b: '\\'.repeat(250_000) })
    const bytes = Buffer.from(text)
    const places = placesOfKeys(bytes, 0)
    t.same(
      places.map(({ key }) => key),
      ['model', 'a', 'b'],
    )
    t.equal(bytes.toString('utf8', places[1]?.from, places[1]?.to), JSON.stringify('\\"'.repeat(250_000)))
    t.end()
  },
)

/** The reader of prompts against JSON.parse: the same values where it looks, and nothing that two readers could take for two things. */
import { isUtf8 } from 'node:buffer'
import fc from 'fast-check'
import t from 'tap'
import { joined, replaced } from '../../src/core/chunks.ts'
import { JsonOutline } from '../../src/json/outline.ts'
import type { OutlineProblem } from '../../src/json/outline-problem.ts'
import { planOutline, VALUE, type PlannedValue } from '../../src/json/outline-plan.ts'
import { beginsWith } from '../../src/json/text.ts'
import { Utf8Check } from '../../src/json/utf8-check.ts'
import { anyText, cut, jsonObjects, writeJson, writingSeed } from '../support/json-text.ts'
import { chunksOf } from '../support/requests.ts'

/** Keeps everything, so that nothing is passed over. */
const EVERYTHING = planOutline({ body: { others: 'any' }, any: { others: 'any', each: 'any', place: true } })
/** Keeps one key, and passes over the others. */
const MODEL = planOutline({ body: { keys: { model: 'model', tokens: VALUE } }, model: { place: true } })

const RUNS = { numRuns: 2_000 }
const PLACES = fc.array(fc.nat({ max: 400 }), { maxLength: 6 })
const DOCUMENTS = jsonObjects({ key: anyText, string: anyText })

interface Read {
  readonly outline: JsonOutline
  readonly problem: OutlineProblem | null
}

function read(plan: PlannedValue, chunks: readonly Buffer[] | string): Read {
  const outline = new JsonOutline(plan, () => undefined)
  for (const chunk of typeof chunks === 'string' ? [Buffer.from(chunks)] : chunks) outline.push(chunk)
  return { outline, problem: outline.end() }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

/** As a provider reads a body: with a mark in front of it or without. */
const withoutMark = (text: string): string => text.replace(/^\ufeff/, '')

const isObject = (value: unknown): boolean =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

/** Whether the reader refuses what JSON allows: a key twice, or one that poisons prototypes. */
const isOurs = (problem: OutlineProblem | null): boolean =>
  problem !== null &&
  / stands more than once | could change what others mean|more than 1000 keys/.test(problem.message)

void t.test(
  'a prompt would be priced by other values than the provider reads: they are those of JSON.parse',
  (t) => {
    let kept = 0
    fc.assert(
      fc.property(DOCUMENTS, writingSeed, PLACES, (document, seed, places) => {
        const text = writeJson(document, seed)
        const { outline, problem } = read(EVERYTHING, cut(Buffer.from(text), places))
        if (isOurs(problem)) return
        if (problem !== null) throw new Error(`${problem.message} ${text}`)
        if (JSON.stringify(outline.json) !== JSON.stringify(parsed(text)))
          throw new Error(`${JSON.stringify(outline.json)} of ${text}`)
        kept += Object.keys(outline.json).length
      }),
      RUNS,
    )
    t.ok(kept > RUNS.numRuns, `${kept} keys were looked at`)
    t.end()
  },
)

void t.test('a body would be cut within a token: byte by byte, the values are the same', (t) => {
  fc.assert(
    fc.property(DOCUMENTS, writingSeed, (document, seed) => {
      const text = writeJson(document, seed)
      const whole = read(EVERYTHING, text)
      const bytes = Array.from(Buffer.from(text), (byte) => Buffer.from([byte]))
      const single = read(EVERYTHING, bytes)
      if (JSON.stringify(single.outline.json) !== JSON.stringify(whole.outline.json)) throw new Error(text)
      if (single.problem?.message !== whole.problem?.message) throw new Error(text)
    }),
    { numRuns: 500 },
  )
  t.end()
})

/** What somebody puts in place of a byte to lead a reader astray. */
const ASTRAY = fc.constantFrom(
  ...[
    '',
    '"',
    '\\',
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    ' ',
    '0',
    '-',
    '.',
    'e',
    'n',
    't',
    '/',
    "'",
    '\u0000',
    '\n',
  ],
  ...['//', '/*"*/', 'null', '"model":2', '\\u0022', '\ufeff', 'NaN', '\u00a0'],
)

/** A document in which something stands in place of a byte. */
const BROKEN = fc
  .tuple(DOCUMENTS, writingSeed, fc.double({ min: 0, max: 1, noNaN: true }), ASTRAY)
  .map(([document, seed, where, by]) => {
    const text = writeJson(document, seed)
    const at = Math.floor(where * text.length)
    return `${text.slice(0, at)}${by}${text.slice(at + 1)}`
  })

void t.test(
  'broken JSON would be read as something: where it looks, it is refused as JSON.parse refuses it',
  (t) => {
    let [broken, whole] = [0, 0]
    fc.assert(
      fc.property(BROKEN, PLACES, (text, places) => {
        const { problem } = read(EVERYTHING, cut(Buffer.from(text), places))
        if (isOurs(problem)) return
        const isGood = isObject(parsed(withoutMark(text)))
        if (isGood !== (problem === null)) throw new Error(`${String(problem?.message)} for ${text}`)
        if (isGood) whole += 1
        else broken += 1
      }),
      { numRuns: 5_000 },
    )
    t.ok(broken > 200 && whole > 200, `${broken} broken, ${whole} whole`)
    t.end()
  },
)

void t.test(
  'what is passed over would hide a key or show one: however it is broken, the keys around it are the same',
  (t) => {
    let [passed, refused] = [0, 0]
    fc.assert(
      fc.property(BROKEN, PLACES, (inner, places) => {
        const body = `{"model":"m","x":${inner},"tokens":1}`
        const { outline, problem } = read(MODEL, cut(Buffer.from(body), places))
        if (problem === null && JSON.stringify(outline.json) !== '{"model":"m","tokens":1}')
          throw new Error(body)
        if (problem === null) passed += 1
        else refused += 1
        // What JSON allows passes, whatever it is.
        if (problem !== null && !isOurs(problem) && isObject(parsed(body)))
          throw new Error(`${problem.message} ${body}`)
      }),
      { numRuns: 5_000 },
    )
    t.ok(passed > 100 && refused > 100, `${passed} passed, ${refused} refused`)
    t.end()
  },
)

void t.test('a field would be replaced in the wrong place: every value stands where it is said to', (t) => {
  fc.assert(
    fc.property(DOCUMENTS, writingSeed, PLACES, anyText, (document, seed, places, model) => {
      const entries = [...document.entries, ['model', { kind: 'string', value: model }]] as const
      const text = writeJson({ kind: 'object', entries }, seed)
      const bytes = Buffer.from(text)
      const chunks = { list: cut(bytes, places), bytes: bytes.length }
      const { outline, problem } = read(MODEL, chunks.list)
      if (problem !== null) {
        if (isOurs(problem) || /must be written/.test(problem.message)) return
        throw new Error(`${problem.message} ${text}`)
      }
      const place = outline.places.get('model')
      if (place === undefined || parsed(bytes.toString('utf8', place.from, place.to)) !== model)
        throw new Error(`${JSON.stringify(place)} in ${text}`)
      const other = joined(replaced(chunks, place.from, place.to, 'null')).toString()
      const expected = `${bytes.toString('utf8', 0, place.from)}null${bytes.toString('utf8', place.to)}`
      if (other !== expected) throw new Error(other)
      const first = joined(replaced(chunks, outline.open, outline.open, '"new":1,')).toString()
      if (!isObject(parsed(first))) throw new Error(first)
    }),
    RUNS,
  )
  t.same(joined(replaced(chunksOf(Buffer.from('abc')), 3, 3, 'd')).toString(), 'abcd')
  t.end()
})

void t.test(
  'two JSON readers would take different values: a key that prices stands once and in its own spelling, or the body is refused',
  (t) => {
    // Spellings that some reader takes for `model`: Go's folds case the way Unicode does, the long s and the Kelvin sign too.
    const spellings = fc.constantFrom('model', 'Model', 'MODEL', 'modeL')
    const plain = fc.string({
      unit: fc.constantFrom('a', 'b', 'model', 'é', '😀', '"', '\\', ' ', '/', '\n'),
      maxLength: 6,
    })
    const entry = (key: fc.Arbitrary<string>): fc.Arbitrary<[string, { kind: 'scalar'; text: string }]> =>
      fc.tuple(key, fc.constant({ kind: 'scalar' as const, text: '1' }))
    const bodies = fc.array(fc.oneof(entry(spellings), entry(plain)), { maxLength: 6 })
    fc.assert(
      fc.property(bodies, writingSeed, PLACES, (entries, seed, places) => {
        const text = writeJson({ kind: 'object', entries }, seed)
        const models = entries.map(([key]) => key).filter((key) => key.toLowerCase() === 'model')
        const { problem } = read(MODEL, cut(Buffer.from(text), places))
        const isClear = models.length === 0 || (models.length === 1 && models[0] === 'model')
        if ((problem === null) !== isClear) throw new Error(text)
        if (problem !== null && problem.param !== 'model') throw new Error(problem.message)
      }),
      RUNS,
    )
    t.end()
  },
)

for (const key of ['tokenſ', 'TOKENS', 'toKens', 'to\\u212aens', 'token\\u017f', 'tokens', 't\\u006fkens']) {
  void t.test(
    `a reader that folds case as Unicode does would take '${key}' for 'tokens': the body is refused`,
    (t) => {
      t.match(read(MODEL, `{"tokens":1,"${key}":1000000}`).problem, { param: 'tokens' })
      t.end()
    },
  )
}

void t.test('a key in snake_case is the one in camelCase, and both together are that key twice', (t) => {
  const plan = planOutline({ body: { keys: { maxOutputTokens: VALUE } } }, { takesSnakeCase: true })
  for (const key of [
    'maxOutputTokens',
    'max_output_tokens',
    'max_output\\u005ftokens',
    'm\\u0061xOutputTokens',
  ]) {
    const { outline, problem } = read(plan, `{"${key}":7}`)
    t.equal(problem, null, key)
    t.same(outline.json, { maxOutputTokens: 7 })
  }
  t.equal(read(plan, '{"proto":1,"Constructor":1}').problem, null, 'what only resembles a poisoned key')
  for (const body of [
    '{"maxOutputTokens":7,"max_output_tokens":8}',
    '{"maxOutputTokens":7,"maxoutputtokens":8}',
    '{"MAX_OUTPUT_TOKENS":8}',
    '{"max__output_tokens":8}',
    '{"_maxOutputTokens_":8}',
  ]) {
    t.match(read(plan, body).problem, { param: 'maxOutputTokens' }, body)
  }
  t.end()
})

const REFUSED: Readonly<Record<string, readonly [body: string | Buffer, says: RegExp]>> = {
  'no JSON': ['{"a":}', /'}' is not expected at byte 5/],
  'JSON with something behind it': ['{"a":1} {"b":2}', /'{' is not expected at byte 8/],
  'JSON that breaks off': ['{"a":[1', /breaks off after 7 bytes/],
  'a list': ['[{"model":"m"}]', /must be a JSON object/],
  'a text': ['"model"', /must be a JSON object/],
  null: ['null', /must be a JSON object/],
  nothing: ['', /must be a JSON object/],
  'nothing but a mark': ['\ufeff', /must be a JSON object/],
  'half a mark': [Buffer.from([0xef, 0xbb]), /UTF-8/],
  'a key that poisons prototypes': ['{"__proto__":{}}', /acceptable JSON.*__proto__/],
  'such a key in escapes': ['{"\\u005f_proto__":{}}', /acceptable JSON.*__proto__/],
  'a constructor’s prototype': ['{"constructor":{"prototype":{}}}', /acceptable JSON.*constructor/],
  'bytes that are no UTF-8': [Buffer.from([0x7b, 0x22, 0xc3, 0x28, 0x22, 0x3a, 0x31, 0x7d]), /UTF-8/],
  'half a surrogate pair in UTF-8': [
    Buffer.from([0x7b, 0x22, 0xed, 0xa0, 0x80, 0x22, 0x3a, 0x31, 0x7d]),
    /UTF-8/,
  ],
  'UTF-16': [Buffer.from('{"model":"m"}', 'utf16le'), /acceptable JSON/],
  'nesting without end': [`{"x":${'['.repeat(200_000)}`, /breaks off/],
  'brackets that do not match': ['{"x":[{]}}', /']' is not expected at byte 7/],
  'a comment in what is passed over': ['{"x":[1,/*"*/2]}', /'\/' is not expected at byte 8/],
  'single quotes in what is passed over': [`{"x":['"']}`, /''' is not expected/],
  'a key without quotes in what is passed over': ['{"x":{k:1}}', /'k' is not expected/],
  'a control character in a kept text': ['{"model":"a\nb"}', /acceptable JSON.*at byte 13/],
  'an escape that JSON does not know, in a kept text': ['{"model":"\\x"}', /acceptable JSON.*at byte 12/],
  'a number with a zero in front': ['{"tokens":01}', /acceptable JSON.*at byte 12/],
  'a number of 2,000 digits': [`{"tokens":${'1'.repeat(2_000)}}`, /acceptable JSON/],
  'too many values': [`{"x":[${'{},'.repeat(400_000)}1]}`, /too many values/],
}
for (const [name, [body, says]] of Object.entries(REFUSED)) {
  void t.test(`a body that is ${name} would be read as something: it is refused`, (t) => {
    t.match(read(MODEL, [Buffer.from(body)]).problem?.message, says)
    t.match(
      read(
        MODEL,
        Buffer.from(body).length > 4_096 ? [Buffer.from(body)] : cut(Buffer.from(body), [1, 2, 3, 5, 8, 11]),
      ).problem?.message,
      says,
    )
    t.end()
  })
}

void t.test('a long text would become a string: of one, the size and the beginning are kept', (t) => {
  const body = `{"model":"\\u0064\\u0061\\u0074\\u0061\\u003a${'A'.repeat(200_000)}\\"","tokens":1}`
  for (const chunks of [[Buffer.from(body)], cut(Buffer.from(body), [11, 30, 1_030, 70_000])]) {
    const { outline } = read(MODEL, chunks)
    t.match(outline.json, { model: { bytes: 200_032, head: /^data:/ }, tokens: 1 })
  }
  t.end()
})

void t.test(
  'lists in lists would hide what costs: from a depth that no API has, they are passed over and that is told',
  (t) => {
    const plan = planOutline({
      body: { keys: { x: 'part' } },
      part: { each: 'part', keys: {}, visits: true },
    })
    const nested = (depth: number): JsonOutline =>
      read(plan, `{"x":${'['.repeat(depth)}{}${']'.repeat(depth)}}`).outline
    t.equal(nested(16).isTooDeep, false)
    t.equal(nested(17).isTooDeep, true)
    t.end()
  },
)

void t.test('a long key would be another one where a chunk ends: it is passed over, whole or cut', (t) => {
  const long = '\\u0041'.repeat(300)
  const body = Buffer.from(`{"${long}":1,"model":"m"}`)
  for (const step of [1, 2, 3, 7, 64, body.length]) {
    const places = Array.from({ length: Math.floor(body.length / step) }, (_, index) => index * step)
    const { outline, problem } = read(MODEL, cut(body, places))
    t.equal(problem, null, `cut every ${step} bytes`)
    t.same(outline.json, { model: 'm' })
  }
  t.match(read(EVERYTHING, body.toString()).problem?.message, /more than 1024 bytes/)
  t.end()
})

void t.test(
  'an object that is kept as a whole would say two things: a key twice in any case is refused, and so are thousands',
  (t) => {
    t.match(read(EVERYTHING, '{"x":{"mode":"off","Mode":"on"}}').problem, { param: 'x' })
    const keys = Array.from({ length: 1_001 }, (_, index) => `"k${index}":1`).join(',')
    t.match(read(EVERYTHING, `{"x":{${keys}}}`).problem?.message, /more than 1000 keys/)
    t.end()
  },
)

void t.test('a long text would begin with what its escapes do not say', (t) => {
  for (const [start, isData] of [
    ['data:', true],
    ['\\u0064ata:', true],
    ['da\\ta:', false],
    ['\\data:', false],
  ] as const) {
    const { model } = read(MODEL, `{"model":"${start}${'A'.repeat(2_000)}"}`).outline.json
    t.equal(beginsWith(model, 'data:'), isData, start)
  }
  t.end()
})

void t.test('a mark in front of the body, of which there may be one', (t) => {
  const body = Buffer.from('\ufeff{"model":"m"}')
  t.same(read(MODEL, cut(body, [1, 2, 4])).outline.json, { model: 'm' })
  t.match(read(MODEL, '\ufeff\ufeff{}').problem?.message, /acceptable JSON/)
  t.end()
})

void t.test(
  'UTF-8 would be judged by chunks: however bytes are cut, they are UTF-8 or not as a whole',
  (t) => {
    const pieces = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6 }).map((text) => Buffer.from(text)),
      fc.uint8Array({ maxLength: 4 }).map((bytes) => Buffer.from(bytes)),
    )
    const seen = { good: 0, bad: 0 }
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 5 }), PLACES, (parts, places) => {
        const bytes = Buffer.concat(parts)
        const check = new Utf8Check()
        const isGood =
          cut(
            bytes,
            places.map((at) => at % 24),
          ).every((chunk) => check.push(chunk)) && check.end()
        if (isGood !== isUtf8(bytes)) throw new Error(bytes.toString('hex'))
        seen[isGood ? 'good' : 'bad'] += 1
      }),
      { numRuns: 20_000 },
    )
    t.ok(seen.good > 1_000 && seen.bad > 1_000, JSON.stringify(seen))
    t.end()
  },
)

void t.test('a megabyte of quotes and backslashes ends where it ends', (t) => {
  const text = JSON.stringify({ a: '\\"'.repeat(250_000), b: '\\'.repeat(250_001), model: 'm' })
  for (const size of [65_536, 65_537, 1_021, text.length]) {
    const places = Array.from({ length: Math.floor(text.length / size) }, (_, index) => (index + 1) * size)
    const { outline, problem } = read(MODEL, cut(Buffer.from(text), places))
    t.equal(problem, null)
    t.same(outline.json, { model: 'm' })
  }
  t.end()
})

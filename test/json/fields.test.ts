import fc from 'fast-check'
import t from 'tap'
import { JsonFields } from '../../src/json/fields.ts'
import { planFields } from '../../src/json/names.ts'
import { anyText, cut, jsonObjects, writeJson, writingSeed, type JsonNode } from '../support/json-text.ts'

const PATHS = ['usage', 'model', 'a.usage', 'a.b.model', 'list.*.usage', 'a.list.*.model', 'a.b-2.x.usage']
const TEXT_KEYS = ['content', 'text', 'b']
const KEYS = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.constantFrom('usage', 'model', 'a', 'b', 'b-2', 'list', 'x', 'content', 'text'),
  },
  // Almost the same: another case, in quotes, with an escape, with what a careless reader would cut off.
  {
    weight: 1,
    arbitrary: fc.constantFrom(
      'Usage',
      '"usage"',
      '\\usage',
      'usage\\',
      'usage ',
      'ｕsage',
      'a.usage',
      '*',
      'x'.repeat(60),
    ),
  },
  { weight: 1, arbitrary: anyText },
)
const DOCUMENTS = jsonObjects({ key: KEYS })
const CUTS = fc.array(fc.nat(), { maxLength: 8 })
const RUNS = { numRuns: 2_500 }

function read(
  chunks: readonly Buffer[],
  options: { readonly paths?: readonly string[]; readonly textKeys?: readonly string[] } = {},
): JsonFields {
  const fields = new JsonFields(
    planFields({ paths: options.paths ?? PATHS, textKeys: options.textKeys ?? TEXT_KEYS }),
  )
  for (const chunk of chunks) fields.push(chunk, 0, chunk.length)
  return fields
}

type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json }

/** Every value that stands at a path, in the order of the text. */
function valuesAt(value: Json, path: readonly string[]): Json[] {
  const [step, ...rest] = path
  if (step === undefined) return [value]
  if (value === null || typeof value !== 'object') return []
  if (step === '*')
    return Array.isArray(value) ? (value as Json[]).flatMap((item) => valuesAt(item, rest)) : []
  if (Array.isArray(value) || !Object.hasOwn(value, step)) return []
  return valuesAt((value as Record<string, Json>)[step] ?? null, rest)
}

/** Of a path through the elements of an array, all values are captured, with commas between them. */
function lastOf(path: string, found: string): unknown {
  return path.includes('*', 1) ? (JSON.parse(`[${found}]`) as unknown[]).at(-1) : JSON.parse(found)
}

function textOf(node: JsonNode, keys: readonly string[]): string[] {
  switch (node.kind) {
    case 'array':
      return node.items.flatMap((item) => textOf(item, keys))
    case 'object':
      return node.entries.flatMap(([key, item]) =>
        item.kind === 'string' ? (keys.includes(key) ? [item.value] : []) : textOf(item, keys),
      )
    case 'string':
    case 'scalar':
      return []
  }
}

void t.test(
  'usage would be missed, or read in a wrong place: what stands at each path is captured, and nothing else',
  (t) => {
    const hits = new Map<string, number>()
    fc.assert(
      fc.property(DOCUMENTS, writingSeed, CUTS, (document, seed, cuts) => {
        const text = writeJson(document, seed)
        const { captured } = read(cut(Buffer.from(text), cuts))
        for (const path of PATHS) {
          const last = valuesAt(JSON.parse(text) as Json, path.split('.')).at(-1)
          const found = captured.get(path)
          if (last === undefined) {
            if (found !== undefined) throw new Error(`${path}: captured ${found}, which is not there`)
          } else if (found === undefined || JSON.stringify(lastOf(path, found)) !== JSON.stringify(last)) {
            throw new Error(`${path}: captured ${found ?? 'nothing'}, not ${JSON.stringify(last)}`)
          } else hits.set(path, (hits.get(path) ?? 0) + 1)
        }
      }),
      RUNS,
    )
    t.ok(
      (hits.get('usage') ?? 0) > 100 && (hits.get('a.usage') ?? 0) > 0,
      `what was there to find: ${JSON.stringify([...hits])}`,
    )
    t.end()
  },
)

/** A document that has `value` at a path, among other things. */
function documentWith(path: readonly string[], value: JsonNode, noise: JsonNode): JsonNode {
  const [step, ...rest] = path
  if (step === undefined) return value
  const inner = documentWith(rest, value, noise)
  if (step === '*') return { kind: 'array', items: [noise, inner] }
  return {
    kind: 'object',
    entries: [
      ['before', noise],
      [step, inner],
      ['after', noise],
    ],
  }
}

void t.test('a captured value would lose or gain a byte: it is the value’s own text, at every path', (t) => {
  fc.assert(
    fc.property(
      fc.constantFrom(...PATHS),
      DOCUMENTS,
      DOCUMENTS,
      writingSeed,
      CUTS,
      (path, value, noise, seed, cuts) => {
        const inner = writeJson(value, seed).trim()
        const mark = '"the value stands here"'
        const around = writeJson(documentWith(path.split('.'), { kind: 'scalar', text: mark }, noise), seed)
        const document = around.replace(mark, () => inner)
        const found = read(cut(Buffer.from(document), cuts), { paths: [path] }).captured.get(path)
        // The noise may have the path in another element of the array.
        const last = path.includes('*', 1) ? found?.slice(-inner.length) : found
        if (last !== inner) throw new Error(`${path}: ${found ?? 'nothing'} is not ${inner}`)
      },
    ),
    RUNS,
  )
  t.end()
})

void t.test(
  'C5: generated text would be counted wrong: its bytes are those of the strings, however they are escaped and split',
  (t) => {
    fc.assert(
      fc.property(DOCUMENTS, writingSeed, CUTS, (document, seed, cuts) => {
        const text = writeJson(document, seed)
        const want = textOf(document, TEXT_KEYS).reduce((sum, value) => sum + Buffer.byteLength(value), 0)
        const { textBytes } = read(cut(Buffer.from(text), cuts))
        if (textBytes !== want) throw new Error(`${textBytes} bytes, not ${want}`)
      }),
      RUNS,
    )
    t.end()
  },
)

void t.test('a meter would depend on how the network cuts: every split reads the same as the whole', (t) => {
  const text = writeJson(
    {
      kind: 'object',
      entries: [
        ['content', { kind: 'string', value: 'é😀"\\\n{"usage":1}' }],
        [
          'usage',
          {
            kind: 'object',
            entries: [
              ['prompt_tokens', { kind: 'scalar', text: '12' }],
              ['é', { kind: 'string', value: '}' }],
            ],
          },
        ],
        ['model', { kind: 'string', value: 'm"😀' }],
      ],
    },
    7,
  )
  const bytes = Buffer.from(text)
  const whole = read([bytes])
  for (let at = 0; at <= bytes.length; at += 1) {
    for (let second = at; second <= bytes.length; second += 1) {
      const parts = read([bytes.subarray(0, at), bytes.subarray(at, second), bytes.subarray(second)])
      const same =
        JSON.stringify([...parts.captured]) === JSON.stringify([...whole.captured]) &&
        parts.textBytes === whole.textBytes
      if (!same) t.fail(`cut at ${at} and ${second}`)
    }
  }
  t.match(whole.captured.get('usage'), /12/)
  t.equal(whole.textBytes, Buffer.byteLength('é😀"\\\n{"usage":1}'))
  t.end()
})

void t.test(
  'documents of one stream would mix: after reset the next is read from its start, and the text goes on being counted',
  (t) => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(DOCUMENTS, writingSeed), { minLength: 1, maxLength: 4 }),
        fc.nat(),
        (documents, cutAt) => {
          const fields = new JsonFields(planFields({ paths: PATHS, textKeys: TEXT_KEYS }))
          let want = 0
          for (const [index, [document, seed]] of documents.entries()) {
            const bytes = Buffer.from(writeJson(document, seed))
            const isLast = index === documents.length - 1
            // All but the last break off anywhere, as the data of a broken event would.
            const part = isLast ? bytes : bytes.subarray(0, cutAt % (bytes.length + 1))
            fields.push(part, 0, part.length)
            const alone = read([part])
            want += alone.textBytes
            if (JSON.stringify([...fields.captured]) !== JSON.stringify([...alone.captured]))
              throw new Error(`document ${index}`)
            fields.reset()
          }
          if (fields.textBytes !== want) throw new Error(`${fields.textBytes} bytes, not ${want}`)
        },
      ),
      { numRuns: 500 },
    )
    t.end()
  },
)

void t.test(
  'values of several elements would be lost but for the last: all are captured, in their order',
  (t) => {
    const text = '{"list":[{"usage":1},{"x":[{"usage":9}]},{"usage":{"a":2}},{"usage":null}]}'
    for (let at = 0; at <= text.length; at += 1) {
      const halves = [Buffer.from(text.slice(0, at)), Buffer.from(text.slice(at))]
      t.same([...read(halves).captured], [['list.*.usage', '1,{"a":2},null']], `cut at ${at}`)
    }
    t.end()
  },
)

void t.test(
  'what every event repeats would be taken out of each: a steady value is captured when it changes',
  (t) => {
    const fields = new JsonFields(
      planFields({ paths: ['model', 'usage'], textKeys: [], steadyPaths: ['model'] }),
    )
    const captured = ['a', 'a', 'b', 'a'].map((model) => {
      const event = Buffer.from(JSON.stringify({ model, usage: 1 }))
      fields.push(event, 0, event.length)
      const found = [...fields.captured.keys()]
      fields.reset()
      return found.join()
    })
    t.same(captured, ['model,usage', 'usage', 'model,usage', 'model,usage'])
    t.end()
  },
)

void t.test(
  'media without a word of text would go unseen: a sign is noted at any depth, and only as a key',
  (t) => {
    const plan = planFields({ paths: [], textKeys: ['text'], signKeys: ['inlineData', 'functionCall'] })
    const fields = new JsonFields(plan)
    const text = Buffer.from(
      '[{"parts":[{"text":"functionCall"},{"inlineData":{"data":"AA=="}},["functionCall"]]}]',
    )
    for (const byte of text) fields.push(Buffer.from([byte]), 0, 1)
    t.same([...fields.signs], ['inlineData'])
    t.end()
  },
)

void t.test('a part of a chunk would be read outside of its bounds: only [from, to) counts', (t) => {
  const chunk = Buffer.from('"}],{"usage":9}{"usage":1,"content":"ab"}{"usage":8,"content":"cd"}')
  const from = chunk.indexOf('{"usage":1')
  const fields = new JsonFields(planFields({ paths: ['usage'], textKeys: ['content'] }))
  fields.push(chunk, from, chunk.indexOf('{"usage":8'))
  t.same([...fields.captured], [['usage', '1']])
  t.equal(fields.textBytes, 2)
  t.end()
})

void t.test(
  'an answer that is no JSON would end the call: any bytes are read without an error, in bounded memory',
  (t) => {
    const odd = fc.constantFrom(
      '{',
      '}',
      '[',
      ']',
      '"',
      ':',
      ',',
      '\\',
      '\\u',
      '"usage"',
      '"content":"',
      'null',
      '\ud83d',
      'é',
    )
    const garbage = fc.oneof(
      fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes)),
      fc.array(odd, { maxLength: 100 }).map((parts) => Buffer.from(parts.join(''))),
    )
    fc.assert(
      fc.property(garbage, CUTS, (bytes, cuts) => {
        const { textBytes } = read(cut(bytes, cuts))
        if (textBytes > bytes.length) throw new Error('more text than bytes')
      }),
      RUNS,
    )
    t.end()
  },
)

/** Bytes that this process keeps after reading so much of what `piece` repeats. */
function keptAfter(start: string, piece: string, bytes: number): number {
  const fields = new JsonFields(planFields({ paths: ['usage'], textKeys: [] }))
  const push = (text: string): void => fields.push(Buffer.from(text), 0, Buffer.byteLength(text))
  push(start)
  const chunk = piece.repeat(Math.ceil(65_536 / piece.length))
  const before = process.memoryUsage()
  for (let read = 0; read < bytes; read += chunk.length) push(chunk)
  const after = process.memoryUsage()
  push('end')
  return after.heapUsed + after.external - before.heapUsed - before.external
}

for (const [name, start, piece] of [
  ['a string that goes on', '{"x":"', 'x'],
  ['a string of escapes', '{"x":"', '\\n'],
  ['a string of \\u escapes', '{"x":"', '\\u00e9'],
  ['a key that goes on', '{"', 'k'],
  ['a usage report that goes on', '{"usage":[', '1,'],
  ['brackets that never close', '', '['],
] as const) {
  void t.test(`an answer could fill the memory: ${name} for 20 MB is not kept`, (t) => {
    const kept = keptAfter(start, piece, 20_000_000)
    t.ok(kept < 40_000_000, `${Math.round(kept / 1e6)} MB are kept`)
    t.end()
  })
}

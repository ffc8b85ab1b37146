import { test } from 'tap'
import { fill, unknownPlaceholders } from '../../src/core/placeholders.ts'

const VALUES = {
  user: 'ada',
  limit: '1,000',
  used: '1,200',
  counted: '1,000.5',
  remaining: '0',
  resets_at: '1 December 2026, 00:00 (UTC)',
  contact: 'it@example.com',
  org: 'Acme {limit}\u0000\u202e',
}

void test('E3: placeholders are filled in once, and a value that looks like one stays as it is', (t) => {
  t.equal(
    fill('{user} of {org}: {counted} of {limit} until {resets_at}, ask {contact}.', VALUES),
    'ada of Acme {limit}: 1,000.5 of 1,000 until 1 December 2026, 00:00 (UTC), ask it@example.com.',
  )
  t.equal(
    fill('two\nlines\u0007 {nobody} {', VALUES),
    'two\nlines {nobody} {',
    'control characters go, lines stay',
  )
  t.end()
})

void test('E3: whatever stands in braces and is no placeholder is named, once', (t) => {
  t.same(unknownPlaceholders('{user} {User} { user } {} {x} {x} {toString}'), [
    'User',
    ' user ',
    '',
    'x',
    'toString',
  ])
  t.same(unknownPlaceholders('no braces } here {'), [])
  t.end()
})

/**
 * The journal's format: a line an entry, `<crc32 in hex> <bytes> <JSON>`. A line that was torn or spoilt is known by its length
 * and its checksum, and the next one begins behind the next line break, which JSON never holds.
 */
import { crc32 } from 'node:zlib'
import type { Charge, Hold } from '../core/hold.ts'
import type { Source } from '../core/policy.ts'
import type { Microcredits, UnixMs } from '../core/units.ts'

/** A call that was let through while the store was down. */
export interface Unchecked {
  readonly org: string
  readonly user: string
  readonly source: Source
  readonly model: string
  /** What it costs where nobody can say any more: the price of its prompt. */
  readonly promptPrice: Microcredits
  /** By the store's clock, as this gateway knew it. */
  readonly at: UnixMs
  /** '' where it was not known. */
  readonly orgCreatedAt: UnixMs | ''
}

/** `seq` counts up in each journal. */
export type Entry =
  | { readonly kind: 'admit'; readonly seq: number; readonly call: Unchecked }
  /** How a call ended that was let through; its facts stand here too, so that it needs no other line. */
  | {
      readonly kind: 'charge'
      readonly seq: number
      readonly of: number
      readonly call: Unchecked
      readonly charge: Charge
    }
  /** Takes an entry back. */
  | { readonly kind: 'cancel'; readonly seq: number; readonly of: number }
  | {
      readonly kind: 'settle'
      readonly seq: number
      readonly hold: Hold
      readonly charge: Charge
      /** Whether it may have come to the store all the same. */
      readonly mayHaveCome: boolean
    }
  /** Of a call that was not served: what expiring its hold may have charged meanwhile is given back. */
  | { readonly kind: 'free'; readonly seq: number; readonly hold: Hold }

export function lineOf(entry: Entry): string {
  const json = JSON.stringify(entry)
  return `${checksum(json)} ${Buffer.byteLength(json)} ${json}\n`
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}

/** What is whole of a journal, in its order; `spoilt` counts the lines that are not, the torn end included. */
export function readLines(text: string): { entries: Entry[]; spoilt: number } {
  const entries: Entry[] = []
  let spoilt = 0
  for (const line of text.split('\n')) {
    if (line === '') continue
    const [, sum = '', bytes = '', json = ''] = /^([0-9a-f]{8}) ([0-9]+) (.*)$/.exec(line) ?? []
    if (json !== '' && Buffer.byteLength(json) === Number(bytes) && checksum(json) === sum)
      entries.push(JSON.parse(json) as Entry)
    else spoilt += 1
  }
  return { entries, spoilt }
}

/**
 * The journal's format: one line per entry, `<crc32 in hex> <bytes> <JSON>`. A torn or corrupted line is detected by
 * its length and checksum. The next line begins after the next line break, which JSON never contains.
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
  /** The price of its prompt: the cost charged if the call's end is unknown. */
  readonly promptPrice: Microcredits
  /** When it was let through, by this gateway's estimate of the store's clock. */
  readonly at: UnixMs
  /** '' if it was not known. */
  readonly orgCreatedAt: UnixMs | ''
}

/** `seq` increases within each journal. */
export type Entry =
  | { readonly kind: 'admit'; readonly seq: number; readonly call: Unchecked }
  /** The end of a call that was let through. It repeats the call's facts, so that it needs no other line. */
  | {
      readonly kind: 'charge'
      readonly seq: number
      readonly of: number
      readonly call: Unchecked
      readonly charge: Charge
    }
  /** Cancels an entry. */
  | { readonly kind: 'cancel'; readonly seq: number; readonly of: number }
  | {
      readonly kind: 'settle'
      readonly seq: number
      readonly hold: Hold
      readonly charge: Charge
      /** Whether the settle may have reached the store anyway. */
      readonly mayHaveCome: boolean
    }
  /**
   * Frees the hold of a call that was not served; if the hold has expired meanwhile, what the expiry charged is given
   * back.
   */
  | { readonly kind: 'free'; readonly seq: number; readonly hold: Hold }

export function lineOf(entry: Entry): string {
  const json = JSON.stringify(entry)
  return `${checksum(json)} ${Buffer.byteLength(json)} ${json}\n`
}

function checksum(json: string): string {
  return crc32(json).toString(16).padStart(8, '0')
}

/** The valid entries of a journal, in order; `spoilt` counts the invalid lines, including a torn end. */
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

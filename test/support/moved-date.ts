/** Clocks that are off by a constant. */

/** JavaScript that moves every clock that a program or a page can read; it must run before all other code. */
export function movedDate(aheadMs: number): string {
  return `const Real = Date; globalThis.Date = class extends Real {
    constructor(...args) { if (args.length === 0) super(Real.now() + ${aheadMs}); else super(...args) }
    static now() { return Real.now() + ${aheadMs} }
  }`
}

/** By how much `npm run test:anywhere` has moved the date of this process and its children. */
export function dateMovedMs(): number {
  return Number(process.env['FAKETIME'] ?? 0) * 1_000
}

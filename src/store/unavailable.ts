/** The store cannot be reached, or did not answer in time. Whether the operation took effect is unknown. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/**
 * A script refused its whole batch because the stored counters do not add up (lua/include/soundness.lua). Nothing was
 * written.
 */
export class UnsoundBooks extends Error {
  override readonly name = 'UnsoundBooks'
}

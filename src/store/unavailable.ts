/** The store cannot be reached, or did not answer in time. Nothing is known about what it did. */
export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable'
}

/** A script refused its whole batch, because what is stored does not add up (lua/include/soundness.lua). Nothing was written. */
export class UnsoundBooks extends Error {
  override readonly name = 'UnsoundBooks'
}

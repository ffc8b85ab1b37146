/** Estimates the tokens of media in a request. */

/** Adds up over a request; `bound` is null from the moment on that something has no bound. */
export interface Media {
  /** Bytes of the body that are media, not text. */
  bytes: number
  tokens: number
  bound: number | null
  audioTokens: number
}

/** Tokens of a kind of media: `estimate` of one of usual size, `bound` of the largest; null where there is no largest. */
export interface MediaTokens {
  readonly estimate: number
  readonly bound: number | null
}

export const noMedia = (): Media => ({ bytes: 0, tokens: 0, bound: 0, audioTokens: 0 })

/** Adds media whose bytes are in the body. */
export function addInline(media: Media, bytes: number, tokens: MediaTokens): void {
  media.bytes += bytes
  media.tokens += tokens.estimate
  media.bound = media.bound === null || tokens.bound === null ? null : media.bound + tokens.bound
}

/** Media or context that the provider fetches or has stored: its size is unknown here. */
export function addRemote(media: Media, tokens: number): void {
  media.tokens += tokens
  media.bound = null
}

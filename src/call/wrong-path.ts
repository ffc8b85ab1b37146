/**
 * Explains what an unknown path was probably meant to be: a base URL without its `/v1` or without an upstream's prefix,
 * with an extra slash, or of another API. The path is never repaired: that would be a second way to read paths.
 *
 * The explanation names upstreams, so only callers with a valid key may see it.
 */
import type { IncomingHttpHeaders } from 'node:http'
import { refuse, type Refusal } from '../errors.ts'
import type { UpstreamTarget } from './call.ts'

type Api = 'openai' | 'anthropic' | 'gemini'

export interface KnownUpstream {
  readonly prefix: string
  readonly target: Pick<UpstreamTarget, 'family'>
}

export interface WrongPath {
  /** The fault, and the base URL that was probably meant. */
  readonly hint: string
}

/** The path endings that identify the API of a call. */
const CALLS: readonly (readonly [api: Api, call: RegExp])[] = [
  ['anthropic', /\/messages(?:\/count_tokens)?$/],
  ['gemini', /\/models\/[A-Za-z0-9._-]+:(?:generateContent|streamGenerateContent|countTokens)$/],
  ['openai', /\/(?:(?:chat\/)?completions|responses(?:\/compact|\/input_tokens)?|embeddings|moderations)$/],
]
const MODELS = /\/models(?:\/[A-Za-z0-9._:@-]+){0,3}$/
/** A path that can be read in only one way, except for its slashes. */
const PLAIN = /^\/[A-Za-z0-9._:@/-]*$/
const DOTS = /\/\.{1,2}(?:\/|$)/

const NAMES: Readonly<Record<Api, string>> = { openai: 'OpenAI', anthropic: 'Anthropic', gemini: 'Gemini' }
/** The ending of the base URLs of these SDKs. Anthropic's and Google's SDKs add the version themselves. */
const VERSION: Readonly<Record<Api, string>> = { openai: '/v1', anthropic: '', gemini: '' }
/** The most base URLs that one hint names. */
const MOST_NAMED = 3

function apiOf(path: string, headers: IncomingHttpHeaders): { api: Api; call: string } | null {
  for (const [api, call] of CALLS) {
    const found = call.exec(path)
    if (found !== null) return { api, call: found[0] }
  }
  const models = MODELS.exec(path)
  if (models === null) return null
  if (headers['anthropic-version'] !== undefined) return { api: 'anthropic', call: models[0] }
  return { api: headers['x-goog-api-key'] === undefined ? 'openai' : 'gemini', call: models[0] }
}

const isBelow = (path: string, prefix: string): boolean => path === prefix || path.startsWith(`${prefix}/`)

/** What `path` was probably meant to be; null if that cannot be told. `origin` is the gateway's own address. */
export function wrongPath(
  path: string,
  headers: IncomingHttpHeaders,
  upstreams: readonly KnownUpstream[],
  origin: string,
): WrongPath | null {
  if (!PLAIN.test(path) || DOTS.test(path)) return null
  const clean = path.replace(/\/{2,}/g, '/').replace(/\/$/, '')
  const found = apiOf(clean, headers)
  if (found === null) return null
  const { api } = found
  const here = upstreams.find(({ prefix }) => isBelow(clean, prefix))
  const speaks = ({ target }: KnownUpstream): boolean => target.family.name === api
  const meant = here !== undefined && speaks(here) ? [here] : upstreams.filter(speaks)
  if (meant.length === 0) return { hint: `No upstream here speaks ${NAMES[api]}'s API.` }
  const bases = meant.slice(0, MOST_NAMED).map(({ prefix }) => origin + prefix + VERSION[api])
  // The path is right, so something else is wrong with the call.
  const version = api === 'gemini' ? /^\/v1(?:beta|alpha)?$/ : /^\/v1$/
  const below =
    here !== undefined && here === meant[0]
      ? clean.slice(here.prefix.length, clean.length - found.call.length)
      : ''
  if (path === clean && version.test(below)) return null
  return { hint: `${causeOf(path, clean, api, here)} Did you mean ${bases.join(' or ')}?` }
}

function causeOf(path: string, clean: string, api: Api, here: KnownUpstream | undefined): string {
  if (here === undefined) return 'The base URL lacks the prefix of an upstream.'
  const { name } = here.target.family
  if (name !== api) {
    const speaks = name === 'generic' ? 'only the routes that its operator lists' : `${NAMES[name]}'s API`
    return `${here.prefix} speaks ${speaks}, and this is a call of ${NAMES[api]}'s.`
  }
  if (path !== clean) return 'The base URL has a slash too many.'
  const below = clean.slice(here.prefix.length)
  if (/^\/v1[a-z]*\/v1[a-z]*\//.test(below)) return 'The base URL has the version twice.'
  return below.startsWith('/v1') ? 'The base URL has a part too many.' : 'The base URL lacks /v1.'
}

const HOST = /^[A-Za-z0-9.-]+(?::\d{1,5})?$|^\[[0-9A-Fa-f:.]+\](?::\d{1,5})?$/

/** The gateway's address as this caller sees it: the configured one, otherwise that of the call's headers. */
export function originOf(headers: IncomingHttpHeaders, publicUrl: string | null): string {
  if (publicUrl !== null) return publicUrl.replace(/\/+$/, '')
  const { host = '', 'x-forwarded-proto': proto } = headers
  return `${proto === 'https' ? 'https' : 'http'}://${HOST.test(host) ? host : 'HOST'}`
}

/** The API that a call belongs to. Its clients display error messages only in that API's format. */
export function apiOfCall(path: string, headers: IncomingHttpHeaders): Api | null {
  return PLAIN.test(path)
    ? (apiOf(path.replace(/\/{2,}/g, '/').replace(/\/$/, ''), headers)?.api ?? null)
    : null
}

export function routeNotAllowed(method: string, path: string, wrong: WrongPath | null = null): Refusal {
  const what = `${method} ${path.slice(0, 200)} is not allowed:`
  return refuse(
    'route_not_allowed',
    wrong !== null
      ? `${what} ${wrong.hint}`
      : `${what} nothing is known about its price. Check the base URL and the path. An operator can allow it at a flat price, as a route with creditsPerCall of an upstream of family generic.`,
  )
}

/** Any other API, at a flat price per call: an operator lists its routes, and their bodies are not read. */
import type { Chunks } from '../core/chunks.ts'
import type { Report } from '../core/reports.ts'
import type { Microcredits } from '../core/units.ts'
import type { AnswerFields, CallShape, Family, MeteredRoute } from './family.ts'
import { problemBody } from './problem.ts'

export interface FlatRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly price: Microcredits
}

function shapeOf(route: FlatRoute, body: Chunks): CallShape {
  return {
    // The name under which its usage is kept: routes are a closed set.
    model: `${route.method} ${route.path}`,
    stream: false,
    promptTokens: 0,
    promptTokensBound: 0,
    audioTokens: 0,
    audioOutput: false,
    maxOutput: 0,
    maxOutputField: '',
    generates: false,
    choices: 1,
    cacheWrites: 'none',
    webSearches: 0,
    asked: [],
    alternatives: [],
    flatPrice: route.price,
    body,
    hidesUsageEvent: false,
  }
}

function meteredRoute(route: FlatRoute): MeteredRoute {
  return {
    method: route.method,
    url: route.path.replaceAll(':', '::'),
    takes: 'anything',
    reader: () => ({ push: () => undefined, inspect: ({ body }) => shapeOf(route, body) }),
    textKeys: { stream: [], whole: [] },
  }
}

/** Its answers are not read. */
const NO_FIELDS: AnswerFields = {
  usage: [],
  openingUsage: [],
  choiceUsage: null,
  model: [],
  serviceTier: [],
  error: [],
  type: [],
  tools: [],
}
const NO_REPORT: Report = { prompt: null, output: null, webSearches: 0, unpriced: [] }

/** A family of its own for each upstream. */
export function generic(routes: readonly FlatRoute[]): Family {
  return {
    name: 'generic',
    priceProvider: null,
    metered: routes.map(meteredRoute),
    free: [],
    webSocketPaths: [],
    credential: (apiKey) => ['authorization', `Bearer ${apiKey}`],
    removedHeaders: [],
    refusalBody: problemBody,
    answerFields: NO_FIELDS,
    mediaKeys: [],
    completeReport: (report) => report,
    readReport: () => NO_REPORT,
    readServed: () => ({}),
    countTools: null,
    isUsageEvent: () => false,
  }
}

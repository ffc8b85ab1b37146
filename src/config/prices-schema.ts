/** The schema of `prices`: entries that replace those of the built-in table. */
import { Type } from '@sinclair/typebox'
import { mapping, usd } from './fields.ts'

const factors = (description: string) =>
  Type.Record(
    Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$' }),
    Type.Number({ exclusiveMinimum: 0, maximum: 1000 }),
    { additionalProperties: false, maxProperties: 100, description, expects: 'factors by name' },
  )

const ModelPrice = mapping({
  input: usd('USD per million tokens, as all of these but perCall and webSearch.'),
  cachedInput: Type.Optional(usd('Input that the provider read from its cache.')),
  cacheWrite: Type.Optional(usd('Input written to the cache.')),
  cacheWrite1h: Type.Optional(usd('Input written to the cache for an hour.')),
  output: Type.Optional(usd('Output, including reasoning.')),
  audioInput: Type.Optional(usd('Audio input.')),
  audioOutput: Type.Optional(usd('Audio output.')),
  imageOutput: Type.Optional(usd('Image output, if the provider counts it separately.')),
  perCall: Type.Optional(usd('USD per call, on top of its tokens.')),
  webSearch: Type.Optional(usd('USD per web search that the provider makes for a call.')),
  maxOutput: Type.Optional(
    Type.Integer({ minimum: 1, maximum: 100_000_000, description: 'The most output tokens of the model.' }),
  ),
  serviceTiers: Type.Optional(
    factors('Factors on the price of tokens, by the tier or speed that the provider reports.'),
  ),
  regions: Type.Optional(factors('The same, by the region that the provider reports.')),
})

export const Prices = mapping(
  {
    unknownModel: Type.Union(
      [
        Type.Literal('reject'),
        mapping({ input: usd('USD per million tokens.'), output: usd('USD per million tokens.') }),
      ],
      {
        default: 'reject',
        expects: '"reject" or { input, output }',
        description: 'What happens to a model without a price.',
      },
    ),
    models: Type.Record(Type.String({ pattern: '^[A-Za-z0-9][A-Za-z0-9._:/@+-]{0,127}$' }), ModelPrice, {
      additionalProperties: false,
      default: {},
      description: 'Prices by model; they override the built-in table.',
      expects: 'the name of a model',
    }),
  },
  { default: {} },
)

/** docs/errors.md: every code that a caller may see, from the two catalogues. */
import { PROBLEMS } from '../../src/admin/problem-codes.ts'
import { ERRORS } from '../../src/errors.ts'
import { code, table } from './markdown.ts'

interface Kind {
  readonly status: number
  readonly retryAfter?: number
  readonly when: string
  readonly advice: string
}

export function errorsPage(): string {
  return `<!-- Made from src/errors.ts and src/admin/problem-codes.ts by \`npm run generate\`. Do not edit. -->

# Errors

Every refusal has a code that never changes its meaning. Match on the code and the status, never on the message.

## Data plane

Refusals come in the error format of the API that was called, so that its official SDK shows the message: OpenAI's \`{"error":{"message","type","param","code"}}\`,
Anthropic's \`{"type":"error",…}\` with the code in \`details.error_code\`, Gemini's \`google.rpc.Status\` with the code as \`reason\` in capitals. Flat-price routes,
\`/tollgate\`, and whatever belongs to no API answer RFC 9457 problem details. All carry \`x-request-id\`; give it to the operator, who finds the call by it.

A refused call was not forwarded and costs nothing, but for the two \`upstream_…\` codes: there the provider may have done its work (what is charged then stands in
[the rules](rules.md), C5).

${rows(ERRORS)}

What the provider itself answers, its errors included, passes unchanged; its own request id is in \`x-upstream-request-id\`. A stream that breaks off is an error after the fact: the
connection ends without its proper end.

## Admin plane

RFC 9457 problem details (\`application/problem+json\`) with \`code\`, and for wrong fields \`errors: [{"field","message"}]\`. Which route answers which of
them stands in [the reference](admin-api.md).

${rows(PROBLEMS)}
`
}

function rows(catalogue: Readonly<Record<string, Kind>>): string {
  return table(
    ['code', 'status', 'when', 'what to do'],
    Object.entries(catalogue).map(([name, { status, retryAfter, when, advice }]) => [
      code(name),
      retryAfter === undefined ? String(status) : `${status} + \`retry-after\``,
      when,
      advice,
    ]),
  )
}

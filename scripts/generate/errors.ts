/** Generates docs/errors.md: every code that a caller may receive, from the two catalogues. */
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

Refusals have the error format of the API that was called, so that its official SDK shows the message: OpenAI's \`{"error":{"message","type","param","code"}}\`,
Anthropic's \`{"type":"error",…}\` with the code in \`details.error_code\`, Gemini's \`google.rpc.Status\` with the code as \`reason\` in capitals. Flat-price routes,
\`/tollgate\`, and paths of no API return RFC 9457 problem details. All have \`x-request-id\`, by which the operator finds the call.

A refused call was not forwarded and costs nothing, except for the two \`upstream_…\` codes: there the provider may have served the call, and rule C5 applies
([rules](rules.md)).

${rows(ERRORS)}

Responses of the provider, including its errors, pass unchanged; its request id is in \`x-upstream-request-id\`. If a stream breaks off after it began, the connection ends without
the last chunk.

## Admin plane

Errors are RFC 9457 problem details (\`application/problem+json\`) with \`code\`, and for wrong fields \`errors: [{"field","message"}]\`. [The reference](admin-api.md)
lists the errors of each route.

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

/** `POST /v1/orgs/{org}/drift-check`: compares counters with usage and holds, and repairs them on request (decision 0037). */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import { toCredits } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, json } from './documented.ts'
import { Closed, Credits, OrgPath } from './schemas.ts'
import { changeBy } from './versions.ts'

/** More than anyone reads. Differences that are left out of the response are repaired as well. */
const MOST_SHOWN = 1_000

const DriftCheck = Component(
  'DriftCheck',
  Closed({
    repair: Type.Optional(Type.Boolean({ description: 'Whether to correct differences. Default false.' })),
  }),
)
const DriftReport = Component(
  'DriftReport',
  Type.Object({
    checkedUsers: Type.Integer(),
    differences: Type.Array(
      Type.Object({
        user: Type.Union([Type.String(), Type.Null()], {
          description: 'Null for the organization’s own counters.',
        }),
        counter: Type.String({
          description:
            '`used:<source>` and `held:<source>` of a user, `usage:<source>|<model>` of a user in the period, `index` (the rank among users by usage); `used` and `held` of the organization.',
        }),
        stored: Credits,
        recomputed: Credits,
      }),
      { maxItems: MOST_SHOWN, description: `At most ${MOST_SHOWN} of them.` },
    ),
    found: Type.Integer({ description: 'How many counters differed.' }),
    repaired: Type.Integer({ description: 'How many of them were corrected.' }),
    complete: Type.Boolean({
      description:
        'False if too many calls were in flight to compare the organization’s own `held`. Then repeat the check with fewer calls in flight.',
    }),
  }),
)

const checkDrift = documented({
  operationId: 'checkDrift',
  tag: 'Usage',
  summary: 'Compare counters with usage and holds',
  description:
    'Recomputes, for the open period, each user’s usage from the usage by day, and the held credits from the open holds. Calls may be in flight. With `repair` the counters are set to the recomputed values, user by user, each with an entry in the audit log. Read a report without it first.',
  access: 'operator',
  params: OrgPath,
  body: DriftCheck,
  answers: { 200: json('The differences.', DriftReport) },
})

export function driftRoute(app: FastifyInstance, directory: Directory): void {
  app.post<{ Params: Static<typeof OrgPath>; Body: Static<typeof DriftCheck> }>(
    '/v1/orgs/:org/drift-check',
    checkDrift,
    async (request, reply) => {
      const repair = (target: string) => changeBy(request, 'org.repair', target, null, null)
      const report = await directory.checkDrift(
        request.params.org,
        request.body.repair === true ? repair : null,
      )
      if (report === null) return sendNoOrg(reply)
      const { checkedUsers, differences, repaired, isComplete } = report
      return {
        checkedUsers,
        differences: differences.slice(0, MOST_SHOWN).map(({ stored, recomputed, ...which }) => ({
          ...which,
          stored: toCredits(stored),
          recomputed: toCredits(recomputed),
        })),
        found: differences.length,
        repaired,
        complete: isComplete,
      } satisfies Static<typeof DriftReport>
    },
  )
}

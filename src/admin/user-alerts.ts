/**
 * `/v1/orgs/{org}/user-alerts`: one threshold for every user, which notifies admins and never refuses calls (U1–U5).
 */
import { Type, type Static } from '@sinclair/typebox'
import type { FastifyInstance } from 'fastify'
import type { UserAlerts } from '../core/policy.ts'
import { MAX_CREDITS, toCredits, wholeCredits } from '../core/units.ts'
import type { Directory } from '../directory/directory.ts'
import type { VersionedUserAlerts } from '../store/org-record.ts'
import { sendNoOrg } from './auth.ts'
import { Component } from './components.ts'
import { documented, json } from './documented.ts'
import { RecipientsBody, recipientsBody, sendNotAdmins } from './recipients.ts'
import { Closed, OrgPath } from './schemas.ts'
import { changeBy, changeVersion, CONFLICT, sendVersion } from './versions.ts'

const Threshold = Type.Integer({
  minimum: 1,
  maximum: MAX_CREDITS,
  description: 'A user’s usage in a period, of all sources, in credits.',
})
const UserAlertsBody = Component(
  'UserAlertsSettings',
  Closed({
    enabled: Type.Boolean(),
    threshold: Threshold,
    recipients: Type.Optional(RecipientsBody),
    notifyUser: Type.Optional(Type.Boolean()),
  }),
)
const UserAlertsAnswer = Component(
  'UserAlerts',
  Type.Object({
    enabled: Type.Boolean({ description: 'If false, the other settings are kept, but have no effect (L9).' }),
    threshold: Threshold,
    recipients: RecipientsBody,
    notifyUser: Type.Boolean({ description: 'Whether the user who reached it is told, too.' }),
  }),
)
type OrgRoute = { Params: Static<typeof OrgPath> }

const shared = { tag: 'Per-user alerts', access: 'admin', params: OrgPath } as const
const getUserAlerts = documented({
  ...shared,
  operationId: 'getUserAlerts',
  summary: 'Read the alert',
  answers: { 200: json('The alert.', UserAlertsAnswer, ['ETag']) },
})
const putUserAlerts = documented({
  ...shared,
  operationId: 'putUserAlerts',
  summary: 'Save the alert',
  description:
    'Saves the whole setting: absent fields get their default, not their previous value. A changed threshold arms the alert again for every user. For users who are past it, it fires at their next charge, so that saving sends no burst of mail. Switching it off and on arms nothing (U4).',
  body: UserAlertsBody,
  ifMatch: true,
  answers: { 200: json('Saved.', UserAlertsAnswer, ['ETag']) },
  problems: ['not_an_admin'],
})

export function userAlertRoutes(app: FastifyInstance, directory: Directory): void {
  app.get<OrgRoute>('/v1/orgs/:org/user-alerts', getUserAlerts, async ({ params }, reply) => {
    const alerts = await directory.getUserAlerts(params.org)
    return alerts === null ? sendNoOrg(reply) : sendVersion(reply, alerts.tag, alertsBody(alerts))
  })
  app.put<OrgRoute & { Body: Static<typeof UserAlertsBody> }>(
    '/v1/orgs/:org/user-alerts',
    putUserAlerts,
    async (request, reply) => {
      const { org } = request.params
      const { enabled, threshold, recipients = 'all', notifyUser = false } = request.body
      const after: UserAlerts = { enabled, threshold: wholeCredits(threshold), recipients, notifyUser }
      return changeVersion<VersionedUserAlerts>(request, reply, {
        read: () => directory.getUserAlerts(org),
        show: alertsBody,
        missing: () => sendNoOrg(reply),
        async save(before) {
          const change = changeBy(request, 'user_alerts.update', org, alertsBody(before), alertsBody(after))
          const saved = await directory.setUserAlerts(org, before, after, change)
          switch (saved.status) {
            case 'conflict':
              return CONFLICT
            case 'no_org':
              return sendNoOrg(reply)
            case 'not_admins':
              return sendNotAdmins(reply, recipients, saved.users)
            case 'saved':
              return sendVersion(reply, saved.tag, alertsBody(after))
          }
        },
      })
    },
  )
}

function alertsBody({
  enabled,
  threshold,
  recipients,
  notifyUser,
}: UserAlerts): Static<typeof UserAlertsAnswer> {
  return { enabled, threshold: toCredits(threshold), recipients: recipientsBody(recipients), notifyUser }
}

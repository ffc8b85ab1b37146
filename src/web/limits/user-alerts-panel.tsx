import { Switch } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import type { FormEvent, ReactElement } from 'react'
import { useSettings, type Settings } from '../api/settings.ts'
import type { UserAlerts } from '../api/types.ts'
import { ConflictDialog } from '../parts/conflict-dialog.tsx'
import { CreditsInput } from '../parts/credits-input.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { Panel } from '../parts/panel.tsx'
import { RecipientsField, recipientsFieldOf } from '../parts/recipients-field.tsx'
import { SaveBar } from '../parts/save-bar.tsx'
import { RowsSkeleton } from '../parts/skeletons.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { useUnsaved } from '../shell/unsaved.tsx'
import { USER_ALERTS_FIELDS } from './conflict-fields.tsx'
import { bodyOf, check, formOf, type UserAlertsForm } from './user-alerts-form.ts'

export function UserAlertsPanel(): ReactElement {
  const { path } = useOrg()
  const settings = useSettings<UserAlerts, UserAlertsForm>({
    queryKey: ['user-alerts', path],
    path: `${path}/user-alerts`,
    method: 'PUT',
    toForm: formOf,
    toBody: bodyOf,
    check,
    fieldOf: recipientsFieldOf,
    onSaved: () => notifications.show({ message: 'Credit usage alerts saved.' }),
  })
  useUnsaved(settings.isDirty)
  const { values, set } = settings
  function submit(event: FormEvent): void {
    event.preventDefault()
    settings.save()
  }
  return (
    <Panel
      title="Credit usage alerts"
      description="Tell admins when one user’s usage in the billing period reaches a threshold. All of a user’s usage counts. An alert never blocks a call."
      action={
        values !== undefined && (
          <Switch
            size="md"
            aria-label="Credit usage alerts"
            checked={values.enabled}
            onChange={(event) => set({ enabled: event.currentTarget.checked })}
          />
        )
      }
    >
      {settings.loadError !== null ? (
        <div className="tg-panel-body">
          <ErrorState error={settings.loadError} onRetry={settings.reload} />
        </div>
      ) : values === undefined ? (
        <div className="tg-panel-body">
          <RowsSkeleton />
        </div>
      ) : (
        <form onSubmit={submit} noValidate>
          <div className="tg-panel-body">
            <Fields settings={settings} values={values} />
          </div>
          <SaveBar settings={settings} />
        </form>
      )}
      <ConflictDialog settings={settings} fields={USER_ALERTS_FIELDS} what="the credit usage alerts" />
    </Panel>
  )
}

function Fields({
  settings,
  values,
}: {
  settings: Settings<UserAlertsForm>
  values: UserAlertsForm
}): ReactElement {
  const { set, errors, base } = settings
  const isRearmed = base !== undefined && base.threshold !== '' && base.threshold !== values.threshold
  return (
    <div className="tg-fields">
      <CreditsInput
        label="Threshold per user"
        description={
          isRearmed
            ? 'Saving arms the alert again for every user. Who is past it already is reported at the next call.'
            : 'Reported once per user and billing period.'
        }
        placeholder="500"
        value={values.threshold}
        error={errors['threshold']}
        onChange={(threshold) => set({ threshold })}
      />
      <Switch
        label="Notify the user who triggered the alert"
        description="By email, beside the admins."
        checked={values.notifyUser}
        onChange={(event) => set({ notifyUser: event.currentTarget.checked })}
      />
      <RecipientsField
        label="Admins to notify"
        value={values.recipients}
        error={errors['recipients']}
        onChange={(recipients) => set({ recipients })}
      />
    </div>
  )
}

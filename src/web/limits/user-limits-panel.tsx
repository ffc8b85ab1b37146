import { Checkbox, Fieldset, Stack, Switch, Textarea, TextInput } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import type { FormEvent, ReactElement } from 'react'
import { queryClient } from '../api/query-client.ts'
import { useSettings, type Settings } from '../api/settings.ts'
import type { UserLimits } from '../api/types.ts'
import { ConflictDialog } from '../parts/conflict-dialog.tsx'
import { CreditsInput } from '../parts/credits-input.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { Panel } from '../parts/panel.tsx'
import { RecipientsField } from '../parts/recipients-field.tsx'
import { SaveBar } from '../parts/save-bar.tsx'
import { RowsSkeleton } from '../parts/skeletons.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { useUnsaved } from '../shell/unsaved.tsx'
import { USER_LIMITS_FIELDS } from './conflict-fields.tsx'
import { CustomLimits } from './custom-limits.tsx'
import { ExceedingUsers } from './exceeding-users.tsx'
import { bodyOf, check, fieldOf, formOf, type UserLimitsForm } from './user-limits-form.ts'

export function UserLimitsPanel(): ReactElement {
  const { path } = useOrg()
  const settings = useSettings<UserLimits, UserLimitsForm>({
    queryKey: ['user-limits', path],
    path: `${path}/user-limits`,
    method: 'PUT',
    toForm: formOf,
    toBody: bodyOf,
    check,
    fieldOf,
    onSaved: () => {
      void queryClient.invalidateQueries({ queryKey: ['users'] })
      notifications.show({ message: 'Per-user credit limits saved. They hold for the next call.' })
    },
  })
  useUnsaved(settings.isDirty)
  const { values, set } = settings
  return (
    <Panel
      title="Per-user credit limits"
      description="A hard cap for each user in the billing period. Who has reached it is refused, with an explanation, until the next period or until you raise the limit."
      action={
        values !== undefined && (
          <Switch
            size="md"
            aria-label="Per-user credit limits"
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
      ) : (
        <LimitsForm settings={settings} />
      )}
      <CustomLimits defaultLimit={values?.limit} />
      <ExceedingUsers isEnabled={settings.base?.enabled ?? true} />
      <ConflictDialog settings={settings} fields={USER_LIMITS_FIELDS} what="the per-user credit limits" />
    </Panel>
  )
}

function LimitsForm({ settings }: { settings: Settings<UserLimitsForm> }): ReactElement {
  const { values } = settings
  function submit(event: FormEvent): void {
    event.preventDefault()
    settings.save()
  }
  if (values === undefined) {
    return (
      <div className="tg-panel-body">
        <RowsSkeleton rows={4} />
      </div>
    )
  }
  return (
    <form onSubmit={submit} noValidate>
      <div className="tg-panel-body">
        <div className="tg-fields">
          <CapFields settings={settings} values={values} />
          <Exclusions settings={settings} values={values} />
          <Explanation settings={settings} values={values} />
        </div>
      </div>
      <SaveBar settings={settings} />
    </form>
  )
}

interface FieldsProps {
  readonly settings: Settings<UserLimitsForm>
  readonly values: UserLimitsForm
}

function CapFields({ settings: { set, errors }, values }: FieldsProps): ReactElement {
  return (
    <>
      <CreditsInput
        label="Default limit"
        description="For every user without a custom limit. 0 blocks every call that costs."
        value={values.limit}
        error={errors['limit']}
        onChange={(limit) => set({ limit })}
      />
      <RecipientsField
        label="Admins to notify when a user reaches the limit"
        value={values.recipients}
        error={errors['recipients']}
        onChange={(recipients) => set({ recipients })}
      />
    </>
  )
}

function Exclusions({ settings: { set }, values }: FieldsProps): ReactElement {
  return (
    <Fieldset legend="Not counted towards the limit" variant="unstyled">
      <Stack gap="sm" mt={8}>
        <Checkbox
          label="Calls from deployed agents"
          description="Agents that run outside the organization are never stopped by a user’s limit."
          checked={values.excludeAgents}
          onChange={(event) => set({ excludeAgents: event.currentTarget.checked })}
        />
        <Checkbox
          label="Calls from workflows"
          description="Automations that run in a user’s name go on when that user has reached the limit."
          checked={values.excludeWorkflows}
          onChange={(event) => set({ excludeWorkflows: event.currentTarget.checked })}
        />
      </Stack>
    </Fieldset>
  )
}

const LONGEST_TEXT = 2_000
const LONGEST_CONTACT = 200

function Explanation({ settings: { set, errors }, values }: FieldsProps): ReactElement {
  return (
    <Fieldset legend="What a blocked user reads" variant="unstyled">
      <Stack gap="md" mt={8}>
        <Textarea
          label="Your own explanation"
          description="Follows the built-in text, which says the limit, the usage and when it resets."
          autosize
          minRows={2}
          maxRows={8}
          maxLength={LONGEST_TEXT}
          value={values.text}
          error={errors['text']}
          onChange={(event) => set({ text: event.currentTarget.value })}
        />
        <TextInput
          label="Whom to ask"
          placeholder="it-help@example.com"
          maxLength={LONGEST_CONTACT}
          value={values.contact}
          error={errors['contact']}
          onChange={(event) => set({ contact: event.currentTarget.value })}
        />
        <Checkbox
          label="Hide amounts from users"
          description="Refusals then say neither the limit nor how much is used."
          checked={values.hideAmounts}
          onChange={(event) => set({ hideAmounts: event.currentTarget.checked })}
        />
      </Stack>
    </Fieldset>
  )
}

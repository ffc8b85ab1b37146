import { Modal, NumberInput, Radio, Stack } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import type { ReactElement, ReactNode } from 'react'
import { send } from '../api/http.ts'
import { queryClient } from '../api/query-client.ts'
import { useSettings, type FieldErrors } from '../api/settings.ts'
import { useSubmission } from '../api/submission.ts'
import type { Alert, AlertDraft } from '../api/types.ts'
import { ConflictDialog } from '../parts/conflict-dialog.tsx'
import { CreditsInput } from '../parts/credits-input.tsx'
import { DialogForm } from '../parts/dialog-form.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { RecipientsField, recipientsFieldOf } from '../parts/recipients-field.tsx'
import { RowsSkeleton } from '../parts/skeletons.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { ALERT_FIELDS } from './conflict-fields.tsx'
import { alertName, checkAlert, preview, rearmNotice, type AlertForm } from './alert-rules.ts'

const NEW: AlertForm = { type: 'percentage', threshold: 75, recipients: 'all' }

const bodyOf = ({ type, threshold, recipients }: AlertForm): object => ({ type, threshold, recipients })
const formOf = ({ type, threshold, recipients }: AlertDraft): AlertForm => ({ type, threshold, recipients })

function refresh(path: string): void {
  void queryClient.invalidateQueries({ queryKey: ['alerts', path] })
  void queryClient.invalidateQueries({ queryKey: ['notifications'] })
}

export function AddAlertDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }): ReactElement {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Add alert" size="lg">
      {/* Mounted anew each time, so that the form is empty. */}
      <AddAlert onClose={onClose} />
    </Modal>
  )
}

function AddAlert({ onClose }: { onClose: () => void }): ReactElement {
  const { path } = useOrg()
  const add = useSubmission({
    initial: NEW,
    check: checkAlert,
    send: (form) => send<Alert>('POST', `${path}/alerts`, { body: bodyOf(form) }),
    fieldOf: recipientsFieldOf,
    onDone: ({ value }) => {
      refresh(path)
      notifications.show({ message: `Alert at ${alertName(value)} added.` })
      onClose()
    },
  })
  return (
    <AlertFields
      form={add.form}
      errors={add.errors}
      failure={add.failure}
      onChange={add.set}
      onSubmit={add.submit}
      onClose={onClose}
      submitLabel="Add"
      isBusy={add.isBusy}
    />
  )
}

export function EditAlertDialog({
  alert,
  onClose,
}: {
  alert: Alert | null
  onClose: () => void
}): ReactElement {
  return (
    <Modal opened={alert !== null} onClose={onClose} title="Edit alert" size="lg">
      {alert !== null && <EditAlert alert={alert} onClose={onClose} />}
    </Modal>
  )
}

function EditAlert({ alert, onClose }: { alert: Alert; onClose: () => void }): ReactElement {
  const { org, path } = useOrg()
  const settings = useSettings<Alert, AlertForm>({
    queryKey: ['alert', path, alert.id],
    path: `${path}/alerts/${alert.id}`,
    method: 'PATCH',
    toForm: formOf,
    toBody: bodyOf,
    check: checkAlert,
    fieldOf: recipientsFieldOf,
    onSaved: (saved) => {
      refresh(path)
      notifications.show({ message: `Alert at ${alertName(saved)} saved.` })
      onClose()
    },
  })
  const { values, base } = settings
  if (settings.loadError !== null) return <ErrorState error={settings.loadError} onRetry={settings.reload} />
  if (values === undefined || base === undefined) return <RowsSkeleton />
  const notice = rearmNotice(values, base, org)
  return (
    <>
      <AlertFields
        form={values}
        errors={settings.errors}
        failure={settings.failure}
        onChange={settings.set}
        onSubmit={settings.save}
        onClose={onClose}
        submitLabel="Save"
        isBusy={settings.isSaving}
        notice={notice}
      />
      <ConflictDialog settings={settings} fields={ALERT_FIELDS} what="this alert" />
    </>
  )
}

interface AlertFieldsProps {
  readonly form: AlertForm
  readonly errors: FieldErrors
  readonly failure: string | null
  readonly onChange: (patch: Partial<AlertForm>) => void
  readonly onSubmit: () => void
  readonly onClose: () => void
  readonly submitLabel: string
  readonly isBusy: boolean
  readonly notice?: string | null
}

function AlertFields(props: AlertFieldsProps): ReactElement {
  const { form, errors, failure, onChange, onSubmit, onClose, submitLabel, isBusy, notice = null } = props
  const { org } = useOrg()
  return (
    <DialogForm
      submitLabel={submitLabel}
      failure={failure}
      isBusy={isBusy}
      onSubmit={onSubmit}
      onClose={onClose}
    >
      <TypeChoice form={form} onChange={onChange} />
      <ThresholdField form={form} error={errors['threshold']} onChange={onChange} />
      <Preview lines={preview(form, org)} />
      <RecipientsField
        label="Recipients"
        value={form.recipients}
        error={errors['recipients']}
        onChange={(recipients) => onChange({ recipients })}
      />
      {notice !== null && (
        <div className="tg-note" data-tone="warn" role="status">
          {notice}
        </div>
      )}
    </DialogForm>
  )
}

interface FieldProps {
  readonly form: AlertForm
  readonly onChange: (patch: Partial<AlertForm>) => void
}

function TypeChoice({ form, onChange }: FieldProps): ReactElement {
  return (
    <Radio.Group
      label="Type"
      value={form.type}
      onChange={(type) => onChange({ type: type === 'absolute' ? 'absolute' : 'percentage', threshold: '' })}
    >
      <Stack gap={10} mt={8}>
        <Radio
          value="percentage"
          label="Percentage"
          description="Of the organization’s allowance. Follows it when the allowance changes."
          data-autofocus={form.type === 'percentage' || undefined}
        />
        <Radio
          value="absolute"
          label="Absolute"
          description="A number of credits that stays as it is. May lie above the allowance."
          data-autofocus={form.type === 'absolute' || undefined}
        />
      </Stack>
    </Radio.Group>
  )
}

function ThresholdField({ form, error, onChange }: FieldProps & { error: ReactNode }): ReactElement {
  if (form.type === 'absolute') {
    return (
      <CreditsInput
        label="Threshold"
        value={form.threshold}
        error={error}
        onChange={(threshold) => onChange({ threshold })}
      />
    )
  }
  return (
    <NumberInput
      label="Threshold"
      allowDecimal={false}
      allowNegative={false}
      hideControls
      inputMode="numeric"
      rightSection={<span className="tg-unit">%</span>}
      rightSectionPointerEvents="none"
      value={form.threshold}
      error={error}
      onChange={(value) => onChange({ threshold: value === '' ? '' : Number(value) })}
    />
  )
}

/** A live region, so that screen readers announce each change. */
function Preview({ lines }: { lines: readonly string[] }): ReactElement {
  return (
    <div className="tg-preview" aria-live="polite" hidden={lines.length === 0}>
      {lines.map((line, index) => (
        <p key={index} style={index === 0 ? { fontWeight: 500 } : undefined}>
          {line}
        </p>
      ))}
    </div>
  )
}

import { Modal, Radio, Stack } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import type { ReactElement } from 'react'
import { send } from '../api/http.ts'
import { queryClient } from '../api/query-client.ts'
import { useSettings, type FieldErrors } from '../api/settings.ts'
import { useSubmission } from '../api/submission.ts'
import type { CustomLimit } from '../api/types.ts'
import { credits } from '../format.ts'
import { ConflictDialog, type ConflictField } from '../parts/conflict-dialog.tsx'
import { creditsError, CreditsInput, type CreditsValue } from '../parts/credits-input.tsx'
import { DialogForm } from '../parts/dialog-form.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { RowsSkeleton } from '../parts/skeletons.tsx'
import { useLast } from '../parts/use-last.ts'
import { UserName } from '../parts/user-name.tsx'
import { UserPicker } from '../parts/user-picker.tsx'
import { useOrg } from '../shell/org-context.tsx'

export type CustomLimitTarget =
  { readonly what: 'add' } | { readonly what: 'edit'; readonly user: string; readonly name: string | null }

interface Form extends Readonly<Record<string, unknown>> {
  readonly isUnlimited: boolean
  readonly limit: CreditsValue
}

const FIELDS: readonly ConflictField<Form>[] = [
  {
    keys: ['isUnlimited', 'limit'],
    label: 'Limit',
    show: ({ isUnlimited, limit }) =>
      isUnlimited || limit === '' ? 'Unlimited' : `${credits(limit)} credits`,
  },
]

const check = ({ isUnlimited, limit }: Form): FieldErrors => ({
  limit: isUnlimited ? undefined : creditsError(limit, 0),
})
const limitOf = ({ isUnlimited, limit }: Form): number | null => (isUnlimited || limit === '' ? null : limit)

function saved(): void {
  void queryClient.invalidateQueries({ queryKey: ['custom-limits'] })
  void queryClient.invalidateQueries({ queryKey: ['users'] })
  notifications.show({ message: 'Custom limit saved. It holds for the next call.' })
}

interface DialogProps {
  readonly target: CustomLimitTarget | null
  readonly onClose: () => void
}

export function CustomLimitDialog({ target, onClose }: DialogProps): ReactElement {
  const shown = useLast(target)
  return (
    <Modal
      opened={target !== null}
      onClose={onClose}
      title={shown?.what === 'edit' ? 'Edit custom limit' : 'Add custom limit'}
    >
      {shown?.what === 'edit' ? (
        <EditLimit key={shown.user} user={shown.user} name={shown.name} onClose={onClose} />
      ) : (
        <AddLimit onClose={onClose} />
      )}
    </Modal>
  )
}

interface NewForm extends Form {
  readonly user: string | null
}

function AddLimit({ onClose }: { onClose: () => void }): ReactElement {
  const { path } = useOrg()
  const add = useSubmission<NewForm, unknown>({
    initial: { user: null, isUnlimited: false, limit: '' },
    check: (form) => ({ ...check(form), user: form.user === null ? 'Choose a user.' : undefined }),
    send: (form) => {
      const user = form.user ?? ''
      const body = { user, limit: limitOf(form) }
      return send('PUT', `${path}/user-limits/custom/${encodeURIComponent(user)}`, { body })
    },
    onDone: () => {
      saved()
      onClose()
    },
  })
  return (
    <DialogForm {...add} submitLabel="Add" onSubmit={add.submit} onClose={onClose}>
      <UserPicker
        label="User"
        placeholder="Search by name or address"
        autoFocus
        value={add.form.user}
        error={add.errors['user']}
        onChange={(user) => add.set({ user })}
      />
      <LimitFields form={add.form} errors={add.errors} onChange={add.set} />
    </DialogForm>
  )
}

interface EditProps {
  readonly user: string
  readonly name: string | null
  readonly onClose: () => void
}

function EditLimit({ user, name, onClose }: EditProps): ReactElement {
  const { path } = useOrg()
  const settings = useSettings<CustomLimit, Form>({
    queryKey: ['custom-limit', path, user],
    path: `${path}/user-limits/custom/${encodeURIComponent(user)}`,
    method: 'PUT',
    toForm: ({ limit }) => ({ isUnlimited: limit === null, limit: limit ?? '' }),
    toBody: (form) => ({ user, limit: limitOf(form) }),
    check,
    onSaved: () => {
      saved()
      onClose()
    },
  })
  const { values } = settings
  if (settings.loadError !== null) return <ErrorState error={settings.loadError} onRetry={settings.reload} />
  if (values === undefined) return <RowsSkeleton />
  return (
    <>
      <DialogForm
        submitLabel="Save"
        failure={settings.failure}
        isBusy={settings.isSaving}
        onSubmit={settings.save}
        onClose={onClose}
      >
        <div>
          <UserName user={user} name={name} />
        </div>
        <LimitFields form={values} errors={settings.errors} onChange={settings.set} />
      </DialogForm>
      <ConflictDialog settings={settings} fields={FIELDS} what="this limit" />
    </>
  )
}

interface LimitFieldsProps {
  readonly form: Form
  readonly errors: FieldErrors
  readonly onChange: (patch: Partial<Form>) => void
}

function LimitFields({ form, errors, onChange }: LimitFieldsProps): ReactElement {
  return (
    <>
      <Radio.Group
        label="Limit"
        value={form.isUnlimited ? 'unlimited' : 'limited'}
        onChange={(choice) => onChange({ isUnlimited: choice === 'unlimited' })}
      >
        <Stack gap={10} mt={8}>
          <Radio value="limited" label="A number of credits" />
          <Radio value="unlimited" label="Unlimited" />
        </Stack>
      </Radio.Group>
      {!form.isUnlimited && (
        <CreditsInput
          label="Credits per billing period"
          value={form.limit}
          error={errors['limit']}
          onChange={(limit) => onChange({ limit })}
        />
      )}
    </>
  )
}

import { Modal, Radio, Stack, TextInput } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import type { ReactElement } from 'react'
import { Problem, send } from '../api/http.ts'
import { queryClient } from '../api/query-client.ts'
import { useSettings, type FieldErrors } from '../api/settings.ts'
import { useSubmission } from '../api/submission.ts'
import type { Member } from '../api/types.ts'
import { ConflictDialog, type ConflictField } from '../parts/conflict-dialog.tsx'
import { DialogForm } from '../parts/dialog-form.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { RowsSkeleton } from '../parts/skeletons.tsx'
import { useOrg } from '../shell/org-context.tsx'

interface Form extends Readonly<Record<string, unknown>> {
  readonly name: string
  readonly email: string
  readonly role: 'admin' | 'member'
}

const FIELDS: readonly ConflictField<Form>[] = [
  { keys: ['name'], label: 'Name', show: ({ name }) => (name === '' ? 'none' : name) },
  { keys: ['email'], label: 'Email', show: ({ email }) => (email === '' ? 'none' : email) },
  { keys: ['role'], label: 'Role', show: ({ role }) => (role === 'admin' ? 'Admin' : 'Member') },
]

const orNull = (text: string): string | null => (text.trim() === '' ? null : text.trim())
const bodyOf = ({ name, email, role }: Form): object => ({ name: orNull(name), email: orNull(email), role })

/** Lists that show the names of members. */
const SHOWN_IN = ['members', 'users', 'custom-limits', 'usage', 'notifications']

function changed(message: string): void {
  for (const list of SHOWN_IN) void queryClient.invalidateQueries({ queryKey: [list] })
  notifications.show({ message })
}

export function AddMemberDialog({ isOpen, onClose }: { isOpen: boolean; onClose: () => void }): ReactElement {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Add member">
      <AddMember onClose={onClose} />
    </Modal>
  )
}

interface NewForm extends Form {
  readonly user: string
}

/** Adding a member must not change an existing one. */
async function exists(path: string): Promise<boolean> {
  try {
    await send('GET', path)
    return true
  } catch (error) {
    if (error instanceof Problem && error.status === 404) return false
    throw error
  }
}

function taken(): Problem {
  const message = 'Is a member already'
  return new Problem(409, { detail: `${message}.`, errors: [{ field: 'user', message }] }, null)
}

const USER_ID = /^[A-Za-z0-9._@+|:#/'=!$&~^-]{1,128}$/

function AddMember({ onClose }: { onClose: () => void }): ReactElement {
  const { path } = useOrg()
  const add = useSubmission<NewForm, unknown>({
    initial: { user: '', name: '', email: '', role: 'member' },
    check: ({ user }) => ({
      user: USER_ID.test(user.trim())
        ? undefined
        : "Use 1 to 128 letters, digits and . _ @ + | : # / ' = ! $ & ~ ^ -",
    }),
    send: async (form) => {
      const member = `${path}/members/${encodeURIComponent(form.user.trim())}`
      if (await exists(member)) throw taken()
      return send('PUT', member, { body: bodyOf(form) })
    },
    onDone: () => {
      changed('Member added.')
      onClose()
    },
  })
  return (
    <DialogForm {...add} submitLabel="Add" onSubmit={add.submit} onClose={onClose}>
      <TextInput
        label="User id"
        description="As your identity provider or your apps name this person. It cannot be changed later."
        data-autofocus
        autoComplete="off"
        value={add.form.user}
        error={add.errors['user']}
        onChange={(event) => add.set({ user: event.currentTarget.value })}
      />
      <MemberFields form={add.form} errors={add.errors} onChange={add.set} />
    </DialogForm>
  )
}

export function EditMemberDialog({
  member,
  onClose,
}: {
  member: Member | null
  onClose: () => void
}): ReactElement {
  return (
    <Modal opened={member !== null} onClose={onClose} title={`Edit ${member?.user ?? 'member'}`}>
      {member !== null && <EditMember user={member.user} onClose={onClose} />}
    </Modal>
  )
}

function EditMember({ user, onClose }: { user: string; onClose: () => void }): ReactElement {
  const { path } = useOrg()
  const settings = useSettings<Member, Form>({
    queryKey: ['member-settings', path, user],
    path: `${path}/members/${encodeURIComponent(user)}`,
    method: 'PUT',
    toForm: ({ name, email, role }) => ({ name: name ?? '', email: email ?? '', role }),
    toBody: bodyOf,
    check: () => ({}),
    onSaved: () => {
      changed('Member saved.')
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
        <MemberFields form={values} errors={settings.errors} onChange={settings.set} />
      </DialogForm>
      <ConflictDialog settings={settings} fields={FIELDS} what="this member" />
    </>
  )
}

interface FieldsProps {
  readonly form: Form
  readonly errors: FieldErrors
  readonly onChange: (patch: Partial<Form>) => void
}

function MemberFields({ form, errors, onChange }: FieldsProps): ReactElement {
  return (
    <>
      <TextInput
        label="Name"
        autoComplete="off"
        value={form.name}
        error={errors['name']}
        onChange={(event) => onChange({ name: event.currentTarget.value })}
      />
      <TextInput
        label="Email"
        type="email"
        description="Where notifications go. Without one, none are mailed."
        autoComplete="off"
        value={form.email}
        error={errors['email']}
        onChange={(event) => onChange({ email: event.currentTarget.value })}
      />
      <Radio.Group
        label="Role"
        value={form.role}
        onChange={(role) => onChange({ role: role === 'admin' ? 'admin' : 'member' })}
      >
        <Stack gap={10} mt={8}>
          <Radio value="member" label="Member" description="Makes calls and sees the own usage." />
          <Radio
            value="admin"
            label="Admin"
            description="Also sees and changes everything here, and is notified."
          />
        </Stack>
      </Radio.Group>
    </>
  )
}

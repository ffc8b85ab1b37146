import { Checkbox, Modal, Radio, Stack, TextInput } from '@mantine/core'
import type { ReactElement } from 'react'
import { send } from '../api/http.ts'
import { queryClient } from '../api/query-client.ts'
import type { FieldErrors } from '../api/settings.ts'
import { useSubmission, type Submission } from '../api/submission.ts'
import type { CreatedKey } from '../api/types.ts'
import { DialogForm } from '../parts/dialog-form.tsx'
import { UserPicker } from '../parts/user-picker.tsx'
import { useOrg } from '../shell/org-context.tsx'
import { SOURCE_NAMES } from './sources.ts'

type Kind = 'person' | 'app' | 'admin'

interface Form extends Readonly<Record<string, unknown>> {
  readonly name: string
  readonly kind: Kind
  readonly user: string | null
  readonly sources: readonly string[]
}

const EMPTY: Form = { name: '', kind: 'person', user: null, sources: ['chat'] }

function check({ name, kind, user, sources }: Form): FieldErrors {
  return {
    name: name.trim() === '' ? 'Enter a name.' : undefined,
    user: kind !== 'app' && user === null ? 'Choose a user.' : undefined,
    sources: kind !== 'admin' && sources.length === 0 ? 'Choose at least one source.' : undefined,
  }
}

function bodyOf({ name, kind, user, sources }: Form): object {
  switch (kind) {
    case 'person':
      return { name: name.trim(), user, sources }
    case 'app':
      return { name: name.trim(), app: true, user, sources }
    case 'admin':
      return { name: name.trim(), user, scope: 'admin' }
  }
}

interface KeyDialogProps {
  readonly isOpen: boolean
  readonly onClose: () => void
  readonly onMade: (key: string) => void
}

export function KeyDialog({ isOpen, onClose, onMade }: KeyDialogProps): ReactElement {
  return (
    <Modal opened={isOpen} onClose={onClose} title="New key" size="lg">
      <NewKey onClose={onClose} onMade={onMade} />
    </Modal>
  )
}

function NewKey({ onClose, onMade }: Omit<KeyDialogProps, 'isOpen'>): ReactElement {
  const { path } = useOrg()
  const made = useSubmission({
    initial: EMPTY,
    check,
    send: (form) => send<CreatedKey>('POST', `${path}/keys`, { body: bodyOf(form) }),
    fieldOf: (field) => (field.startsWith('sources') ? 'sources' : field),
    onDone: ({ value }) => {
      void queryClient.invalidateQueries({ queryKey: ['keys'] })
      onMade(value.key)
    },
  })
  return (
    <DialogForm {...made} submitLabel="Make key" onSubmit={made.submit} onClose={onClose}>
      <TextInput
        label="Name"
        description="Tells you later which key this is."
        placeholder="Ada’s laptop"
        autoComplete="off"
        data-autofocus
        maxLength={200}
        value={made.form.name}
        error={made.errors['name']}
        onChange={(event) => made.set({ name: event.currentTarget.value })}
      />
      <KindField made={made} />
      <UserPicker
        key={made.form.kind === 'admin' ? 'admins' : 'users'}
        label={made.form.kind === 'app' ? 'Owner (optional)' : 'User'}
        placeholder="Search by name or address"
        value={made.form.user}
        error={made.errors['user']}
        onChange={(user) => made.set({ user })}
      />
      {made.form.kind !== 'admin' && <SourcesField made={made} />}
    </DialogForm>
  )
}

const KINDS: readonly { readonly value: Kind; readonly label: string; readonly description: string }[] = [
  { value: 'person', label: 'A person', description: 'Every call counts for this user.' },
  {
    value: 'app',
    label: 'An app',
    description: 'Names the user of each call in x-tollgate-user; the owner pays for calls without a user.',
  },
  { value: 'admin', label: 'This page', description: 'Signs its owner in here. It makes no calls.' },
]

function KindField({ made }: { made: Submission<Form> }): ReactElement {
  return (
    <Radio.Group label="For" value={made.form.kind} onChange={(kind) => made.set({ kind: kind as Kind })}>
      <Stack gap={10} mt={8}>
        {KINDS.map((kind) => (
          <Radio key={kind.value} {...kind} />
        ))}
      </Stack>
    </Radio.Group>
  )
}

function SourcesField({ made }: { made: Submission<Form> }): ReactElement {
  return (
    <Checkbox.Group
      label="Calls may come from"
      description="The first one is assumed where a call names none."
      value={[...made.form.sources]}
      error={made.errors['sources']}
      onChange={(sources) => made.set({ sources })}
    >
      <Stack gap={10} mt={8}>
        {Object.entries(SOURCE_NAMES).map(([value, label]) => (
          <Checkbox key={value} value={value} label={label} />
        ))}
      </Stack>
    </Checkbox.Group>
  )
}

import { Checkbox, Modal, Radio, Stack, Switch, TextInput } from '@mantine/core'
import { notifications } from '@mantine/notifications'
import type { ReactElement } from 'react'
import { send } from '../api/http.ts'
import { queryClient } from '../api/query-client.ts'
import { useSettings, type FieldErrors } from '../api/settings.ts'
import { useSubmission } from '../api/submission.ts'
import type { Channel, ChannelWithSecret } from '../api/types.ts'
import { ConflictDialog, type ConflictField } from '../parts/conflict-dialog.tsx'
import { DialogForm } from '../parts/dialog-form.tsx'
import { ErrorState } from '../parts/error-state.tsx'
import { RowsSkeleton } from '../parts/skeletons.tsx'
import { useOrg } from '../shell/org-context.tsx'

interface NewForm extends Readonly<Record<string, unknown>> {
  readonly kind: 'webhook' | 'slack'
  readonly name: string
  readonly url: string
}

const orNull = (text: string): string | null => (text.trim() === '' ? null : text.trim())

function changed(message: string): void {
  void queryClient.invalidateQueries({ queryKey: ['channels'] })
  notifications.show({ message })
}

interface AddProps {
  readonly isOpen: boolean
  readonly onClose: () => void
  readonly onSaved: (channel: ChannelWithSecret) => void
}

export function AddChannelDialog({ isOpen, onClose, onSaved }: AddProps): ReactElement {
  return (
    <Modal opened={isOpen} onClose={onClose} title="Add channel" size="lg">
      <AddChannel onClose={onClose} onSaved={onSaved} />
    </Modal>
  )
}

function AddChannel({ onClose, onSaved }: Omit<AddProps, 'isOpen'>): ReactElement {
  const { path } = useOrg()
  const add = useSubmission<NewForm, ChannelWithSecret>({
    initial: { kind: 'webhook', name: '', url: '' },
    check: ({ url }) => ({ url: url.trim() === '' ? 'Enter a URL.' : undefined }),
    send: async ({ kind, name, url }) => {
      const body = { kind, name: orNull(name), url: url.trim(), enabled: true }
      return (await send<ChannelWithSecret>('POST', `${path}/channels`, { body })).value
    },
    onDone: (channel) => {
      changed('Channel added.')
      onSaved(channel)
    },
  })
  return (
    <DialogForm {...add} submitLabel="Add" onSubmit={add.submit} onClose={onClose}>
      <Radio.Group
        label="Kind"
        value={add.form.kind}
        onChange={(kind) => add.set({ kind: kind === 'slack' ? 'slack' : 'webhook' })}
      >
        <Stack gap={10} mt={8}>
          <Radio value="webhook" label="Webhook" description="Signed messages to an address of yours." />
          <Radio value="slack" label="Slack" description="An incoming webhook of a Slack channel." />
        </Stack>
      </Radio.Group>
      <TextInput
        label="URL"
        type="url"
        placeholder={
          add.form.kind === 'slack'
            ? 'https://hooks.slack.com/services/…'
            : 'https://example.com/hooks/tollgate'
        }
        autoComplete="off"
        value={add.form.url}
        error={add.errors['url']}
        onChange={(event) => add.set({ url: event.currentTarget.value })}
      />
      <NameField value={add.form.name} error={add.errors['name']} onChange={(name) => add.set({ name })} />
    </DialogForm>
  )
}

interface EditForm extends Readonly<Record<string, unknown>> {
  readonly name: string
  readonly enabled: boolean
  readonly rotateSecret: boolean
}

const FIELDS: readonly ConflictField<EditForm>[] = [
  { keys: ['name'], label: 'Name', show: ({ name }) => (name === '' ? 'none' : name) },
  { keys: ['enabled'], label: 'State', show: ({ enabled }) => (enabled ? 'On' : 'Off') },
  { keys: ['rotateSecret'], label: 'New secret', show: ({ rotateSecret }) => (rotateSecret ? 'Yes' : 'No') },
]

interface EditProps {
  readonly channel: Channel | null
  readonly onClose: () => void
  readonly onSaved: (channel: ChannelWithSecret) => void
}

export function EditChannelDialog({ channel, onClose, onSaved }: EditProps): ReactElement {
  return (
    <Modal opened={channel !== null} onClose={onClose} title="Edit channel">
      {channel !== null && <EditChannel channel={channel} onClose={onClose} onSaved={onSaved} />}
    </Modal>
  )
}

function EditChannel({ channel, onClose, onSaved }: EditProps & { channel: Channel }): ReactElement {
  const { path } = useOrg()
  const settings = useSettings<ChannelWithSecret, EditForm>({
    queryKey: ['channel', path, channel.id],
    path: `${path}/channels/${channel.id}`,
    method: 'PATCH',
    toForm: ({ name, enabled }) => ({ name: name ?? '', enabled, rotateSecret: false }),
    toBody: ({ name, enabled, rotateSecret }) => ({
      name: orNull(name),
      enabled,
      ...(rotateSecret ? { rotateSecret } : {}),
    }),
    check: () => ({}),
    onSaved: (saved) => {
      // A secret is shown only once, so it must not remain in the cache.
      queryClient.removeQueries({ queryKey: ['channel', path, channel.id] })
      changed('Channel saved.')
      onSaved(saved)
    },
  })
  const { values, set } = settings
  if (settings.loadError !== null) return <ErrorState error={settings.loadError} onRetry={settings.reload} />
  if (values === undefined) return <RowsSkeleton />
  return (
    <>
      <DialogForm
        {...settings}
        isBusy={settings.isSaving}
        submitLabel="Save"
        onSubmit={settings.save}
        onClose={onClose}
      >
        <NameField value={values.name} error={settings.errors['name']} onChange={(name) => set({ name })} />
        <Switch
          label="On"
          description="Off, it keeps its settings, and what happens meanwhile is not sent later."
          checked={values.enabled}
          onChange={(event) => set({ enabled: event.currentTarget.checked })}
        />
        {channel.kind === 'webhook' && (
          <Checkbox
            label="Make a new secret"
            description="Shown once. The old one signs as well for 24 hours."
            checked={values.rotateSecret}
            onChange={(event) => set({ rotateSecret: event.currentTarget.checked })}
          />
        )}
      </DialogForm>
      <ConflictDialog settings={settings} fields={FIELDS} what="this channel" />
    </>
  )
}

interface NameFieldProps {
  readonly value: string
  readonly error: FieldErrors[string]
  readonly onChange: (name: string) => void
}

function NameField({ value, error, onChange }: NameFieldProps): ReactElement {
  return (
    <TextInput
      label="Name (optional)"
      description="Tells channels apart in lists."
      autoComplete="off"
      maxLength={200}
      value={value}
      error={error}
      onChange={(event) => onChange(event.currentTarget.value)}
    />
  )
}

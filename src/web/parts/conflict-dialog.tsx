/**
 * Shown when someone else saved during an edit. The user chooses between both values of each field that both changed. A
 * field that only one of them changed takes that change.
 */
import { Button, Group, Modal, Radio, Stack, Text } from '@mantine/core'
import { useState, type ReactElement, type ReactNode } from 'react'
import { isSame, type Conflict, type Draft, type Settings } from '../api/settings.ts'

export interface ConflictField<Form> {
  /** The entries of the form that are chosen together. */
  readonly keys: readonly (keyof Form)[]
  readonly label: string
  readonly show: (form: Form) => ReactNode
}

interface ConflictDialogProps<Form extends Draft> {
  readonly settings: Settings<Form>
  readonly fields: readonly ConflictField<Form>[]
  /** Such as “this alert”. */
  readonly what: string
}

export function ConflictDialog<Form extends Draft>({
  settings,
  fields,
  what,
}: ConflictDialogProps<Form>): ReactElement {
  const { conflict, resolve, discard, reload } = settings
  function dropMine(): void {
    discard()
    reload()
  }
  return (
    <Modal
      opened={conflict !== null}
      onClose={dropMine}
      title="Somebody else was faster"
      size="lg"
      withCloseButton={false}
    >
      {conflict !== null && (
        <Choices conflict={conflict} fields={fields} what={what} onResolve={resolve} onDrop={dropMine} />
      )}
    </Modal>
  )
}

interface ChoicesProps<Form extends Draft> {
  readonly conflict: Conflict<Form>
  readonly fields: readonly ConflictField<Form>[]
  readonly what: string
  readonly onResolve: (form: Form) => void
  readonly onDrop: () => void
}

type Side = 'theirs' | 'mine'

function Choices<Form extends Draft>({
  conflict,
  fields,
  what,
  onResolve,
  onDrop,
}: ChoicesProps<Form>): ReactElement {
  const { before, theirs, mine } = conflict
  const differing = fields.filter((field) => !sameIn(field, theirs, mine))
  const [sides, setSides] = useState<Readonly<Record<string, Side>>>(() =>
    // A field that the user did not change takes the other version's value without a conflict.
    Object.fromEntries(
      differing.map((field) => [field.label, sameIn(field, before, mine) ? 'theirs' : 'mine']),
    ),
  )
  function merged(): Form {
    const chosen = differing.flatMap(({ keys, label }) => {
      const from = sides[label] === 'mine' ? mine : theirs
      return keys.map((key) => [key, from[key]] as const)
    })
    return { ...theirs, ...Object.fromEntries(chosen) }
  }
  return (
    <>
      <Text>
        Another admin changed {what} while you were editing. Nothing of yours is saved yet. Choose what to
        keep:
      </Text>
      <Stack gap="sm" mt="lg">
        {differing.length === 0 && <Text>Both of you chose the same values.</Text>}
        {differing.map((field) => (
          <Choice
            key={field.label}
            field={field}
            conflict={conflict}
            side={sides[field.label] ?? 'theirs'}
            onChange={(side) => setSides({ ...sides, [field.label]: side })}
          />
        ))}
      </Stack>
      <Group justify="flex-end" mt="xl">
        <Button variant="default" onClick={onDrop}>
          Discard mine
        </Button>
        <Button onClick={() => onResolve(merged())}>Save these</Button>
      </Group>
    </>
  )
}

const sameIn = <Form,>({ keys }: ConflictField<Form>, one: Form, other: Form): boolean =>
  keys.every((key) => isSame(one[key], other[key]))

interface ChoiceProps<Form> {
  readonly field: ConflictField<Form>
  readonly conflict: Conflict<Form>
  readonly side: Side
  readonly onChange: (side: Side) => void
}

function Choice<Form>({ field, conflict, side, onChange }: ChoiceProps<Form>): ReactElement {
  const { before, theirs, mine } = conflict
  const isTheirs = !sameIn(field, before, theirs)
  const isMine = !sameIn(field, before, mine)
  return (
    <div className="tg-note">
      <Radio.Group label={field.label} value={side} onChange={(value) => onChange(value as Side)}>
        <Stack gap={8} mt={8}>
          <Radio
            value="theirs"
            label={field.show(theirs)}
            description={isTheirs ? 'Theirs, saved' : 'As it was'}
          />
          <Radio
            value="mine"
            label={field.show(mine)}
            description={isMine ? 'Yours, not saved' : 'As it was'}
          />
        </Stack>
      </Radio.Group>
    </div>
  )
}

/**
 * A setting that is saved as a whole: it is read with its tag, edited as a draft, and saved only over the version that
 * was edited. If someone else saved first, the draft is kept, and the user resolves the conflict field by field.
 */
import { useMutation, useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Problem, send, type Tagged } from './http.ts'
import { queryClient } from './query-client.ts'
import { placedErrors } from './submission.ts'

/** A flat record with one entry per field of the form. */
export type Draft = Readonly<Record<string, unknown>>
export type FieldErrors = Readonly<Record<string, string | undefined>>

export interface SettingsSpec<Stored, Form extends Draft> {
  readonly queryKey: readonly unknown[]
  readonly path: string
  readonly method: 'PUT' | 'PATCH'
  readonly toForm: (stored: Stored) => Form
  readonly toBody: (form: Form) => object
  /** The errors of the form by field; empty if there are none. */
  readonly check: (form: Form) => FieldErrors
  /** Maps a field of the body to the field of the form in which it is edited. */
  readonly fieldOf?: (field: string) => string
  readonly onSaved?: (stored: Stored) => void
}

export interface Conflict<Form> {
  /** The values before the edit, the current ones, and those that were about to be saved. */
  readonly before: Form
  readonly theirs: Form
  readonly mine: Form
  readonly etag: string | null
}

export interface Settings<Form extends Draft> {
  /** Undefined until it is loaded. */
  readonly values: Form | undefined
  /** The values before the edit. */
  readonly base: Form | undefined
  readonly loadError: Error | null
  readonly reload: () => void
  readonly isDirty: boolean
  readonly isSaving: boolean
  readonly errors: FieldErrors
  /** An error that belongs to no field. */
  readonly failure: string | null
  readonly conflict: Conflict<Form> | null
  readonly set: (patch: Partial<Form>) => void
  readonly save: () => void
  readonly discard: () => void
  /** Ends the conflict with these values, and saves them over the other version. */
  readonly resolve: (values: Form) => void
}

interface Editing<Form> {
  readonly base: Tagged<Form>
  readonly draft: Form
}

interface State<Form> {
  readonly editing: Editing<Form> | null
  readonly conflict: Conflict<Form> | null
  readonly errors: FieldErrors
  readonly failure: string | null
}

const UNTOUCHED = { editing: null, conflict: null, errors: {}, failure: null } as const

export const isSame = (one: unknown, other: unknown): boolean => JSON.stringify(one) === JSON.stringify(other)

export function useSettings<Stored, Form extends Draft>(spec: SettingsSpec<Stored, Form>): Settings<Form> {
  const query = useQuery({ queryKey: spec.queryKey, queryFn: () => send<Stored>('GET', spec.path) })
  const [state, setState] = useState<State<Form>>(UNTOUCHED)
  const change = (patch: Partial<State<Form>>): void => setState((before) => ({ ...before, ...patch }))

  const stored = query.data && { value: spec.toForm(query.data.value), etag: query.data.etag }
  const base = state.editing?.base ?? stored
  const values = state.editing?.draft ?? base?.value

  const write = useMutation({
    mutationFn: ({ base: { etag }, draft }: Editing<Form>) =>
      send<Stored>(spec.method, spec.path, { body: spec.toBody(draft), etag }),
    onSuccess: (saved) => {
      queryClient.setQueryData(spec.queryKey, saved)
      setState(UNTOUCHED)
      spec.onSaved?.(saved.value)
    },
    onError: (error, attempted) => {
      const current = currentOf<Stored>(error)
      // The form shows this version as soon as the conflict is resolved, without waiting for another read.
      if (current !== null) queryClient.setQueryData(spec.queryKey, current)
      change(failureOf(error, attempted, spec))
    },
  })
  function attempt(next: Editing<Form>): void {
    const errors = spec.check(next.draft)
    change({ errors, failure: null })
    if (Object.values(errors).every((message) => message === undefined)) write.mutate(next)
  }
  function resolve(chosen: Form): void {
    if (state.conflict === null) return
    const { theirs, etag } = state.conflict
    if (isSame(chosen, theirs)) {
      setState(UNTOUCHED)
      return
    }
    const next = { base: { value: theirs, etag }, draft: chosen }
    change({ conflict: null, editing: next })
    attempt(next)
  }

  return {
    values,
    base: base?.value,
    loadError: query.error,
    reload: () => void query.refetch(),
    isDirty: state.editing !== null && !isSame(state.editing.draft, state.editing.base.value),
    isSaving: write.isPending,
    errors: state.errors,
    failure: state.failure,
    conflict: state.conflict,
    set: (patch) => {
      if (base === undefined || values === undefined) return
      const errors = Object.fromEntries(Object.entries(state.errors).filter(([key]) => !(key in patch)))
      change({ editing: { base, draft: { ...values, ...patch } }, errors })
    },
    save: () => {
      if (base !== undefined && values !== undefined) attempt(state.editing ?? { base, draft: values })
    },
    discard: () => setState(UNTOUCHED),
    resolve,
  }
}

/** The current version from a refused save; null if there is none, or the save was refused for another reason. */
function currentOf<Stored>(error: Error): Tagged<Stored> | null {
  if (!(error instanceof Problem) || error.status !== 412) return null
  if (error.current === undefined || error.current === null) return null
  return { value: error.current as Stored, etag: error.etag }
}

function failureOf<Stored, Form extends Draft>(
  error: Error,
  { base, draft }: Editing<Form>,
  { toForm, fieldOf }: SettingsSpec<Stored, Form>,
): Pick<State<Form>, 'conflict' | 'errors' | 'failure'> {
  const current = currentOf<Stored>(error)
  if (current !== null) {
    const theirs = toForm(current.value)
    return {
      conflict: { before: base.value, theirs, mine: draft, etag: current.etag },
      errors: {},
      failure: null,
    }
  }
  const placed = placedErrors(error, draft, fieldOf)
  return { conflict: null, errors: placed ?? {}, failure: placed === null ? error.message : null }
}

/** A form that creates something: it is checked, sent once, and errors of the API are shown next to their fields. */
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { Problem } from './http.ts'
import type { Draft, FieldErrors } from './settings.ts'

export interface SubmissionSpec<Form extends Draft, Result> {
  readonly initial: Form
  readonly check: (form: Form) => FieldErrors
  readonly send: (form: Form) => Promise<Result>
  readonly fieldOf?: (field: string) => string
  readonly onDone: (result: Result, form: Form) => void
}

export interface Submission<Form extends Draft> {
  readonly form: Form
  readonly errors: FieldErrors
  /** An error that belongs to no field. */
  readonly failure: string | null
  readonly isBusy: boolean
  readonly set: (patch: Partial<Form>) => void
  readonly submit: () => void
}

export function useSubmission<Form extends Draft, Result>(
  spec: SubmissionSpec<Form, Result>,
): Submission<Form> {
  const [form, setForm] = useState(spec.initial)
  const [errors, setErrors] = useState<FieldErrors>({})
  const [failure, setFailure] = useState<string | null>(null)
  const post = useMutation({
    mutationFn: spec.send,
    onSuccess: spec.onDone,
    onError: (error) => {
      const placed = placedErrors(error, form, spec.fieldOf)
      setErrors(placed ?? {})
      setFailure(placed === null ? error.message : null)
    },
  })
  return {
    form,
    errors,
    failure,
    isBusy: post.isPending,
    set: (patch) => {
      setForm({ ...form, ...patch })
      setErrors(Object.fromEntries(Object.entries(errors).filter(([key]) => !(key in patch))))
    },
    submit: () => {
      const found = spec.check(form)
      setErrors(found)
      setFailure(null)
      if (Object.values(found).every((message) => message === undefined)) post.mutate(form)
    },
  }
}

/** The messages by the fields of the form; null if one of them has no field here, or there are none. */
export function placedErrors(
  error: Error,
  form: Draft,
  fieldOf: (field: string) => string = (field) => field,
): FieldErrors | null {
  if (!(error instanceof Problem)) return null
  const placed = Object.entries(error.fields).map(
    ([field, message]) => [fieldOf(field), sentence(message)] as const,
  )
  const isPlaced = placed.length > 0 && placed.every(([field]) => field in form)
  return isPlaced ? Object.fromEntries(placed) : null
}

/**
 * The API's messages start with the name of the field, as in “threshold must be …”. Next to the field, the message is a
 * sentence of its own.
 */
function sentence(message: string): string {
  return `${message.charAt(0).toUpperCase()}${message.slice(1)}${message.endsWith('.') ? '' : '.'}`
}

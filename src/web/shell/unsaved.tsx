/** Guards unsaved changes. Leaving the view by a link, by the browser's buttons or by closing the window asks first. */
import { Button, Group, Modal, Text } from '@mantine/core'
import { useEffect, useId, useSyncExternalStore, type ReactElement } from 'react'

type Proceed = () => void

const unsaved = new Set<string>()
const listeners = new Set<() => void>()
/**
 * The address with the unsaved changes: when the browser's back button can be noticed, the address has already changed.
 */
let guarded = ''
let pending: Proceed | null = null

function setPending(next: Proceed | null): void {
  pending = next
  for (const listener of listeners) listener()
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

/** Proceeds at once if nothing is unsaved; otherwise asks, and proceeds if the user agrees. */
export function leave(proceed: Proceed): void {
  if (unsaved.size === 0) proceed()
  else setPending(proceed)
}

/** While `isDirty`, leaving asks first. */
export function useUnsaved(isDirty: boolean): void {
  const id = useId()
  useEffect(() => {
    if (!isDirty) return
    unsaved.add(id)
    guarded = window.location.href
    return () => void unsaved.delete(id)
  }, [id, isDirty])
}

/** Registered before all other listeners, so that a refused step back changes nothing. */
window.addEventListener('popstate', (event) => {
  if (unsaved.size === 0 || window.location.href === guarded) return
  event.stopImmediatePropagation()
  const wanted = window.location.href
  window.history.pushState(null, '', guarded)
  setPending(() => window.history.pushState(null, '', wanted))
})
window.addEventListener('beforeunload', (event) => {
  if (unsaved.size > 0) event.preventDefault()
})

export function UnsavedDialog(): ReactElement {
  const proceed = useSyncExternalStore(subscribe, () => pending)
  const stay = (): void => setPending(null)
  function discard(): void {
    setPending(null)
    unsaved.clear()
    proceed?.()
  }
  return (
    <Modal opened={proceed !== null} onClose={stay} title="Leave without saving?">
      <Text>What you changed here is not saved yet and would be lost.</Text>
      <Group justify="flex-end" mt="xl">
        <Button variant="default" onClick={stay} data-autofocus>
          Stay
        </Button>
        <Button color="red" onClick={discard}>
          Leave
        </Button>
      </Group>
    </Modal>
  )
}

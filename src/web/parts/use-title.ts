import { useEffect } from 'react'

/** Names the view in the tab, and so for whoever hears it instead of seeing it. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = `${title} · Tollgate`
  }, [title])
}

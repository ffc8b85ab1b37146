/** Metrics of the journals on disk. */
import type { Instruments } from '../metrics/instruments.ts'
import type { Journal } from './journal.ts'

export function showJournal(instruments: Instruments, journal: Pick<Journal, 'entries'>): void {
  instruments.gauge({
    name: 'tollgate_journal_entries',
    help: 'Entries on disk that the store does not have yet.',
    read: () => journal.entries,
  })
}

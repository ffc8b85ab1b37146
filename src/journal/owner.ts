/**
 * A journal's file name holds its owner: `<id>.<pid>-<start>-<place>.journal`. Taking one over is a rename, of which
 * only one can succeed, and no lock can outlive its owner.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'

const NAME = /^([A-Za-z0-9_-]+)\.([0-9]+)-([0-9]+)-([0-9a-f]+)\.journal$/
/** A file of an owner on another machine or in another namespace counts as orphaned after this long without a touch. */
const ABANDONED_MS = 60_000

/**
 * When a process started, in the kernel's own count; null if there is no such process, or only its exit code is left.
 */
function startOf(pid: number): string | null {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ').at(-1)?.split(' ') ?? []
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? '0')
  } catch {
    return process.platform === 'linux' ? null : aliveWithoutProc(pid)
  }
}

function aliveWithoutProc(pid: number): string | null {
  try {
    process.kill(pid, 0)
    return '0'
  } catch {
    return null
  }
}

function textOf(read: () => string): string {
  try {
    return read()
  } catch {
    return ''
  }
}

/** Process ids are comparable only on the same machine, within the same boot and namespace. */
const PLACE = createHash('sha1')
  .update(hostname())
  .update(textOf(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8')))
  .update(textOf(() => readlinkSync('/proc/self/ns/pid')))
  .digest('hex')
  .slice(0, 12)

const OWN = `${process.pid}-${startOf(process.pid) ?? '0'}-${PLACE}`
/** An owner that is never alive, for files that were given up. */
const NOBODY = `0-0-${PLACE}`

/** The name of a journal of this process. */
export const ownName = (id: string): string => `${id}.${OWN}.journal`
/** The name of a journal that any process may take over. */
export const nobodysName = (id: string): string => `${id}.${NOBODY}.journal`

/** The id of a journal whose owner is gone; null for any other file. `touchedMs` is when it was last touched. */
export function orphanId(name: string, touchedMs: () => number): string | null {
  const [, id = '', pid = '', start = '', place = ''] = NAME.exec(name) ?? []
  if (id === '') return null
  const isGone =
    place === PLACE ? pid === '0' || startOf(Number(pid)) !== start : Date.now() - touchedMs() > ABANDONED_MS
  return isGone ? id : null
}

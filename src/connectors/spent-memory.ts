import { getHeapStatistics, setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'

/** What may be spent between two collections. Measured: from 16 MiB on the runtime's own come first, and less is no slower. */
const mostSpentBytes = 2 * 1024 * 1024

let spentBytes = 0

/**
 * Says that so many bytes outside of the heap, a buffer that came from a socket, are used up. The runtime counts such
 * memory, but what it does about much of it is a collection of the whole heap, some forty for a million rows. A
 * collection of what is young frees it as well and takes half a millisecond: docs/performance.md has the figures.
 */
export function countSpent(bytes: number): void {
  spentBytes += bytes
  if (spentBytes < mostSpentBytes) return
  spentBytes = 0
  collect({ type: 'minor' })
}

/** What the heap has to have grown by to be worth a collection of all of it. */
const worthwhileBytes = 8 * 1024 * 1024

let keptBytes = usedBytes()

/**
 * Collects all of the heap before others want memory, where much has come since the last time. Takes some ten
 * milliseconds, and more where a program that has drover as a library keeps much itself.
 */
export function collectSpent(): void {
  collect({ type: 'minor' })
  if (usedBytes() - keptBytes < worthwhileBytes) return
  collect({ type: 'major' })
  keptBytes = usedBytes()
}

function usedBytes(): number {
  return getHeapStatistics().used_heap_size
}

type Collect = (options: { readonly type: 'minor' | 'major' }) => void

const collect = exposed()

/** The runtime's own function, which a context gets that is made after the flag is set. */
function exposed(): Collect {
  setFlagsFromString('--expose-gc')
  const gc: unknown = runInNewContext('gc')
  return isCollect(gc) ? gc : () => undefined
}

function isCollect(value: unknown): value is Collect {
  return typeof value === 'function'
}

import { setFlagsFromString } from 'node:v8'
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

/** Collects all of the heap, once much is used up and before others want memory. Takes some ten milliseconds. */
export function collectSpent(): void {
  collect({ type: 'major' })
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

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
  collectYoung({ type: 'minor' })
}

const collectYoung = exposed()

/** The runtime's own function, which a context gets that is made after the flag is set. */
function exposed(): (options: { readonly type: 'minor' }) => void {
  setFlagsFromString('--expose-gc')
  const collect: unknown = runInNewContext('gc')
  return isCollect(collect) ? collect : () => undefined
}

function isCollect(value: unknown): value is (options: { readonly type: 'minor' }) => void {
  return typeof value === 'function'
}

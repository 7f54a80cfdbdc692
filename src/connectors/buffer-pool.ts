import type { BufferPool } from './contract.ts'

/** Steps in which new buffers grow, so that those given back fit the next batch. */
const STEP_BYTES = 64 * 1024

/**
 * Hands out buffers for batches and takes them back. It keeps no more than `limit` of them, the largest: the batches in
 * flight are bounded by credits (invariant 5), so more would never be used.
 */
export function createBufferPool(limit: number): BufferPool {
  /** The smallest first. */
  const free: ArrayBuffer[] = []
  return {
    take(size) {
      const index = free.findIndex((buffer) => buffer.byteLength >= size)
      const [found] = index < 0 ? [] : free.splice(index, 1)
      return new Uint8Array(found ?? new ArrayBuffer(Math.ceil(size / STEP_BYTES) * STEP_BYTES))
    },
    give(buffer) {
      // Smaller ones hold offsets, or have gone to another thread.
      if (buffer.byteLength < STEP_BYTES) return
      const larger = free.findIndex(({ byteLength }) => byteLength > buffer.byteLength)
      free.splice(larger < 0 ? free.length : larger, 0, buffer)
      // Small ones that nothing fits into would keep out what could be used.
      if (free.length > limit) free.shift()
    },
  }
}

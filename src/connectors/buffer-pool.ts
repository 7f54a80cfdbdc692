import type { BufferPool } from './contract.ts'

/** Steps in which new buffers grow, so that those given back fit the next batch. */
const STEP_BYTES = 64 * 1024

/**
 * Hands out buffers for batches and takes them back. It keeps no more than `limit` of them: the batches in flight
 * are bounded by credits (invariant 5), so more would never be used.
 */
export function createBufferPool(limit: number): BufferPool {
  const free: ArrayBuffer[] = []
  return {
    take(size) {
      const index = free.findIndex((buffer) => buffer.byteLength >= size)
      const [found] = index < 0 ? [] : free.splice(index, 1)
      return new Uint8Array(found ?? new ArrayBuffer(Math.ceil(size / STEP_BYTES) * STEP_BYTES))
    },
    give(buffer) {
      // Smaller ones hold offsets, or have gone to another thread.
      if (buffer.byteLength >= STEP_BYTES && free.length < limit) free.push(buffer)
    },
  }
}

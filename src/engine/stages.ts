import type { Stages } from '../core/result.ts'

export const noStages: Stages = { read: 0, transform: 0, encode: 0, write: 0, commit: 0, index: 0 }

export function addStages(a: Stages, b: Stages): Stages {
  return {
    read: a.read + b.read,
    transform: a.transform + b.transform,
    encode: a.encode + b.encode,
    write: a.write + b.write,
    commit: a.commit + b.commit,
    index: a.index + b.index,
  }
}

/** Seconds since an earlier `performance.now()`. */
export function secondsSince(startedAt: number): number {
  return (performance.now() - startedAt) / 1000
}

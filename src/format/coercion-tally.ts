import type { Coercion, CoercionUse } from '../core/coercion.ts'
import { storableName } from './row-error.ts'

/** Paths told apart, each with its coercions: documents may be named by data. */
const mostPaths = 100

const none: readonly CoercionUse[] = []

/** Counts the uses of coercions by field. Beyond 100 fields what lies in others counts for their topmost. */
export class CoercionTally {
  readonly #counts = new Map<string, Map<Coercion, number>>()

  add(path: string, name: Coercion, uses: number = 1): void {
    const counts = this.#of(storableName(path))
    counts.set(name, (counts.get(name) ?? 0) + uses)
  }

  addAll(uses: readonly CoercionUse[]): void {
    for (const use of uses) this.add(use.path, use.name, use.uses)
  }

  clear(): void {
    if (this.#counts.size > 0) this.#counts.clear()
  }

  /** What was counted since the last call. */
  take(): readonly CoercionUse[] {
    if (this.#counts.size === 0) return none
    const uses = [...this.#counts].flatMap(([path, counts]) =>
      [...counts].map(([name, count]): CoercionUse => ({ path, name, uses: count })),
    )
    this.#counts.clear()
    return uses
  }

  #of(path: string): Map<Coercion, number> {
    const known = this.#counts.get(path)
    if (known !== undefined) return known
    const [top = ''] = path.split('.', 1)
    if (this.#counts.size >= mostPaths && path !== top) return this.#of(top)
    const counts = new Map<Coercion, number>()
    this.#counts.set(path, counts)
    return counts
  }
}

/** A line of pg_depend: `from` depends on `to`. Things are known by catalogue and number: `pg_class 16384`. */
export interface Dependency {
  readonly from: string
  readonly to: string
  /** https://www.postgresql.org/docs/current/catalog-pg-depend.html */
  readonly kind: string
}

/**
 * What depends on what, by whole objects: defaults, constraints, indexes and partitions count as their table, row types
 * as theirs, rules as their view, members as their extension.
 */
export class DependencyGraph {
  readonly #owners = new Map<string, string>()
  readonly #wholes = new Map<string, string>()
  readonly #needs = new Map<string, Set<string>>()

  /** `free`: what counts as a thing of its own although something owns it. */
  constructor(dependencies: readonly Dependency[], free: ReadonlySet<string> = new Set()) {
    const ranks = new Map<string, number>()
    for (const { from, to, kind } of dependencies) {
      const rank = ownership.indexOf(kind)
      if (rank === -1 || from === to || free.has(from) || rank >= (ranks.get(from) ?? Infinity)) continue
      ranks.set(from, rank)
      this.#owners.set(from, to)
    }
    for (const { from, to, kind } of dependencies) {
      if (free.has(from) && ownership.includes(kind)) continue
      const [whole, needed] = [this.wholeOf(from), this.wholeOf(to)]
      if (whole === needed) continue
      const needs = this.#needs.get(whole) ?? new Set()
      this.#needs.set(whole, needs.add(needed))
    }
  }

  /** The object that a thing is, or is part of. */
  wholeOf(thing: string): string {
    const known = this.#wholes.get(thing)
    if (known !== undefined) return known
    const seen = new Set([thing])
    let whole = thing
    for (
      let owner = this.#owners.get(whole);
      owner !== undefined && !seen.has(owner);
      owner = this.#owners.get(owner)
    ) {
      whole = owner
      seen.add(owner)
    }
    this.#wholes.set(thing, whole)
    return whole
  }

  /** Everything that is an object of its own. */
  get wholes(): ReadonlySet<string> {
    return new Set(this.#wholes.values())
  }

  /** What an object needs itself. */
  needsOf(whole: string): ReadonlySet<string> {
    return this.#needs.get(whole) ?? new Set()
  }

  /** What objects need, and what that needs, and so on, without going beyond what `ends` says. */
  allNeedsOf(wholes: Iterable<string>, ends: (whole: string) => boolean = () => false): ReadonlySet<string> {
    const found = new Set<string>()
    const open = [...wholes]
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const needed of this.needsOf(next)) {
        if (found.has(needed)) continue
        found.add(needed)
        if (!ends(needed)) open.push(needed)
      }
    }
    return found
  }

  /**
   * Each behind what it needs, in the order given as far as that leaves a choice. `circles` need each other, so no order
   * is right for them.
   */
  inOrder(wholes: readonly string[]): { readonly sorted: readonly string[]; readonly circles: readonly string[] } {
    const among = new Set(wholes)
    const sorted: string[] = []
    const done = new Set<string>()
    let waiting = [...wholes]
    for (let rounds = wholes.length; rounds > 0 && waiting.length > 0; rounds--) {
      const ready = waiting.filter((whole) =>
        [...this.needsOf(whole)].every((need) => !among.has(need) || done.has(need)),
      )
      if (ready.length === 0) break
      sorted.push(...ready)
      for (const whole of ready) done.add(whole)
      waiting = waiting.filter((whole) => !done.has(whole))
    }
    return { sorted, circles: waiting }
  }
}

/** Kinds by which something is part of another, the strongest first: extension, internal, automatic, partition. */
const ownership: readonly string[] = ['e', 'i', 'a', 'P', 'S']

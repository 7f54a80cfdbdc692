import type { FlattenedPlan } from '../core/plan.ts'
import type { FieldSample } from '../core/sample.ts'
import type { Choices } from './choices.ts'
import { type TypedField, typeValues, typeWarning } from './column-type.ts'
import { keyOfPath, type Path, textOfPath } from './path.ts'
import { ownSlot, type Slot, type SlotKind } from './slots.ts'
import { allValues, otherValues, type SomeValues } from './values.ts'

/** What becomes of the value at a path. */
export type Role = 'column' | 'flattened' | 'table'

/** Where fields lie. */
export interface Surroundings {
  /** The path of the documents that are rows of the table, from the row of the source. */
  readonly base: Path
  /** The document that has the fields, from there. */
  readonly within: Path
  /** Rows that the table would have. */
  readonly rows: number
}

/** An array, or a document, that becomes rows of a child table. */
export interface NestedRows {
  /** From the parent's row inwards. */
  readonly path: Path
  readonly seen: FieldSample
}

/** What becomes of the fields of documents that are rows of one table. */
export interface Layout {
  readonly slots: readonly Slot[]
  readonly flattened: readonly FlattenedPlan[]
  readonly children: readonly NestedRows[]
  /** By `keyOfPath` of the path from the row of the source. */
  readonly roles: ReadonlyMap<string, Role>
  readonly warnings: readonly string[]
}

export const noChoices: Choices = {
  nest: new Map(),
  cast: new Map(),
  rename: new Map(),
  pin: new Set(),
  leftOut: new Map(),
}

/** Columns for fields; documents within a document that has columns of its own have some of their own as well. */
export function layOut(fields: readonly FieldSample[], surroundings: Surroundings, choices: Choices): Layout {
  const layout = new OpenLayout(surroundings, choices)
  for (const field of fields) layout.add(field, surroundings.within)
  return layout
}

/** The column for values that are no documents, of a field whose documents have columns of their own. */
export function othersSlot(seen: FieldSample, surroundings: Surroundings): Slot {
  const name = textOfPath([...surroundings.base, ...surroundings.within, seen.field])
  const others = otherValues(seen)
  const path = [...surroundings.within, seen.field]
  return {
    ...typeValues(name, seen, others, surroundings.rows, null),
    kind: 'others',
    path,
    wanted: path.join('_'),
    chosen: null,
    named: true,
    pinned: false,
    values: others.count,
  }
}

/** Names of the fields of a document that options leave out. */
export function leftOutOf(path: Path, { leftOut }: Choices): readonly string[] {
  const outer = keyOfPath(path)
  return [...leftOut.values()].flatMap((left) => (keyOfPath(left.slice(0, -1)) === outer ? left.slice(-1) : []))
}

class OpenLayout implements Layout {
  readonly slots: Slot[] = []
  readonly flattened: FlattenedPlan[] = []
  readonly children: NestedRows[] = []
  readonly roles = new Map<string, Role>()
  readonly warnings: string[] = []
  readonly #surroundings: Surroundings
  readonly #choices: Choices

  constructor(surroundings: Surroundings, choices: Choices) {
    this.#surroundings = surroundings
    this.#choices = choices
  }

  add(seen: FieldSample, outer: Path): void {
    const path = [...outer, seen.field]
    const key = this.#keyOf(path)
    if (this.#choices.leftOut.has(key)) return
    const role = this.#roleOf(seen, path)
    this.roles.set(key, role)
    if (role === 'table') return this.#addRows(seen, path)
    if (role === 'flattened') return this.#addFlattened(seen, path)
    this.#addColumn('field', seen, path, allValues(seen))
  }

  #roleOf(seen: FieldSample, path: Path): Role {
    const key = this.#keyOf(path)
    if (this.#choices.cast.has(key)) return 'column'
    const how = this.#choices.nest.get(key)
    if (how === 'table') return 'table'
    // Of what was never seen as a document only the user can know that it is one.
    if (how === 'column') return seen.documents !== null || allValues(seen).count === 0 ? 'flattened' : 'column'
    const inherited = how === undefined && path.length > 1 && (seen.documents?.fields.length ?? 0) > 0
    return inherited ? 'flattened' : 'column'
  }

  #addFlattened(seen: FieldSample, path: Path): void {
    this.flattened.push({ path, ignore: leftOutOf(this.#full(path), this.#choices) })
    const others = otherValues(seen)
    if (others.count > 0) this.#addColumn('others', seen, path, others)
    for (const field of seen.documents?.fields ?? []) this.add(field, path)
  }

  #addRows(seen: FieldSample, path: Path): void {
    this.children.push({ path, seen })
    const name = textOfPath(this.#full(path))
    this.slots.push({
      ...ownSlot('length', `${this.#wanted(path)}_count`, 'int32'),
      path,
      field: `number of ${name}`,
      nulls: this.#surroundings.rows - (seen.elements?.arrays ?? 0),
    })
  }

  #addColumn(kind: SlotKind, seen: FieldSample, path: Path, values: SomeValues): void {
    const key = this.#keyOf(path)
    const how = this.#choices.nest.get(key)
    const cast = how === 'text' ? 'text' : (this.#choices.cast.get(key) ?? null)
    const held: SomeValues = how === 'jsonb' ? { ...values, observed: 'json' } : values
    const name = textOfPath(this.#full(path))
    const typed: TypedField = typeValues(name, seen, held, this.#surroundings.rows, cast)
    const warning = how === undefined ? typeWarning(typed, seen) : null
    if (warning !== null) this.warnings.push(warning)
    const { pin, rename } = this.#choices
    this.slots.push({
      ...typed,
      kind,
      path,
      wanted: this.#wanted(path),
      chosen: rename.get(key) ?? null,
      // Where there is no such column, values that are no documents have no place: not even with the other fields.
      named: kind === 'others' || how !== undefined || cast !== null || pin.has(key) || rename.has(key),
      pinned: pin.has(key),
      values: values.count,
    })
  }

  /** The names on the way; a renamed document gives its fields the new name. */
  #wanted(path: Path): string {
    let name = ''
    path.forEach((field, index) => {
      const renamed = this.#choices.rename.get(this.#keyOf(path.slice(0, index + 1)))
      name = renamed ?? (index === 0 ? field : `${name}_${field}`)
    })
    return name
  }

  #keyOf(path: Path): string {
    return keyOfPath(this.#full(path))
  }

  /** From the row of the source. */
  #full(path: Path): Path {
    return [...this.#surroundings.base, ...path]
  }
}

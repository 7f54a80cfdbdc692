import type { Document, Node } from 'yaml'
import type { PlannedTable } from './connectors/planned-table.ts'
import type { ForeignKeyPlan, IndexCondition, IndexPart, IndexPlan } from './core/index-plan.ts'
import { typeName } from './core/logical-type.ts'
import type { ChildPlan, ColumnPlan, FlattenedPlan, RowsPlan } from './core/plan.ts'
import type { TransformSpec, TransformStep } from './core/transform.ts'
import { pathForm, targetText } from './plan-file-names.ts'
import { functionsText } from './transforms/functions-text.ts'

/** What a plan is written as: keys in the order of reading; what has nothing to say is left out. */
type Form = Readonly<Record<string, unknown>>

/** Makes nodes of a file. */
export class PlanNodes {
  readonly #document: Document

  constructor(document: Document) {
    this.#document = document
  }

  table({ plan, selection, mode, indexes = [], references = [] }: PlannedTable): Form {
    const { where, limit, since } = selection
    return {
      to: targetText(plan.target),
      mode,
      ...(plan.onConflict === undefined ? {} : { 'on-conflict': plan.onConflict }),
      ...(where === null ? {} : { where }),
      ...(limit === null ? {} : { limit }),
      ...(since === undefined
        ? {}
        : { since: this.#line(present({ ...since, upTo: undefined, 'up-to': since.upTo })) }),
      ...(plan.transform === undefined ? {} : { transform: this.#transform(plan.transform) }),
      'nested-json': plan.nestedJson,
      ...this.#rows(plan),
      ...some(
        'indexes',
        indexes.map((index) => this.#index(index)),
      ),
      ...some(
        'references',
        references.map((reference) => this.#reference(reference)),
      ),
    }
  }

  #rows({ columns, key, ignore, flattened = [], overflow, children = [] }: RowsPlan): Form {
    return {
      columns: columns.map((column) => this.#column(column)),
      key: this.#line(key),
      ignore: ignore === 'others' ? ignore : this.#line(ignore),
      ...some(
        'flattened',
        flattened.map((document) => this.#flattened(document)),
      ),
      ...(overflow === undefined ? {} : { overflow }),
      ...some(
        'children',
        children.map((child) => this.#child(child)),
      ),
    }
  }

  #child({ path, target, rowKey, ordinals, value, ...rows }: ChildPlan): Form {
    return {
      path: this.#path(path),
      to: targetText(target),
      'row-key': rowKey.map((column) => this.#column(column)),
      ordinals: this.#line(ordinals),
      ...(value === null ? {} : { value: this.#column(value, false) }),
      ...this.#rows({ target, ...rows }),
    }
  }

  #column(column: ColumnPlan, hasField = true): Node {
    const { field, within = [], holds, name, type, native, cast, pinned = false, nestedJson, maxCharacters } = column
    return this.#line({
      ...(hasField ? { field: this.#path([field, ...within]) } : {}),
      name,
      type: typeName(type),
      ...(native === undefined ? {} : { native }),
      ...(holds === undefined ? {} : { holds }),
      ...flags({ cast, pinned }),
      ...(nestedJson === undefined ? {} : { 'nested-json': nestedJson }),
      ...(maxCharacters === undefined ? {} : { 'max-characters': maxCharacters }),
    })
  }

  #flattened({ path, ignore }: FlattenedPlan): Node {
    return this.#line({ path: this.#path(path), ignore })
  }

  #index({ name, source, target, unique, nullsNotDistinct, method, parts, where, text }: IndexPlan): Form {
    const named = { name, source, on: targetText(target) }
    if (text !== undefined) return { ...named, ...flags({ unique }), [text.kind]: text.sql }
    return {
      ...named,
      ...flags({ unique, 'nulls-not-distinct': nullsNotDistinct }),
      method,
      parts: parts.map((part) => this.#part(part)),
      ...some(
        'where',
        where.map((condition) => this.#condition(condition)),
      ),
    }
  }

  #part({ column, path, as, descending }: IndexPart): Node {
    const below = path.length === 0 ? {} : { path: this.#path(path) }
    return this.#line({ column, ...below, ...(as === 'json' ? {} : { as }), ...flags({ descending }) })
  }

  #condition({ column, path, operator, value }: IndexCondition): Node {
    const below = path.length === 0 ? {} : { path: this.#path(path) }
    return this.#line({ column, ...below, operator, ...(value === null ? {} : { value }) })
  }

  #reference({ name, target, columns, references, referencedColumns, options }: ForeignKeyPlan): Form {
    return {
      name,
      on: targetText(target),
      columns: this.#line(columns),
      references: targetText(references),
      'referenced-columns': this.#line(referencedColumns),
      ...(options === undefined ? {} : { options }),
    }
  }

  #transform({ file, steps }: TransformSpec): Form {
    return { ...(file === null ? {} : { file }), steps: steps.map((step) => this.#line(stepForm(step))) }
  }

  #path(path: readonly string[]): unknown {
    const form = pathForm(path)
    return typeof form === 'string' ? form : this.#line(form)
  }

  /** A map or list on one line. */
  #line(value: unknown): Node {
    return this.#document.createNode(value, { flow: true })
  }
}

function stepForm(step: TransformStep): unknown {
  switch (step.kind) {
    case 'rename':
    case 'cast':
    case 'validate':
    case 'set':
      return { [step.kind]: new Map(Object.entries(step.fields)) }
    case 'map':
      return { map: new Map(Object.entries(step.fields).map(([field, calls]) => [field, functionsText(calls)])) }
    case 'pick':
    case 'exclude':
      return { [step.kind]: step.fields }
    case 'filter':
      return { filter: step.function }
    case 'function':
      return { function: step.function, ...flags({ optional: step.optional ?? false }) }
  }
}

/** What is false is left out. */
function flags(given: Readonly<Record<string, boolean>>): Form {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value))
}

function present(given: Form): Form {
  return Object.fromEntries(Object.entries(given).filter(([, value]) => value !== undefined && value !== null))
}

function some(key: string, items: readonly unknown[]): Form {
  return items.length === 0 ? {} : { [key]: items }
}

import { EJSON, type Document } from 'bson'
import type { SourceIndex } from '../core/index-plan.ts'

type IndexField = SourceIndex['fields'][number]

/** Last name of a path that stands for every field below it. */
const everyField = '$**'

/** The two names that stand for the fields of a text index, which are named by its weights. */
const textFields = '_fts'
const textRest = '_ftsx'

/** Properties of a collation that are written even where nobody asked for them, with what they are then. */
const collationDefaults: { readonly [property: string]: unknown } = {
  caseLevel: false,
  caseFirst: 'off',
  strength: 3,
  numericOrdering: false,
  alternate: 'non-ignorable',
  maxVariable: 'punct',
  normalization: false,
  backwards: false,
}

/**
 * An index as MongoDB describes it, in the answer of `listIndexes` and in the metadata of a dump
 * (https://www.mongodb.com/docs/manual/reference/command/listIndexes/). Null: it is that of the key. Numbers may be of
 * bson's classes.
 */
export function readIndexSpec(spec: Document): SourceIndex | null {
  const keys = Object.entries(spec['key'] as Document)
  if (keys.length === 1 && keys[0]?.[0] === '_id' && Number(keys[0][1]) === 1) return null
  const partial = spec['partialFilterExpression'] as Document | undefined
  const expires: unknown = spec['expireAfterSeconds']
  const collation = spec['collation'] as Document | undefined
  return {
    name: String(spec['name']),
    fields: keys.flatMap(([name, order]) => fieldsOf(name, order, spec)),
    unique: spec['unique'] === true,
    sparse: spec['sparse'] === true,
    partial: partial === undefined ? null : EJSON.stringify(partial, { relaxed: false }),
    expiresAfterSeconds: expires === undefined ? null : Number(expires),
    collation: collation === undefined ? null : collationText(collation),
  }
}

function fieldsOf(name: string, order: unknown, spec: Document): readonly IndexField[] {
  if (name === textRest) return []
  if (name === textFields) {
    return Object.keys((spec['weights'] ?? {}) as Document).map((field) => ({ path: pathOf(field), order: 'text' }))
  }
  const wildcard = name === everyField || name.endsWith(`.${everyField}`)
  return [{ path: pathOf(name), order: wildcard ? 'wildcard' : orderOf(order) }]
}

function pathOf(name: string): readonly string[] {
  const path = name.split('.')
  return path.at(-1) === everyField ? path.slice(0, -1) : path
}

/** To the server, too, whatever is neither a name nor negative is ascending. */
function orderOf(order: unknown): string {
  if (typeof order === 'string') return order
  return Number(order) < 0 ? 'descending' : 'ascending'
}

function collationText({ locale, version: _, ...properties }: Document): string {
  const changed = Object.entries(properties)
    .filter(([property, value]) => String(value) !== String(collationDefaults[property]))
    .map(([property, value]) => `${property} ${String(value)}`)
  return [`locale ${String(locale)}`, ...changed].join(', ')
}

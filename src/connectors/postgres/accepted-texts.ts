import type { LogicalType } from '../../core/logical-type.ts'

/** What a column is of, below its domains. */
export interface BaseType extends ItemType {
  /** `atttypmod`, -1 for a type without one. */
  readonly modifier: number
  /** Null: it is no array. */
  readonly element: ItemType | null
}

export interface ItemType {
  readonly name: string
  readonly isEnum: boolean
  /** Of `pg_catalog`. */
  readonly builtIn: boolean
}

/**
 * Types of PostgreSQL's own that take a text as it is, or as another text for the same, and refuse every other. Left out
 * on purpose: `name` and `"char"` cut; `money`, `point` and the like round; `timestamp` and `time` leave out what they do
 * not hold, such as a zone or a day; ranges of these, and rows, do what is in them.
 */
const readText: ReadonlySet<string> = new Set([
  'inet',
  'cidr',
  'macaddr',
  'macaddr8',
  'xml',
  'bit',
  'varbit',
  'interval',
  'jsonpath',
  'tsvector',
  'int4range',
  'int8range',
  'numrange',
  'int4multirange',
  'int8multirange',
  'nummultirange',
])

/** Types of well-known extensions that do. */
const readTextToo: ReadonlySet<string> = new Set(['citext', 'hstore', 'ltree'])

/**
 * Of the others, what each takes in the text form that the encoder gives it, besides what it takes in binary form. The
 * encoder knows them by their names, and refuses what they would round or cut; `guarded` ones need that.
 */
const converted: ReadonlyMap<string, { readonly types: readonly LogicalType[]; readonly guarded: boolean }> = new Map<
  string,
  { readonly types: readonly LogicalType[]; readonly guarded: boolean }
>([
  ['int2', { types: ['int32', 'int64'], guarded: false }],
  ['int4', { types: ['int64'], guarded: false }],
  ['float4', { types: ['float64'], guarded: true }],
  ['numeric', { types: ['decimal'], guarded: true }],
  ['bpchar', { types: ['text'], guarded: true }],
  ['timestamp', { types: ['timestamp'], guarded: true }],
  ['timestamptz', { types: ['timestamp'], guarded: true }],
  ['json', { types: ['json'], guarded: false }],
])

/** Arrays of what needs no guard. */
const convertedArrays: ReadonlyMap<string, readonly LogicalType[]> = new Map<string, readonly LogicalType[]>([
  ['int2', ['int32[]', 'int64[]']],
  ['int4', ['int64[]']],
  ['varchar', ['text[]', 'objectid[]']],
])

/** What `interval` has besides a precision: it rounds to that, and leaves out fields that it does not have. */
const noModifier = -1

/**
 * Types that a column takes in their text form, beyond those it takes in binary form. Never one whose values the server
 * would change without a word, where the encoder does not look; and the encoder does not see below a domain.
 */
export function acceptedTexts(base: BaseType, { domain }: { readonly domain: boolean }): readonly LogicalType[] {
  if (base.element !== null) return acceptedArrays(base, base.element)
  if (readsText(base)) return base.name === 'interval' && base.modifier !== noModifier ? [] : ['text']
  const known = base.builtIn ? converted.get(base.name) : undefined
  if (known === undefined || (known.guarded && domain)) return []
  // Without a precision, the binary form is the same.
  const binary = base.modifier === noModifier && (base.name === 'numeric' || base.name === 'timestamptz')
  return binary ? [] : known.types
}

function acceptedArrays({ modifier }: BaseType, element: ItemType): readonly LogicalType[] {
  if (modifier !== noModifier) return []
  if (readsText(element)) return ['text[]']
  return element.builtIn ? (convertedArrays.get(element.name) ?? []) : []
}

function readsText({ name, isEnum, builtIn }: ItemType): boolean {
  return isEnum || (builtIn ? readText : readTextToo).has(name)
}

import type { LogicalType, ScalarType } from '../../core/logical-type.ts'

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
 * on purpose: `"char"` cuts; `money`, `point` and the like round; `timestamp` and `time` leave out what they do not hold,
 * such as a zone or a day; ranges of these, and rows, do what is in them.
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
 * Of the others, the type that each takes in the text form that the encoder gives it, besides what it takes in binary form.
 * The encoder knows them by their names, and refuses what they would round, cut or leave out; `guarded` ones need that.
 * `int2` has no logical type of its own; the other integers have, and take no wider ones.
 */
const converted: ReadonlyMap<string, { readonly type: ScalarType | 'json'; readonly guarded: boolean }> = new Map([
  ['int2', { type: 'int32', guarded: false }],
  ['float4', { type: 'float64', guarded: true }],
  ['numeric', { type: 'decimal', guarded: true }],
  ['bpchar', { type: 'text', guarded: true }],
  ['name', { type: 'text', guarded: true }],
  ['date', { type: 'timestamp', guarded: true }],
  ['timestamp', { type: 'timestamp', guarded: true }],
  ['timestamptz', { type: 'timestamp', guarded: true }],
  ['json', { type: 'json', guarded: false }],
])

/** Those whose binary form is another only where they have a precision. */
const binaryWithoutModifier: ReadonlySet<string> = new Set(['numeric', 'timestamptz'])

/** `atttypmod` of a type without a length or a precision. */
const noModifier = -1

/**
 * Types that a column takes in their text form, beyond those it takes in binary form. Never one whose values the server
 * would change without a word, where the encoder does not look; and the encoder does not see below a domain.
 */
export function acceptedTexts(base: BaseType, { domain }: { readonly domain: boolean }): readonly LogicalType[] {
  if (base.element === null) return acceptedText(base, base.modifier, domain)
  const { element, modifier } = base
  // In binary form, an array says of what type its elements are, and that has to be the very one.
  if (element.builtIn && element.name === 'varchar') return domain && modifier !== noModifier ? [] : ['text[]']
  return acceptedText(element, modifier, domain).flatMap((type): LogicalType[] =>
    type === 'json' ? [] : [`${type}[]`],
  )
}

function acceptedText(item: ItemType, modifier: number, domain: boolean): readonly (ScalarType | 'json')[] {
  if (item.isEnum || (item.builtIn ? readText : readTextToo).has(item.name)) {
    // It rounds a fraction of a second, for which the encoder looks only where it knows the name.
    return item.name === 'interval' && (domain || modifier !== noModifier) ? [] : ['text']
  }
  const known = item.builtIn ? converted.get(item.name) : undefined
  if (known === undefined || (known.guarded && domain)) return []
  return modifier === noModifier && binaryWithoutModifier.has(item.name) ? [] : [known.type]
}

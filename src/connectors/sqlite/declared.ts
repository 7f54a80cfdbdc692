/** What a declared type makes of values as they are written, https://www.sqlite.org/datatype3.html. */
export type Affinity = 'integer' | 'text' | 'blob' | 'real' | 'numeric'

/** What a declared type says that SQLite itself does not care about. */
export type Meaning = 'bool' | 'date' | 'time of day' | 'instant' | 'json' | 'uuid' | 'decimal' | null

/** Section 3.1 of that page, word for word in this order. */
export function affinityOf(declared: string): Affinity {
  const upper = declared.toUpperCase()
  if (upper.includes('INT')) return 'integer'
  if (upper.includes('CHAR') || upper.includes('CLOB') || upper.includes('TEXT')) return 'text'
  if (upper === '' || upper.includes('BLOB')) return 'blob'
  if (upper.includes('REAL') || upper.includes('FLOA') || upper.includes('DOUB')) return 'real'
  return 'numeric'
}

const meanings: readonly (readonly [RegExp, Meaning])[] = [
  [/^BOOL/, 'bool'],
  [/^DATE$/, 'date'],
  [/^(?:DATETIME|TIMESTAMP)/, 'instant'],
  [/^TIME\b/, 'time of day'],
  [/^JSONB?\b/, 'json'],
  [/^(?:UUID|GUID|UNIQUEIDENTIFIER)\b/, 'uuid'],
  [/^(?:DECIMAL|NUMERIC|NUMBER|MONEY|CURRENCY)\b/, 'decimal'],
]

/** By the words that other systems have for it. */
export function meaningOf(declared: string): Meaning {
  const upper = declared.trim().toUpperCase()
  return meanings.find(([pattern]) => pattern.test(upper))?.[1] ?? null
}

import { MAX_COLUMNS } from '../params.ts'
import { DroverError } from './core/errors.ts'
import type { FieldSample, Sample } from './core/sample.ts'
import { typeValues, typeWarning } from './schema/column-type.ts'
import { nameColumns, styledName, type NameLimits } from './schema/naming.ts'
import { textOfPath, type Path } from './schema/path.ts'
import { allValues } from './schema/values.ts'

/** An option that would make a better table, and what it does. */
export interface Proposal {
  readonly option: string
  readonly reason: string
}

/** What PostgreSQL, so far the one target, allows in names; its connector knows the same. */
export const postgresNames: NameLimits = {
  maxBytes: 63,
  reserved: ['tableoid', 'xmin', 'cmin', 'xmax', 'cmax', 'ctid'],
}

/** Names that change are listed up to this many. */
const listedNames = 8

/** A document is worth columns of its own up to this many fields, if they are in so large a part of the documents. */
const mostFieldsToFlatten = 20
const shareToFlatten = 0.5

/** What a copy to PostgreSQL makes of the fields without any option: a sentence for each that is not as in the source. */
export function notesOn(sample: Sample): readonly string[] {
  const rows = soundRows(sample)
  const mixed = sample.fields.map((seen) => {
    return typeWarning(typeValues(seen.field, seen, allValues(seen), rows, null), seen)
  })
  return [...namesOf(sample), ...tooMany(sample), ...mixed.filter((warning) => warning !== null)]
}

/** Rows whose fields were looked at. */
export function soundRows({ rows, damaged, failed }: Sample): number {
  return rows - damaged - (failed?.count ?? 0)
}

function namesOf({ fields }: Sample): readonly string[] {
  const styled = fields.filter(({ field }) => styledName(field, 'snake_case') !== field)
  const listed = styled.slice(0, listedNames).map(({ field }) => `${shown(field)} → ${styledName(field, 'snake_case')}`)
  const more = styled.length > listedNames ? ` and ${styled.length - listedNames} more` : ''
  const style = `names become snake_case: ${listed.join(', ')}${more}; --naming preserve keeps them`
  return [...(styled.length === 0 ? [] : [style]), ...clashes(fields)]
}

function clashes(fields: readonly FieldSample[]): readonly string[] {
  try {
    return nameColumns(
      fields.map(({ field }) => ({ source: field })),
      'snake_case',
      postgresNames,
    ).warnings
  } catch (error) {
    // A name that is not possible at all refuses a copy. Whoever inspects wants to know it among all else.
    if (!(error instanceof DroverError)) throw error
    return [error.hint === undefined ? error.message : `${error.message}; ${error.hint}`]
  }
}

function tooMany({ fields, more }: Sample): readonly string[] {
  if (fields.length <= MAX_COLUMNS) return []
  const count = more ? `more than ${fields.length}` : fields.length
  return [
    `there are ${count} fields: the ${MAX_COLUMNS} most frequent get a column, the others share one of jsonb (--max-columns)`,
  ]
}

/** Arrays of documents, which could be tables, and regular documents, which could be columns. */
export function proposeNesting(sample: Sample): readonly Proposal[] {
  return sample.fields.flatMap((seen) => proposalsAt(seen, [seen.field]))
}

/**
 * `outer` are the pairs for the places on the way. `flattens`: documents there get columns anyway, as those within a
 * document that has columns of its own do.
 */
function proposalsAt(
  seen: FieldSample,
  path: Path,
  outer: readonly string[] = [],
  flattens = false,
): readonly Proposal[] {
  // What the option could not name is left to the config file.
  if (path.some((name) => !/^[^,=.]+$/.test(name))) return []
  const text = textOfPath(path)
  const rows = seen.elements?.documents ?? null
  if (rows !== null) {
    const options = [...outer, `${text}=table`]
    return [
      { option: optionOf(options), reason: tableReason(seen) },
      ...rows.fields.flatMap((below) => proposalsAt(below, [...path, below.field], options)),
    ]
  }
  const fields = seen.documents?.fields ?? []
  const options = flattens ? outer : [...outer, `${text}=column`]
  const below = fields.flatMap((field) => proposalsAt(field, [...path, field.field], options, true))
  if (flattens || !isRegular(seen)) return below
  const reason = `its fields become columns: ${leavesOf(fields).join(', ')}`
  return [{ option: optionOf(options), reason }, ...below]
}

function tableReason({ elements }: FieldSample): string {
  const { items = 0, arrays = 0, maxItems = 0 } = elements ?? {}
  const average = arrays === 0 ? 0 : Number((items / arrays).toFixed(1))
  return `its elements become rows of a table of their own: ${average} on average, ${maxItems} at most`
}

/** Paths of the fields that get columns where the document that has them does. */
function leavesOf(fields: readonly FieldSample[]): readonly string[] {
  return fields.flatMap(({ field, documents }) => {
    const below = leavesOf(documents?.fields ?? [])
    return below.length === 0 ? [field] : below.map((leaf) => `${field}.${leaf}`)
  })
}

/** All values are documents, of much the same fields. */
function isRegular(seen: FieldSample): boolean {
  const { documents } = seen
  if (documents === null || documents.more || documents.fields.length === 0) return false
  const values = allValues(seen).count
  const filled = documents.fields.reduce((sum, field) => sum + allValues(field).count, 0)
  return (
    values === documents.rows &&
    documents.fields.length <= mostFieldsToFlatten &&
    filled >= shareToFlatten * documents.rows * documents.fields.length
  )
}

/** As a shell takes it. */
function optionOf(pairs: readonly string[]): string {
  const text = pairs.join(',')
  return `--nest ${/^[\w.,=-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`}`
}

function shown(name: string): string {
  return /^[^\s,]+$/.test(name) ? name : JSON.stringify(name)
}

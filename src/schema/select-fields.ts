import { DroverError } from '../core/errors.ts'
import type { FieldSample, Sample } from '../core/sample.ts'
import { computedField, isWrong, undeclaredField, unknownField } from './unknown-field.ts'
import { unseen } from './values.ts'

/** The options that say which fields of a table are copied, and how, all by their names in the source. */
export interface FieldOptions {
  /** Exactly these, in this order; null: all. */
  readonly columns: readonly string[] | null
  readonly excludeColumns: readonly string[]
  readonly rename: { readonly [field: string]: string }
  readonly cast: { readonly [field: string]: string }
  /** Fields whose columns never widen. */
  readonly pin: readonly string[]
}

export interface SelectedFields {
  readonly fields: readonly FieldSample[]
  readonly warnings: readonly string[]
}

interface Looked {
  /** The error for a name that is none of a field. */
  readonly wrong: (option: string, field: string) => DroverError
  /** Nothing tells what fields there are. */
  readonly isOpen: boolean
}

/** What a sample leaves open. */
export interface KnownFields {
  /** Comes first; null: the order first seen is that of the table. */
  readonly keyField: string | null
  /** The table whose fields are all in the sample, whatever its rows; null: there may be others. */
  readonly allOf: string | null
  /** Those that the source computes, which are none of the sample's. */
  readonly computed: readonly string[]
}

/**
 * The fields that become columns: those of `--columns`, or else the key, the others in the order first seen, and last
 * those that only `--cast` names.
 *
 * @throws DroverError `unknown-column`, `conflicting-options`, or `invalid-value` for a name given twice
 */
export function selectFields(sample: Sample, known: KnownFields, options: FieldOptions): SelectedFields {
  const { keyField, allOf, computed } = known
  const warnings: string[] = []
  refuseConflicts(options)
  const seen = new Map(sample.fields.map((field) => [field.field, field]))
  const declared = Object.keys(options.cast).filter((field) => !seen.has(field))
  const wrong = (option: string, field: string): DroverError => {
    const names = [...seen.keys()]
    if (computed.includes(field)) return computedField(option, field)
    return allOf === null ? unknownField(option, field, names, sample) : undeclaredField(option, field, names, allOf)
  }
  const looked: Looked = { wrong, isOpen: allOf === null && sample.rows === 0 }
  for (const field of declared) {
    if (allOf !== null) throw wrong('--cast', field)
    seen.set(field, unseen(field))
    if (options.columns === null || options.columns.includes(field)) {
      warnings.push(`field ${quote(field)} was not seen: it has a column because --cast names it`)
    }
  }
  for (const field of options.excludeColumns) {
    if (computed.includes(field)) continue
    if (!seen.has(field) && allOf !== null) throw wrong('--exclude-columns', field)
    checkExcluded(field, seen, sample, warnings)
  }
  const names = options.columns ?? defaultOrder(seen, sample, keyField)
  const fields = names
    .filter((field) => !options.excludeColumns.includes(field))
    .map((field) => seen.get(field) ?? expectEmpty('--columns', field, looked))
  checkTouched('--rename', Object.keys(options.rename), fields, seen, looked)
  checkTouched('--cast', Object.keys(options.cast), fields, seen, looked)
  checkTouched('--pin', options.pin, fields, seen, looked)
  return { fields, warnings }
}

function refuseConflicts({ columns, excludeColumns }: FieldOptions): void {
  const twice = columns?.find((field, index) => columns.indexOf(field) !== index)
  if (twice !== undefined) throw new DroverError('invalid-value', `--columns names ${quote(twice)} twice`)
  const field = columns?.find((name) => excludeColumns.includes(name))
  if (field === undefined) return
  throw new DroverError('conflicting-options', `--columns names ${quote(field)}, which another option leaves out`, {
    hint: `take ${quote(field)} out of one of the two`,
  })
}

function defaultOrder(
  seen: ReadonlyMap<string, FieldSample>,
  sample: Sample,
  keyField: string | null,
): readonly string[] {
  if (keyField === null) return [...seen.keys()]
  const others = [...seen.keys()].filter((field) => field !== keyField)
  // A table without rows still has its key.
  return seen.has(keyField) || sample.rows === 0 ? [keyField, ...others] : others
}

/** An excluded field may be rare and so not in the sample; but a slip of the pen must not let a field through. */
function checkExcluded(
  field: string,
  seen: ReadonlyMap<string, FieldSample>,
  sample: Sample,
  warnings: string[],
): void {
  if (seen.has(field)) return
  const known = [...seen.keys()]
  if (isWrong(field, known, sample)) throw unknownField('--exclude-columns', field, known, sample)
  warnings.push(
    `field ${quote(field)} was not seen in ${sample.rows} rows; --exclude-columns leaves it out wherever it is`,
  )
}

/** Fields that an option changes must be among those copied. */
function checkTouched(
  option: string,
  names: readonly string[],
  fields: readonly FieldSample[],
  seen: ReadonlyMap<string, FieldSample>,
  looked: Looked,
): void {
  for (const name of names) {
    if (fields.some(({ field }) => field === name)) continue
    if (!seen.has(name)) {
      expectEmpty(option, name, looked)
      continue
    }
    throw new DroverError('conflicting-options', `${option} names ${quote(name)}, and --columns leaves it out`, {
      hint: `add ${quote(name)} to --columns`,
    })
  }
}

/** A name never seen is fine only where nothing tells what fields there are. */
function expectEmpty(option: string, field: string, { wrong, isOpen }: Looked): FieldSample {
  if (!isOpen) throw wrong(option, field)
  return unseen(field)
}

function quote(name: string): string {
  return JSON.stringify(name)
}

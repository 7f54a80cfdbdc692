import { typeName } from '../core/logical-type.ts'
import { isChild, qualified, type ChildPlan, type ColumnPlan, type RowsPlan, type TablePlan } from '../core/plan.ts'
import type { TableChange } from '../core/table-change.ts'
import type { TransformSpec, TransformStep } from '../core/transform.ts'
import type { TableReport } from '../engine/plan-report.ts'
import type { Share } from '../schema/shares.ts'
import { fit, formatCount, formatShare, printable, renderColumns, type Column } from '../telemetry/format.ts'
import { functionsText } from '../transforms/functions-text.ts'
import { seenIn, type SeenInPlan } from './plan-seen.ts'

/** What becomes of one table of the source. */
export function renderTable(table: TableReport): string[] {
  const { planned, sample, notes, warnings, proposals } = table
  const { plan, additions = [] } = planned
  const seen = seenIn(plan, sample)
  return [
    headOf(table),
    ...indent(conditions(table)),
    ...indent(transformLines(plan.transform)),
    ...indent(columnLines(plan, seen)),
    ...indent(leftOut(plan)),
    ...indent(childLines(plan, [], seen)),
    ...warnings.map((warning) => `  warning: ${printable(warning)}`),
    ...list('the tables get', additions.map(changeText)),
    ...[...notes, ...proposals].map((note) => `  note: ${printable(note)}`),
    '',
    ...indent(ddlLines(table)),
  ]
}

function headOf({ planned, estimatedRows, sample, way }: TableReport): string {
  const { plan, mode, partitions } = planned
  const rows = estimatedRows === null ? 'rows unknown' : `about ${formatCount(estimatedRows)} rows`
  const parts = `${formatCount(partitions.length)} ${partitions.length === 1 ? 'partition' : 'partitions'}`
  const looked =
    way === null ? `${formatCount(sample.rows)} ${sample.complete ? 'looked at, all of them' : 'looked at'}` : way
  return `${printable(plan.source)} → ${printable(qualified(plan.target))}: ${rows}, ${looked}; ${parts}; mode ${mode}`
}

/** Which rows are copied, and what happens to those that are there already. */
function conditions({ planned: { plan, selection } }: TableReport): string[] {
  const { where, limit, since } = selection
  const lines: string[] = []
  if (where !== null) lines.push(`where: ${where}`)
  if (limit !== null) lines.push(`limit: ${formatCount(limit)} rows`)
  if (since !== undefined) {
    lines.push(
      `since: ${since.field} from ${since.from ?? 'the beginning'} up to ${since.upTo ?? 'nothing: no row has it'}`,
    )
  }
  if (plan.onConflict !== undefined) {
    const fate = plan.onConflict === 'skip' ? 'left as it is' : 'updated'
    lines.push(`on conflict: a row whose ${plan.key.join(', ')} is in the target already is ${fate}`)
  }
  if (plan.coerce !== undefined) {
    lines.push(`may change: ${plan.coerce.map(({ path, name }) => `${name} in ${path ?? 'every field'}`).join(', ')}`)
  }
  return lines.map(printable)
}

function transformLines(transform: TransformSpec | undefined): string[] {
  if (transform === undefined) return []
  const { file, steps } = transform
  const of = file === null ? '' : ` with the functions of ${file}`
  return [`transform${of}:`, ...steps.map((step, index) => `  ${index + 1}. ${stepText(step)}`)].map(printable)
}

function stepText(step: TransformStep): string {
  switch (step.kind) {
    case 'rename':
      return `rename ${pairs(step.fields, (from, to) => `${from} → ${to}`)}`
    case 'cast':
      return `cast ${pairs(step.fields, (field, type) => `${field} to ${type}`)}`
    case 'validate':
      return `validate ${pairs(step.fields, (field, type) => `${field} is ${type}`)}`
    case 'set':
      return `set ${pairs(step.fields, (field, value) => `${field} = ${JSON.stringify(value)}`)}`
    case 'map':
      return `map ${pairs(step.fields, (field, calls) => `${field}: ${functionsText(calls)}`)}`
    case 'pick':
    case 'exclude':
      return `${step.kind} ${step.fields.join(', ')}`
    case 'filter':
      return `keep the rows for which ${step.function} is true`
    case 'function':
      return `function ${step.function}${step.optional === true ? ', where there is one' : ''}`
  }
}

function pairs<T>(fields: Readonly<Record<string, T>>, text: (field: string, value: T) => string): string {
  return Object.entries(fields)
    .map(([field, value]) => text(field, value))
    .join(', ')
}

const mapColumns: readonly Column[] = ['field', 'column', 'type', 'seen'].map((title) => ({ title, align: 'left' }))

type Cells = readonly [field: string, column: string, type: string, seen: string]

function columnLines(part: TablePlan | ChildPlan, seen: SeenInPlan): string[] {
  const rows: readonly Cells[] = [
    ...(isChild(part) ? placeCells(part) : []),
    ...part.columns.map((column) => cellsOf(fieldText(column), column, seen.shares(part, column))),
    ...(isChild(part) && part.value !== null ? [cellsOf('(no document)', part.value, seen.ofElements(part))] : []),
    ...(part.overflow === undefined ? [] : [['(all others)', part.overflow, 'jsonb', ''] as const]),
  ]
  return renderColumns(
    mapColumns,
    rows.map((cells) => cells.map(printable)),
  )
}

/** Which row an element belongs to, and its place there. */
function placeCells({ rowKey, ordinals }: ChildPlan): readonly Cells[] {
  return [
    ...rowKey.map((column) => cellsOf('(key of the row)', column, [])),
    ...ordinals.map((name): Cells => ['(place)', name, 'integer', '']),
  ]
}

function cellsOf(field: string, column: ColumnPlan, shares: readonly Share[]): Cells {
  const seen = shares.map(({ name, percent }) => `${name} ${formatShare(percent)}`).join(', ')
  return [field, column.name, typeText(column), seen]
}

/** Longest path shown; plan files and warnings have it whole. */
const widestPath = 40

function fieldText({ field, within = [], holds }: ColumnPlan): string {
  const path = fit(printable([field, ...within].join('.') || '""'), widestPath)
  if (holds === undefined) return path
  return `${path} ${holds === 'length' ? '(number of elements)' : '(no document)'}`
}

function typeText({ type, native, cast, pinned = false, nestedJson, maxCharacters }: ColumnPlan): string {
  const marks = [
    ...(cast ? ['cast'] : []),
    ...(pinned ? ['pinned'] : []),
    ...(nestedJson === undefined ? [] : [nestedJson]),
    ...(maxCharacters === undefined ? [] : [`at most ${maxCharacters} characters`]),
  ]
  return (native ?? typeName(type)) + (marks.length === 0 ? '' : ` (${marks.join(', ')})`)
}

function leftOut({ ignore, flattened = [] }: TablePlan | ChildPlan): string[] {
  if (ignore === 'others') return ['left out: every other field']
  const names = [
    ...ignore,
    ...flattened.flatMap(({ path, ignore: inner }) => inner.map((name) => [...path, name].join('.'))),
  ]
  return names.length === 0 ? [] : [printable(`left out: ${names.join(', ')}`)]
}

/** Child tables, theirs behind them. `base` is the path of the elements that have them, from the row. */
function childLines({ children = [] }: RowsPlan, base: readonly string[], seen: SeenInPlan): string[] {
  return children.flatMap((child) => {
    const path = [...base, ...child.path]
    const elements = `a row for each element, ${formatCount(seen.rowsOf(child))} seen`
    return [
      '',
      printable(`${path.join('.')} → ${qualified(child.target)}: ${elements}`),
      ...indent(columnLines(child, seen)),
      ...indent(leftOut(child)),
      ...childLines(child, path, seen),
    ]
  })
}

function changeText(change: TableChange): string {
  const table = qualified(change.target)
  if (change.kind === 'add') return `${table}: column ${change.column.name} (${typeName(change.column.type)})`
  return `${table}: column ${change.column}, ${typeName(change.from)}, becomes ${typeName(change.to)}`
}

function ddlLines({ planned, ddl }: TableReport): string[] {
  const create = planned.exists ? ['-- the table is there and stays'] : `${ddl.create};`.split('\n')
  return [...create, ...ddl.finish.flatMap((statement) => `${statement};`.split('\n'))].map(printable)
}

function list(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : indent([`${title}:`, ...indent(lines.map(printable))])
}

export function indent(lines: readonly string[]): string[] {
  return lines.map((line) => (line === '' ? line : `  ${line}`))
}

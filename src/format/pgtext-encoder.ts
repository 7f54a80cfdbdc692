import { DroverError } from '../core/errors.ts'
import { elementType, type LogicalType } from '../core/logical-type.ts'
import type { ColumnPlan, NestedJson, TablePlan } from '../core/plan.ts'
import { Day, Decimal, Instant, ObjectId, Uuid, type Value } from '../core/value.ts'
import type { ByteWriter } from './byte-writer.ts'
import { castValue, fitValue } from './cast-value.ts'
import { createFormEncoder, type FormEncoder } from './form-encoder.ts'
import { dayText, shortIsoText } from './instant-text.ts'
import { checkText, displayText, jsonText } from './json-text.ts'
import { guardOf, type Guard } from './pg-guards.ts'
import { checkLength } from './pgcopy-columns.ts'
import { numericDigits } from './pgcopy-numeric.ts'
import { checkDay, checkInstant, type AppendValue } from './pgcopy-scalars.ts'
import type { RowForm } from './row-form.ts'
import { isSpecialDecimal } from './special-number.ts'

const tab = 0x09
const lineFeed = 0x0a

const pgtextForm: RowForm = {
  format: 'pgtext',
  begin: () => undefined,
  // Each column ends with a tab, the last of them with the line.
  end: (out, width) => {
    if (width > 0) out.at--
    out.reserve(1)
    out.bytes[out.at++] = lineFeed
  },
  appendNull: (out) => putField(out, '\\N'),
  appenderOf,
}

/**
 * Rows → lines of PostgreSQL's text COPY format (documentation of COPY, "Text Format"), each with its line feed, for each
 * table of the plan; otherwise as {@link createFormEncoder}. It is for columns whose types have no binary form that is
 * the same everywhere; what their `native` type would change without a word is `row-rejected`.
 */
export function createPgTextEncoder(plan: TablePlan): FormEncoder {
  return createFormEncoder(plan, pgtextForm)
}

function appenderOf(column: ColumnPlan, tableNestedJson: NestedJson): AppendValue {
  const nestedJson = column.nestedJson ?? tableNestedJson
  const { type, maxCharacters = Infinity } = column
  const guard = column.native === undefined ? null : guardOf(column.native)
  const isArray = elementType(type) !== null
  return (out, value) => {
    const fitting = column.cast ? castValue(value, type, nestedJson) : fitValue(value, type)
    if (fitting === undefined) return false
    const text = isArray ? arrayText(fitting as readonly Value[], guard) : valueText(fitting, type, nestedJson, guard)
    if (typeof fitting === 'string') checkLength(text, maxCharacters)
    putField(out, escaped(text))
    return true
  }
}

function valueText(value: Value, type: LogicalType, nestedJson: NestedJson, guard: Guard | null): string {
  const text = type === 'json' ? jsonText(value, nestedJson) : scalarText(value)
  return guard === null ? text : guard(text, value)
}

/** As PostgreSQL reads it without a loss. */
function scalarText(value: Value): string {
  if (typeof value === 'string') {
    checkText(value)
    return value
  }
  if (typeof value === 'number') return Object.is(value, -0) ? '-0' : String(value)
  if (typeof value === 'boolean' || typeof value === 'bigint') return String(value)
  if (value instanceof Decimal) {
    if (!isSpecialDecimal(value.text)) numericDigits(value.text)
    return value.text
  }
  if (value instanceof Instant) {
    checkInstant(value)
    return shortIsoText(value)
  }
  if (value instanceof Day) {
    checkDay(value)
    return dayText(value)
  }
  if (value instanceof Uuid) return value.text
  if (value instanceof ObjectId) return value.hex
  if (value instanceof Uint8Array) return `\\x${Buffer.from(value).toString('hex')}`
  throw new DroverError('unexpected', `there is no text for ${displayText(value)}`)
}

/** Documentation of arrays, "Array Input and Output Syntax"; every item in quotes, so that none is taken for another. */
function arrayText(items: readonly Value[], guard: Guard | null): string {
  const texts = items.map((item) => {
    if (item === null) return 'NULL'
    const text = scalarText(item)
    return `"${(guard === null ? text : guard(text, item)).replace(/["\\]/g, '\\$&')}"`
  })
  return `{${texts.join(',')}}`
}

const escapes: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
])

const needsEscape = /[\\\b\f\n\r\t\v]/g

function escaped(text: string): string {
  return text.replace(needsEscape, (character) => escapes.get(character) ?? character)
}

function putField(out: ByteWriter, text: string): void {
  out.appendText(text)
  out.reserve(1)
  out.bytes[out.at++] = tab
}

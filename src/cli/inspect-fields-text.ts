import type { InspectedElements, InspectedField, InspectedValues } from '../inspect-fields.ts'
import type { Portion } from '../schema/shares.ts'
import { labelOf } from '../schema/column-type.ts'
import {
  fit,
  formatBytes,
  formatCount,
  formatShare,
  pad,
  printable,
  textWidth,
  wrapParts,
} from '../telemetry/format.ts'

/** Columns of a terminal that a page is made for. */
export const pageWidth = 100

/** Longest name that stands beside its types, and not above them. */
const widestName = 36

/** Fields of a table, and of a document within it, that are shown. */
const mostFields = 200
const mostNestedFields = 40

/** Longest text of one value. */
const widestValue = 40

/** One line of the tree and those below it that tell more of the same place. */
interface Line {
  readonly name: string
  readonly size: string
  readonly types: readonly string[]
  readonly details: readonly (readonly string[])[]
}

/** The tree of fields: names, size of the largest value, types with their shares. */
export function renderFields({ fields, moreFields }: Pick<InspectedValues, 'fields' | 'moreFields'>): string[] {
  const lines = fieldLines(fields, moreFields, 0, mostFields)
  const head: Line = { name: 'field', size: 'largest', types: ['types seen'], details: [] }
  const all = [head, ...lines]
  const columns = all.filter(({ types }) => types.length > 0)
  const names = Math.max(...columns.map(({ name }) => textWidth(name)).filter((width) => width <= widestName))
  const sizes = Math.max(...all.map(({ size }) => textWidth(size)))
  return all.flatMap((line) => renderLine(line, names, sizes))
}

function renderLine({ name, size, types, details }: Line, names: number, sizes: number): string[] {
  if (types.length === 0) return [`  ${name}`]
  const indent = names + sizes + 6
  const room = pageWidth - indent
  const [first = '', ...rest] = [types, ...details].flatMap((parts) => hangingWrap(parts, room))
  const begin = `${pad(size, sizes, 'right')}  ${first}`
  const lines =
    textWidth(name) > names
      ? [`  ${name}`, `  ${pad('', names, 'left')}  ${begin}`]
      : [`  ${pad(name, names, 'left')}  ${begin}`]
  return [...lines, ...rest.map((line) => ' '.repeat(indent) + line)].map((line) => line.trimEnd())
}

function hangingWrap(parts: readonly string[], width: number): string[] {
  const [first = '', ...rest] = wrapParts(parts, width - 2)
  return [first, ...rest.map((line) => `  ${line}`)]
}

function fieldLines(fields: readonly InspectedField[], more: boolean, depth: number, most: number): Line[] {
  const hidden = fields.length - most
  const notes = [
    ...(hidden > 0 ? [`… ${formatCount(hidden)} more fields; --json lists them`] : []),
    ...(more ? ['… and more than are kept'] : []),
  ]
  return [
    ...fields.slice(0, most).flatMap((field) => valueLines(shownName(field.field), field, field.missing, depth)),
    ...notes.map((note) => ({ name: indented(note, depth), size: '', types: [], details: [] })),
  ]
}

function valueLines(name: string, values: InspectedValues, missing: Portion | null, depth: number): Line[] {
  const { elements, fields, moreFields, largestBytes } = values
  return [
    {
      name: indented(name, depth),
      size: largestBytes === 0 ? '' : formatBytes(largestBytes),
      types: typeParts(values, missing),
      details: detailsOf(values),
    },
    ...fieldLines(fields, moreFields, depth + 1, mostNestedFields),
    ...(elements !== null && tellsMore(elements) ? valueLines('[]', elements, null, depth + 1) : []),
  ]
}

/** Elements that the type of their array does not describe already. */
function tellsMore({ items, types, values, examples, fields, elements, ...seen }: InspectedElements): boolean {
  if (items === 0) return false
  const mixed = types.length > 1 || seen.null.count + seen.undefined.count > 0
  return mixed || values !== null || examples.length > 0 || fields.length > 0 || elements !== null
}

function typeParts({ types, ...seen }: InspectedValues, missing: Portion | null): string[] {
  const others = [
    { name: 'null', ...seen.null },
    { name: 'undefined', ...seen.undefined },
    ...(missing === null ? [] : [{ name: 'missing', ...missing }]),
  ]
  const named = types.map(({ name, type, ...share }) => ({ name: labelOf(name, type), ...share }))
  const shares = [...named, ...others].filter(({ count }) => count > 0).toSorted((a, b) => b.count - a.count)
  // Of a declared type there need not be a value.
  const declared = named.filter(({ count }) => count === 0).map(({ name }) => name)
  return withCommas([...declared, ...shares.map(({ name, percent }) => `${name} ${formatShare(percent)}`)])
}

function detailsOf({ values, elements, examples }: InspectedValues): string[][] {
  const details: string[][] = []
  if (elements !== null && elements.items > 0) {
    const average = Number((elements.items / elements.arrays).toFixed(1))
    details.push([`elements: ${average} on average, ${formatCount(elements.maxItems)} at most`])
  }
  const [first, second] = values ?? []
  if (values !== null && first !== undefined) {
    const shares = values.map(({ value, percent }) => `${shownValue(value)} ${formatShare(percent)}`)
    details.push(second === undefined ? ['always', shownValue(first.value)] : ['values:', ...withCommas(shares)])
  } else if (examples.length > 0) {
    const texts = examples.map((text) => fit(printable(text), widestValue))
    details.push(['examples:', ...withCommas(texts)])
  }
  return details
}

function withCommas(parts: readonly string[]): string[] {
  return parts.map((part, index) => (index < parts.length - 1 ? `${part},` : part))
}

/** Between quotes where it could be taken for something else. */
function shownName(name: string): string {
  return printable(/^\S+$/.test(name) ? name : JSON.stringify(name))
}

function shownValue(value: string): string {
  return fit(
    printable(/^[^\s,"][^,"]*$/.test(value) && !value.endsWith(' ') ? value : JSON.stringify(value)),
    widestValue,
  )
}

function indented(text: string, depth: number): string {
  return '  '.repeat(depth) + text
}

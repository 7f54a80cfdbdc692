import type { Position } from '../../../core/batch.ts'
import { DroverError } from '../../../core/errors.ts'

// The first byte of a position says what follows. Key columns are kept as they came with the row, so nothing has to be
// understood of them: their fields of a binary COPY, of the columns' own types or of those they were cast to, or their
// fields of a text COPY. Rows without a key have the place that they are stored at.

/** What the fields of a key are: of the columns' own types, of the types they are read as, or text. */
export type KeyForm = 'own' | 'cast' | 'text'

/** Where a row is stored: in a file, at a line of a page. */
export interface Place {
  /** Of the table whose file it is. */
  readonly oid: string
  readonly block: number
  readonly line: number
}

const tags: Readonly<Record<KeyForm | 'place', number>> = { own: 1, cast: 2, text: 3, place: 4 }
const tab = 9

/** The bytes of one column of a key. */
export type KeyField = Uint8Array

export function keyPosition(form: KeyForm, fields: readonly KeyField[]): Position {
  return form === 'text' ? textPosition(fields) : binaryPosition(form, fields)
}

/** Of values as text, as they are: `\`, tab and line ends are written as a text COPY does. */
export function keyPositionOf(values: readonly string[]): Position {
  return textPosition(values.map((value) => Buffer.from(escapeField(value))))
}

function textPosition(fields: readonly KeyField[]): Position {
  const parts = fields.flatMap((field, index) => (index === 0 ? [field] : [Uint8Array.of(tab), field]))
  return positionOf(Buffer.concat([Uint8Array.of(tags.text), ...parts]))
}

/** Each field with its length before it, as in a tuple. */
function binaryPosition(form: 'own' | 'cast', fields: readonly KeyField[]): Position {
  const parts = fields.flatMap((field) => {
    const length = Buffer.alloc(4)
    length.writeInt32BE(field.length)
    return [length, field]
  })
  return positionOf(Buffer.concat([Uint8Array.of(tags[form]), ...parts]))
}

/** Places mean the same rows only in states of the same mark. */
export function placePosition({ oid, block, line }: Place, mark: string): Position {
  return positionOf(Buffer.concat([Uint8Array.of(tags.place), Buffer.from(JSON.stringify([oid, block, line, mark]))]))
}

export type ReadPosition =
  | { readonly form: KeyForm; readonly fields: readonly Buffer[] }
  | { readonly form: 'place'; readonly place: Place; readonly mark: string }

export function readPosition(position: Position): ReadPosition {
  const bytes = Buffer.from(position.buffer, position.byteOffset, position.byteLength)
  const body = bytes.subarray(1)
  switch (bytes[0]) {
    case tags.own:
      return { form: 'own', fields: binaryFields(body) }
    case tags.cast:
      return { form: 'cast', fields: binaryFields(body) }
    case tags.text:
      return { form: 'text', fields: splitFields(body) }
    case tags.place:
      return { form: 'place', ...readPlace(body.toString()) }
    default:
      throw noPosition(position)
  }
}

function binaryFields(bytes: Buffer): readonly Buffer[] {
  const fields: Buffer[] = []
  for (let at = 0; at < bytes.length;) {
    const end = at + 4 + bytes.readInt32BE(at)
    fields.push(bytes.subarray(at + 4, end))
    at = end
  }
  return fields
}

/** Fields of a line of a text COPY, still escaped. */
export function splitFields(line: Uint8Array): readonly Buffer[] {
  const bytes = Buffer.from(line.buffer, line.byteOffset, line.byteLength)
  const fields: Buffer[] = []
  let start = 0
  for (let end = bytes.indexOf(tab); end >= 0; end = bytes.indexOf(tab, start)) {
    fields.push(bytes.subarray(start, end))
    start = end + 1
  }
  return [...fields, bytes.subarray(start)]
}

/** https://www.postgresql.org/docs/current/sql-copy.html, "Text Format"; what COPY writes has these sequences only. */
const escapes: ReadonlyMap<string, string> = new Map([
  ['\\', '\\\\'],
  ['\b', '\\b'],
  ['\f', '\\f'],
  ['\n', '\\n'],
  ['\r', '\\r'],
  ['\t', '\\t'],
  ['\v', '\\v'],
])
const escaped: ReadonlyMap<string, string> = new Map([...escapes].map(([character, written]) => [written, character]))

function escapeField(value: string): string {
  return value.replaceAll(/[\\\b\f\n\r\t\v]/g, (character) => escapes.get(character) ?? character)
}

/** The value of a field of a text COPY, which is not NULL. */
export function unescapeField(field: string): string {
  return field.replaceAll(/\\./gs, (written) => escaped.get(written) ?? written.slice(1))
}

function readPlace(text: string): { readonly place: Place; readonly mark: string } {
  const value: unknown = JSON.parse(text)
  const [oid, block, line, mark]: readonly unknown[] = isList(value) ? value : []
  if (typeof oid === 'string' && typeof block === 'number' && typeof line === 'number' && typeof mark === 'string') {
    return { place: { oid, block, line }, mark }
  }
  throw new DroverError('unexpected', `${text} is no place in a table`)
}

function isList(value: unknown): value is readonly unknown[] {
  return Array.isArray(value)
}

function noPosition(position: Position): DroverError {
  return new DroverError(
    'unexpected',
    `0x${Buffer.from(position).toString('hex', 0, 40)} is no position of this source`,
  )
}

function positionOf(bytes: Buffer): Position {
  // Of its own: what it is cut from is used again.
  return new Uint8Array(bytes) as Position
}

import type { Coercion } from '../../src/core/coercion.ts'
import { isLetter, type CorpusCase, type CorpusRow, type ExpectedLetter, type Texts } from './corpus-case.ts'
import { m01 } from './m01-nul-in-text.ts'
import { m02 } from './m02-nul-in-documents.ts'
import { m03 } from './m03-looks-like-nul.ts'
import { m04 } from './m04-surrogates.ts'
import { m05 } from './m05-invalid-utf8.ts'
import { m06 } from './m06-not-finite.ts'
import { m07 } from './m07-negative-zero.ts'
import { m08 } from './m08-decimals.ts'
import { m09 } from './m09-int64.ts'
import { m10 } from './m10-several-types.ts'
import { m11 } from './m11-missing.ts'
import { m12 } from './m12-dates.ts'
import { m13 } from './m13-keys-of-several-types.ts'
import { m14 } from './m14-keys-alike.ts'
import { m15 } from './m15-types-of-keys.ts'
import { m16 } from './m16-long-keys.ts'
import { m17 } from './m17-unique-texts.ts'
import { m18 } from './m18-unique-and-missing.ts'
import { m19 } from './m19-odd-names.ts'
import { m20 } from './m20-names-by-case.ts'
import { m21 } from './m21-long-names.ts'
import { m22 } from './m22-words-of-sql.ts'
import { m23 } from './m23-names-of-javascript.ts'
import { m24 } from './m24-order-of-fields.ts'
import { m25 } from './m25-fields-twice.ts'
import { m26 } from './m26-deep.ts'
import { m28 } from './m28-many-fields.ts'
import { m29 } from './m29-other-types.ts'
import { m30 } from './m30-empty.ts'
import { m31 } from './m31-kinds-of-collections.ts'
import { m32 } from './m32-names-of-collections.ts'

const small = [m01, m02, m03, m04, m05, m06, m07, m08, m09, m10, m11, m12, m13, m14, m15, m16]
const large = [m17, m18, m19, m20, m21, m22, m23, m24, m25, m26, m28, m29, m30, m31, m32]
const cases: readonly CorpusCase[] = [...small, ...large].flat()

/** A case as one collection: alone, or in the middle of good rows; as it is, or with one coercion. */
export interface Placed {
  readonly of: CorpusCase
  readonly title: string
  readonly collection: string
  readonly table: string
  readonly among: boolean
  readonly coercion: Coercion | null
  readonly rows: readonly PlacedRow[]
}

export interface PlacedRow {
  readonly row: CorpusRow
  readonly expected: Texts | ExpectedLetter
  readonly uses: number
}

/** Every case that a server takes. */
export const asTheyAre: readonly Placed[] = cases
  .filter(({ dump }) => dump === undefined)
  .flatMap((of) =>
    placedOf(
      of,
      null,
      of.rows.map((row) => ({ row, expected: row.expected, uses: 0 })),
    ),
  )

/** Every case of which a coercion makes something. */
export const coerced: readonly Placed[] = cases.flatMap((of) => {
  const names = new Set(of.rows.flatMap((row) => Object.keys(row.coerced ?? {}) as Coercion[]))
  return [...names].flatMap((name) => {
    const rows = of.rows.flatMap((row) => {
      const one = row.coerced?.[name]
      return one === undefined ? [] : [{ row, expected: one.texts, uses: one.uses }]
    })
    return placedOf(of, name, rows)
  })
})

/** Every case that only a dump can hold. */
export const fromDumps: readonly Placed[] = cases
  .filter(({ dump }) => dump !== undefined)
  .flatMap((of) =>
    placedOf(
      of,
      null,
      of.rows.map((row) => ({ row, expected: row.expected, uses: 0 })),
    ),
  )

function placedOf(of: CorpusCase, coercion: Coercion | null, rows: readonly PlacedRow[]): readonly Placed[] {
  const suffix = coercion === null ? '' : `_${coercion.replaceAll('-', '_')}`
  const collection = `${of.name}${suffix}`
  const how = coercion === null ? '' : `, with ${coercion}`
  const number = /m\d\d/i.exec(of.name)?.[0].toUpperCase() ?? 'M32'
  const alone: Placed = {
    of,
    title: `${number} ${of.what}${how}`,
    collection,
    table: `${of.table ?? of.name}${suffix}`,
    among: false,
    coercion,
    rows,
  }
  if (of.aloneBecause !== undefined) return [alone]
  const name = `${collection}_among`
  return [alone, { ...alone, title: `${alone.title}, among good rows`, collection: name, table: name, among: true }]
}

export function lettersIn({ rows }: Placed): number {
  return rows.filter(({ expected }) => isLetter(expected)).length
}

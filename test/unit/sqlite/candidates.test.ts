import { DatabaseSync } from 'node:sqlite'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { candidatesOf, type Candidate, type TypeOptions } from '../../../src/connectors/sqlite/candidates.ts'
import type { StoredValue } from '../../../src/connectors/sqlite/snapshot.ts'
import { JsonReader } from '../../../src/format/json-reader.ts'
import { storedReader } from '../../../src/format/sqlite-forms.ts'

const db = new DatabaseSync(':memory:')

/** Whether SQL alone shows that a value is one of the candidate. */
function isProven(candidate: Candidate): (value: StoredValue) => boolean {
  const statement = db.prepare(`select ${candidate.violated('value')} from (select ? as value)`)
  statement.setReturnArrays(true)
  return (value) => Object.values(statement.get(value) ?? {})[0] === 0
}

const options: TypeOptions = {
  wanted: {},
  wantedNative: {},
  dateFormats: {},
  timeZone: 'UTC',
  encoding: null,
  compared: new Set(),
}

const candidates = ['datetime', 'date', 'boolean', 'json', 'decimal(9,2)', 'uuid', 'real', ''].flatMap((declared) => {
  const column = { name: 'a', declared, required: false, default: null, computed: null }
  const inZone = { ...options, timeZone: 'Europe/Berlin' }
  return [...candidatesOf(column, options), ...candidatesOf(column, inZone)]
})

/** Times as they are written, some of them with a character or two that do not belong there. */
const times: fc.Arbitrary<string> = fc
  .tuple(
    fc.date({ min: new Date('0000-01-01'), max: new Date('9999-12-31'), noInvalidDate: true }),
    fc.constantFrom([0, 24], [0, 19], [0, 10], [11, 23]),
    fc.constantFrom('T', ' ', 't'),
    fc.array(fc.tuple(fc.nat(23), fc.constantFrom(...'0123469T Z-:+é\0', '31', '24')), { maxLength: 2 }),
  )
  .map(([date, [from = 0, to], between, changes]) => {
    let text = date.toISOString().slice(from, to).replace('T', between)
    for (const [at, character] of changes) text = text.slice(0, at) + character + text.slice(at + character.length)
    return text
  })

/** SQLite reads JSON to the first of them. It is no JSON, and no text of PostgreSQL either: a dead letter whatever its type. */
function hasNul(value: StoredValue): boolean {
  return typeof value === 'string' && value.includes('\0')
}

const values: fc.Arbitrary<StoredValue> = fc.oneof(
  { arbitrary: times, weight: 4 },
  fc.string(),
  fc.json(),
  fc.uuid(),
  fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  fc
    .tuple(fc.integer({ min: 946_684_800, max: 4_102_444_800 }), fc.constantFrom(1n, 1000n, 1_000_000n))
    .map(([seconds, perSecond]) => BigInt(seconds) * perSecond),
  fc.double({ noNaN: true }),
  fc.double({ noNaN: true, min: 2_451_544.5, max: 2_488_069.5 }),
  fc.constantFrom(0n, 1n, 'true', 'f', '24:00', ''),
  fc.uint8Array({ maxLength: 20 }),
)

describe('what SQL takes for proven', () => {
  it('can be read, value by value', () => {
    const context = { json: new JsonReader(null), lenience: null }
    const checked = candidates.map((candidate) => {
      const { type, form } = candidate
      return { type, form, proves: isProven(candidate), read: storedReader(candidate, context), proven: 0 }
    })
    fc.assert(
      fc.property(values, (value) => {
        for (const one of checked) {
          if (!one.proves(value) || (one.type === 'json' && hasNul(value))) continue
          one.proven += 1
          expect(() => one.read(value), `${one.type} ${one.form ?? ''}`).not.toThrow()
        }
      }),
      { numRuns: 3000 },
    )
    const isByReading = candidates.map(({ violated }) => violated('value') === '1')
    expect(checked.every(({ proven }, place) => proven > 0 || isByReading[place] === true)).toBe(true)
  })
})

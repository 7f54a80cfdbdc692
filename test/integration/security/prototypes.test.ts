import { describe, expect, it } from 'vitest'
import { migrate } from '../../../src/index.ts'
import { databases } from '../../support/both-databases.ts'
import { temporaryFolder } from '../../support/dump.ts'

/** What every object has, by name and by value. */
function inherited(): readonly unknown[] {
  return [Object.prototype, Array.prototype, Function.prototype].map((prototype) =>
    Object.entries(Object.getOwnPropertyDescriptors(prototype)).map(([name, { value }]) => [name, typeof value]),
  )
}

/** Of text, because a `__proto__` in an object literal is no field. */
function documentOf(key: number): { readonly _id: number } {
  const text = `{"_id": ${key}, "__proto__": {"polluted": ${key}}, "constructor": " c${key} ", "toString": ${key},
    "hasOwnProperty": "h${key}", "valueOf": [1, 2], "nested": {"__proto__": {"polluted": true}, "constructor": "n"}}`
  return JSON.parse(text) as { readonly _id: number }
}

describe('names that JavaScript gives a meaning', () => {
  it.each(['inline', 'threads'] as const)(
    'are names only: of collections, fields, in the config file and in transforms (%s)',
    async (isolation) => {
      const before = inherited()
      await using both = await databases()
      await using folder = temporaryFolder()
      const { db, sql } = both
      const rows = Array.from({ length: 20 }, (_, key) => documentOf(key))
      for (const table of ['__proto__', 'constructor']) await db.collection(table).insertMany(rows as never[])
      const transform = await folder.write(
        'transform.ts',
        `export default (row: Record<string, unknown>) => ({ ...row, seen: Object.keys(row).includes('__proto__') })`,
      )
      const config = await folder.write(
        'drover.yaml',
        `defaults:
  isolation: ${isolation}
  workers: 2
  naming: preserve
tables:
  __proto__:
    rename: { __proto__: proto, toString: string_of }
    cast: { toString: text }
    nest: { __proto__: jsonb, nested: column }
    map: { constructor: trim, hasOwnProperty: uppercase }
  constructor:
    to: toString
    transform: ${transform}
    exclude-columns: [valueOf]
`,
      )
      const result = await migrate({ from: both.from, to: both.to, config, batchRows: 7, verify: 'checksum' })
      expect(result).toMatchObject({ state: 'done', error: null, totals: { written: 40, deadLetters: 0 } })
      const [first] = await sql('select * from "__proto__" where _id = 3')
      expect(first).toEqual({
        _id: 3,
        proto: { polluted: 3 },
        constructor: 'c3',
        string_of: '3',
        hasOwnProperty: 'H3',
        valueOf: [1, 2],
        nested___proto___polluted: true,
        nested_constructor: 'n',
      })
      const [second] = await sql('select to_jsonb(t) as row from "toString" t where _id = 4')
      expect(JSON.stringify(second)).toContain('"__proto__":{"polluted":4}')
      expect(second).toMatchObject({ row: { constructor: ' c4 ', toString: 4, hasOwnProperty: 'h4', seen: true } })
      expect(inherited()).toEqual(before)
      expect('polluted' in {}).toBe(false)
    },
  )

  it.each(['__proto__', 'constructor', 'hasOwnProperty'])('no option is called %s', async (name) => {
    const before = inherited()
    await using folder = temporaryFolder()
    for (const text of [`${name}: { polluted: 1 }\n`, `defaults:\n  ${name}: { polluted: 1 }\n`]) {
      const config = await folder.write('drover.yaml', text)
      const asked = migrate({ from: 'mongodb://h/x', to: 'postgres://h/x', config })
      await expect(asked).rejects.toMatchObject({ code: 'unknown-key' })
    }
    expect(inherited()).toEqual(before)
  })
})

import { describe, expect, it } from 'vitest'
import type { MigrateOptions } from '../../src/index.ts'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { temporaryFolder } from '../support/dump.ts'
import { retried } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'
import { verified } from '../support/verification.ts'

const ROWS = 300
const POISONED: ReadonlySet<number> = new Set([7, 100, 250])

async function copied(options: Partial<MigrateOptions> = {}): Promise<BothDatabases> {
  await using stack = new AsyncDisposableStack()
  const both = stack.use(await databases())
  const { from, to, db } = both
  const things = Array.from({ length: ROWS }, (_, n) => ({
    _id: n,
    note: POISONED.has(n) ? `a\0${n}` : `n${n}`,
    items: [{ sku: `s${n}` }, { sku: 't' }],
  }))
  await db.collection<Keyed>('things').insertMany(things)
  const result = await migrate({ from, to, workers: 1, isolation: 'inline', nest: { items: 'table' }, ...options })
  expect(result.error?.code).toBe('too-many-dead-letters')
  stack.move()
  return both
}

/** Of the poisoned rows one is filtered, one gets other children, one is only mended. */
const fix = `export default (row) => {
  if (row._id === 100) return null
  const note = row.note.replaceAll('\\0', '')
  return row._id === 250 ? { ...row, note, items: [{ sku: 'x' }, { sku: 'y' }, { sku: 'z' }] } : { ...row, note }
}`

const levels = ['checksum', 'full'] as const

describe('rows that a retry has repaired', () => {
  it.each([{}, { primaryKey: false }, { map: { note: 'trim' } }])(
    'are no differences, and are counted by name (%j)',
    async (options) => {
      await using both = await copied(options)
      await using folder = temporaryFolder()
      expect(await retried(both, { fix: await folder.write('fix.ts', fix) })).toMatchObject({ resolved: 3, left: 0 })
      for (const level of levels) {
        const { equal, differences, notes } = await verified(both, level)
        expect({ equal, differences }, level).toEqual({ equal: true, differences: [] })
        expect(notes.at(-1)).toMatch(/; 3 rows were repaired by drover retry: not compared$/)
      }
    },
  )

  it('do not hide what is wrong with others', async () => {
    await using both = await copied()
    await using folder = temporaryFolder()
    await retried(both, { fix: await folder.write('fix.ts', fix) })
    await both.sql(`update things set note = 'tampered' where _id = 8; delete from things_items where things_id = 9 and ordinal = 1;
      insert into things values (7777, 'x')`)
    for (const level of levels) {
      const { differences, differing, notes } = await verified(both, level)
      expect(differing).toBe(3)
      expect(differences.toSorted((a, b) => (`${a.table}${a.key}` < `${b.table}${b.key}` ? -1 : 1))).toEqual([
        { table: 'public.things_items', key: '9, 1', column: null, source: 'found', target: 'missing' },
        { table: 'things', key: '7777', column: null, source: 'missing', target: 'extra' },
        { table: 'things', key: '8', column: 'note', source: 'n8', target: 'tampered' },
      ])
      expect(notes.join()).toMatch(/3 rows were repaired by drover retry/)
    }
  })

  it('are compared where they are what the source says: replayed as they are, or coerced', async () => {
    await using both = await copied()
    expect(await retried(both, { coerce: 'strip-nul' })).toMatchObject({ resolved: 3, left: 0 })
    for (const level of levels) {
      const { equal, notes } = await verified(both, level)
      expect(equal).toBe(true)
      expect(notes.join()).not.toMatch(/repaired/)
    }
    // One that somebody has changed since cannot be told from one that was repaired.
    await both.sql(`update things set note = 'x' where _id = 7`)
    for (const level of levels) {
      const { equal, notes } = await verified(both, level)
      expect(equal).toBe(true)
      expect(notes.join()).toMatch(/; 1 row was repaired by drover retry: not compared/)
    }
  })

  it('are differences again where the source has got rid of them', async () => {
    await using both = await copied()
    await using folder = temporaryFolder()
    await retried(both, { fix: await folder.write('fix.ts', fix) })
    await both.db.collection<Keyed>('things').deleteOne({ _id: 7 })
    for (const level of levels) {
      const { differences } = await verified(both, level, { tables: ['things'] })
      expect(differences).toContainEqual({
        table: 'things',
        key: '7',
        column: null,
        source: 'missing',
        target: 'extra',
      })
    }
  })
})

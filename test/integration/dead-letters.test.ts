import { describe, expect, it } from 'vitest'
import { databases, type BothDatabases, type Keyed } from '../support/both-databases.ts'
import { poison } from '../support/chaos/poison.ts'
import { temporaryFolder } from '../support/dump.ts'
import { exitCode, fates, goodRow, goodRows, insertBad, middle, openLetters, statusOf } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'

const bad = goodRow(middle)
const named = ['utf8', 'twice', 'throws', 'nul', 'date', 'child', 'check', 'unique', 'trigger', 'merge']

/** Tables that refuse one row of those to come. */
const refusing = `
  create function refuse() returns trigger language plpgsql as $$
    begin if new.age = -1 then raise exception 'nobody is that young'; end if; return new; end $$;
  create table check_alone (_id integer primary key, note text, born timestamptz, age integer check (age >= 0), items jsonb);
  create table check_among (like check_alone including all);
  create table merge_alone (like check_alone including all);
  create table merge_among (like check_alone including all);
  create table unique_alone (_id integer primary key, note text unique, born timestamptz, age integer, items jsonb);
  create table unique_among (like unique_alone including all);
  insert into unique_alone values (-1, 'taken');
  insert into unique_among values (-1, 'taken');
  create table trigger_alone (_id integer primary key, note text, born timestamptz, age integer, items jsonb);
  create table trigger_among (like trigger_alone including all);
  create trigger t before insert on trigger_alone for each row execute function refuse();
  create trigger t before insert on trigger_among for each row execute function refuse()`

const throwing = `
  export default function (row: { age: number }): object {
    if (row.age === -1) throw new RangeError('age has to grow')
    return row
  }`

const config = `
tables:
  'throws_*': { transform: mine.ts }
  'child_*': { nest: { items: table } }
  'check_*': { mode: append }
  'unique_*': { mode: append }
  'trigger_*': { mode: append }
  'merge_*': { mode: upsert }
  '*': {}`

async function filled(): Promise<BothDatabases> {
  const both = await databases()
  await insertBad(both, 'utf8', poison('utf8', bad))
  await insertBad(both, 'twice', poison('twice', bad))
  await insertBad(both, 'nul', poison('nul', bad))
  await insertBad(both, 'date', poison('date', bad))
  await insertBad(both, 'child', { ...bad, items: [{ name: 'a' }, { name: 'b\0' }, { name: 'c' }] })
  for (const name of ['throws', 'check', 'trigger', 'merge']) await insertBad(both, name, { ...bad, age: -1 })
  await insertBad(both, 'unique', { ...bad, note: 'taken' })
  // A function that fails for all rows that were looked at is refused before anything is written.
  await both.db.dropCollection('throws_alone')
  await both.sql(refusing)
  return both
}

/** Stage, column, and what the reason and the value say, by the name of the tables. */
const expected: Readonly<Record<string, readonly [string, string | null, RegExp, RegExp]>> = {
  utf8: ['decode', 'note', /not valid UTF-8/, /^0x61fffe62$/],
  twice: ['decode', 'note', /occurs twice/, /./],
  throws: ['transform', null, /RangeError: age has to grow/, /^null$/],
  nul: ['encode', 'note', /U\+0000/, /^"a\\u0000b"$/],
  date: ['encode', 'born', /outside of 4713 BC to 294276/, /9223372036854775807/],
  child: ['encode', 'name', /U\+0000/, /^"b\\u0000"$/],
  check: ['store', null, /violates check constraint .*SQLSTATE 23514/, /^null$/],
  unique: ['store', null, /duplicate key value violates unique constraint .*SQLSTATE 23505/, /^null$/],
  trigger: ['store', null, /nobody is that young \(SQLSTATE P0001\)/, /^null$/],
  merge: ['store', null, /violates check constraint .*SQLSTATE 23514/, /^null$/],
}

describe('a row that cannot be carried over', () => {
  it('is a dead letter, with all that is to be known of it, and costs no other row', async () => {
    await using both = await filled()
    await using folder = temporaryFolder()
    await folder.write('mine.ts', throwing)
    const file = await folder.write('drover.yaml', config)
    const result = await migrate({ from: both.from, to: both.to, config: file, workers: 2, batchRows: 100 })
    expect(result.error?.code).toBe('too-many-dead-letters')
    expect(exitCode(result)).toBe(4)
    const alone = named.filter((name) => name !== 'throws').map((name) => `${name}_alone`)
    const among = named.map((name) => `${name}_among`)
    const accounts = Object.fromEntries([
      ...alone.map((table) => [table, '1 = 0 + 0 + 0 + 1'] as const),
      ...among.map((table) => [table, '500 = 499 + 0 + 0 + 1'] as const),
    ])
    expect(fates(result.tables)).toEqual(accounts)
    expect(result.verification.equal).toBe(true)
    const good = goodRows(500).map(({ _id }) => String(_id))
    for (const table of among) {
      const ids = `select array_agg(_id order by _id)::text as ids from ${table} where _id >= 0`
      expect(await both.sql(ids), table).toEqual([{ ids: `{${good.join()}}` }])
    }
    for (const table of alone) {
      expect(await both.sql(`select 1 from ${table} where _id >= 0`), table).toEqual([])
    }
    const children = await both.sql(
      'select count(*)::int as rows, count(distinct child_among_id)::int as owners from child_among_items',
    )
    expect(children).toEqual([{ rows: 998, owners: 499 }])

    const letters = await openLetters(both)
    expect(letters.map(({ table }) => table).toSorted()).toEqual(Object.keys(accounts).toSorted())
    for (const letter of letters) {
      const [stage, column, reason, value] = expected[letter.table.split('_')[0] ?? ''] ?? []
      expect(letter, letter.table).toMatchObject({ stage, column, keyText: String(middle), format: 'bson' })
      expect(letter.reason, letter.table).toMatch(reason ?? /never/)
      expect(letter.code).toBe(stage === 'transform' ? 'transform-failed' : 'row-rejected')
      expect(String(letter.value), letter.table).toMatch(value ?? /never/)
      // The reason can be told to anybody; the value stands apart.
      expect(letter.reason).not.toContain('taken')
      const found = both.db.collection<Keyed>(letter.table).find({ _id: middle }, { raw: true })
      const [source]: readonly unknown[] = await found.toArray()
      expect(source instanceof Uint8Array && Buffer.from(letter.raw).equals(source), letter.table).toBe(true)
    }
    expect((await statusOf(both)).tables.every(({ openLetters }) => openLetters === 1)).toBe(true)
  })
})

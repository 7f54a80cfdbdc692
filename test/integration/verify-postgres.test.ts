import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { armFailpoints } from '../../src/core/failpoint.ts'
import type { Difference } from '../../src/core/result.ts'
import { freshPostgres } from '../support/databases.ts'
import { openLetters, retried } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'
import { verified } from '../support/verification.ts'

const levels = ['checksum', 'full'] as const

/** A column of each kind of type, tables of each kind, and keys of types that one form of COPY shows otherwise than another. */
const made = `
  create type mood as enum ('ok', 'sad');
  create type pair as (a integer, b text);
  create domain posint as integer check (value > 0);
  create table kinds (id integer primary key, small smallint, big bigint, ratio real, double double precision, price numeric,
    cost numeric(10,2), name text, short varchar(9), code char(5), raw bytea, uid uuid, at timestamptz, local timestamp,
    day date, clock time, span interval, doc jsonb, said json, mood mood, pos posint, pair pair, range int4range, ip inet,
    nums integer[], grid text[], names varchar(9)[], costs numeric(6,2)[], flag boolean, twice integer generated always as (id * 2) stored);
  insert into kinds select n, n, n * 4611686018427387, n / 7.0, n / 7.0, n * 1.10, n * 1.1, 'name ' || n, 'v' || n, 'c' || n,
    decode(lpad(to_hex(n), 4, '0'), 'hex'), md5(n::text)::uuid, timestamptz '2026-01-01' + n * interval '1.000001 s',
    timestamp '1999-12-31' + n * interval '1 h', date '2026-01-01' + n, time '00:00' + n * interval '1 s',
    n * interval '1 mon -1 d', jsonb_build_object('n', n * 1.10), ('{"b":1, "a":' || n || '}')::json, (enum_range(null::mood))[n % 2 + 1],
    n + 1, row(n, 'x"' || n)::pair, int4range(n, n + 3), inet '10.0.0.0' + n, array[n, null, 3],
    case when n % 2 = 0 then array[['a', 'b'], [n::text, null]] else '[0:1]={x,y}'::text[] end, array['v' || n], array[n, 1.5], n % 2 = 0
    from generate_series(0, 699) n;
  create table byenum (mood mood, at timestamp, note text, primary key (mood, at));
  insert into byenum select (enum_range(null::mood))[n % 2 + 1], timestamp '2026-01-01' + n * interval '1 us', 'n' || n
    from generate_series(0, 99) n;
  create table heap (a integer, said json, note text);
  insert into heap select n % 7, '{"n": 1}', 'x' || n % 9 from generate_series(0, 299) n;
  create table parted (id bigint, day date, note text, primary key (id, day)) partition by range (day);
  create table parted_1 partition of parted for values from ('2026-01-01') to ('2026-02-01');
  create table parted_2 partition of parted for values from ('2026-02-01') to ('2026-04-01');
  insert into parted select n, date '2026-01-01' + n % 60, 'p' || n from generate_series(0, 199) n;`

/** Rows that go from server to server in binary form, as text, and without a key. */
const refused = `
  create table keyed (mood mood, at timestamp, note text, primary key (mood, at));
  insert into keyed table byenum;
  create table lines (id text primary key, pair pair, acl aclitem);
  insert into lines select E'k\\t' || n, row(n, 'x')::pair, null::aclitem from generate_series(0, 49) n;
  create table bare (a integer, b text, c json);
  insert into bare select n % 5, 'x' || n % 9, '{}' from generate_series(0, 89) n;
  create table twins (a integer, b text);
  insert into twins values (1, 'x'), (1, 'x'), (1, 'x'), (2, 'y');`

/** The same tables, which do not hold all of them. */
const strict = `
  create table keyed (mood mood, at timestamp, note text check (note <> 'n3'), primary key (mood, at));
  create table lines (id text primary key, pair pair check ((pair).a <> 7), acl aclitem);
  create table bare (a integer, b text check (b <> 'x4'), c json);
  create table twins (a integer, b text, unique (a));`

let source: { readonly url: string } & AsyncDisposable
let target: { readonly url: string } & AsyncDisposable
let there: pg.Client
let here: pg.Client
let between: { readonly from: string; readonly to: string }

type Found = readonly [table: string, key: string, column: string | null, source: string, target: string]

function inOrder(differences: readonly Difference[]): readonly Found[] {
  const found = differences.map(({ table, key, column, source, target: there }): Found => {
    return [table, key ?? '', column, source, there]
  })
  return found.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1))
}

beforeAll(async () => {
  source = await freshPostgres()
  target = await freshPostgres()
  between = { from: source.url, to: target.url }
  here = new pg.Client({ connectionString: source.url })
  there = new pg.Client({ connectionString: target.url })
  await Promise.all([here.connect(), there.connect()])
})

afterAll(async () => {
  await Promise.all([here.end(), there.end()])
  await source[Symbol.asyncDispose]()
  await target[Symbol.asyncDispose]()
})

/** What the tamperings below make different. */
const tampered: readonly Found[] = [
  ['byenum', 'sad, 2026-01-01 00:00:00.000003', 'note', 'n3', 'other'],
  ['heap', '1, {"n": 1}, x1', null, 'found', 'missing'],
  ['heap', '1, {"n": 2}, x1', null, 'missing', 'extra'],
  ['kinds', '10', 'price', '11.00', '11'],
  ['kinds', '11', 'cost', '12.10', '12.11'],
  ['kinds', '12', 'small', '12', '13'],
  ['kinds', '13', 'small', '13', '12'],
  ['kinds', '15', 'grid', '[0:1]={x,y}', '[0:1]={x,z}'],
  ['kinds', '16', 'grid', '{{a,b},{16,NULL}}', '{{a,b},{16,z}}'],
  ['kinds', '17', 'span', '1 year 5 mons -17 days', '1 year 5 mons -17 days +00:00:00.000001'],
  ['kinds', '18', 'pair', '(18,"x""18")', '(0,"x""18")'],
  ['kinds', '5', 'name', 'name 5', 'other'],
  ['kinds', '7', null, 'found', 'missing'],
  ['kinds', '8', 'mood', 'ok', 'sad'],
  ['kinds', '9', 'local', '1999-12-31 09:00:00', '1999-12-31 09:00:00.000001'],
  ['kinds', '9999', null, 'missing', 'extra'],
  ['parted', '60, 2026-01-01', null, 'found', 'missing'],
  ['parted', '60, 2026-02-01', null, 'missing', 'extra'],
  ['parted', '61, 2026-01-02', null, 'found', 'missing'],
]

describe('tables of PostgreSQL', () => {
  it('are equal once they are copied, and differ where they are tampered with', async () => {
    await here.query(made)
    const { error, verification } = await migrate({ ...between, verify: 'checksum' })
    expect([error, verification.equal, verification.rows]).toEqual([null, true, 1300])
    const clean = await verified(between, 'full')
    expect([clean.equal, clean.rows]).toEqual([true, 1300])
    expect(clean.columns.filter(({ compared }) => compared !== 'exactly')).toMatchObject([
      { column: 'twice', compared: 'not', note: 'the target computes it' },
    ])
    await there.query(`
      update kinds set name = 'other' where id = 5;
      delete from kinds where id = 7;
      insert into kinds (id) values (9999);
      update kinds set mood = 'sad' where id = 8;
      update kinds set local = local + interval '1 us' where id = 9;
      update kinds set price = trim_scale(price) where id = 10;
      update kinds set cost = cost + 0.01 where id = 11;
      update kinds set small = case id when 12 then 13 else 12 end where id in (12, 13);
      update kinds set grid = '[0:1]={x,z}' where id = 15;
      update kinds set grid = '{{a,b},{16,z}}' where id = 16;
      update kinds set span = span + interval '1 us' where id = 17;
      update kinds set pair.a = 0 where id = 18;
      update byenum set note = 'other' where at = timestamp '2026-01-01' + interval '3 us';
      update heap set said = '{"n": 2}' where ctid = (select ctid from heap where a = 1 and note = 'x1' limit 1);
      delete from parted where id = 61;
      update parted set day = day + 31 where id = 60`)
    for (const level of levels) {
      const { differences, differing } = await verified(between, level)
      expect(inOrder(differences), level).toEqual(tampered)
      expect(differing, level).toBe(tampered.length)
    }
  })

  it('are equal without the rows that the target refuses, until these are replayed as they are', async () => {
    await here.query(refused)
    await there.query(strict)
    const options = { tables: ['keyed', 'lines', 'bare', 'twins'] }
    const { error } = await migrate({ ...between, ...options, maxDeadLetters: 14, verify: 'checksum' })
    expect(error).toBeNull()
    const letters = await openLetters(between)
    const told = letters.map(({ table, format, keyText, key }) => [table, format, keyText, key === null])
    expect(new Set(told.map((one) => JSON.stringify(one)))).toEqual(
      new Set([
        '["keyed","pgcopy","(\\"sad\\", \\"\\\\\\\\x0002ea470ae86003\\")",false]',
        '["bare","pgcopy","(no key)",true]',
        '["twins","pgcopy","(no key)",true]',
        '["lines","pgtext","\\"k\\\\t7\\"",false]',
      ]),
    )
    expect(await verified(between, 'full', options)).toMatchObject({ equal: true })
    await there.query(`
      alter table keyed drop constraint keyed_note_check; alter table lines drop constraint lines_pair_check;
      alter table bare drop constraint bare_b_check; alter table twins drop constraint twins_a_key;
      insert into bare values (4, 'x4', '{}'); insert into lines values (E'k\\t7', null, null)`)
    for (const level of levels) {
      const { differences } = await verified(between, level, options)
      expect(
        inOrder(differences).map(([table, key]) => [table, key]),
        level,
      ).toEqual([
        ['bare', '4, x4, {}'],
        ['lines', 'k\t7'],
      ])
    }
    await there.query(`delete from bare where b = 'x4'; delete from lines where pair is null`)
    await expect(retried(between, { coerce: 'strip-nul' })).rejects.toMatchObject({ code: 'conflicting-options' })
    expect(await retried(between)).toMatchObject({ resolved: 14, left: 0 })
    for (const level of levels) {
      expect(await verified(between, level, options), level).toMatchObject({ equal: true, differing: 0 })
    }
  })

  it('are equal where others write to the target meanwhile, and no row of the source is missing', async () => {
    await here.query(
      'create table shared (id integer primary key, note text); insert into shared values (1, null), (2, null)',
    )
    await there.query('create table shared (id integer primary key, note text); insert into shared values (9, null)')
    const { verification } = await migrate({ ...between, tables: ['shared'], mode: 'append' })
    expect(verification).toMatchObject({ equal: true, notes: ['shared: 2 in the source, 2 in public.shared'] })
    await there.query('insert into shared values (7, null), (8, null)')
    const more = await verified(between, 'full', { tables: ['shared'] })
    expect(more).toMatchObject({ equal: true, rows: 2 })
    expect(more.notes[0]).toBe('shared: 2 in the source, 2 in public.shared, and 2 that others have added since')
    await there.query('delete from shared where id > 6')
    expect(await verified(between, 'count', { tables: ['shared'] })).toMatchObject({ equal: false })
  })

  it('are counted in the state that was read, and a resume reads the rest from a newer one', async () => {
    await here.query(
      'create table moving as select n as id, n as v from generate_series(1, 40) n; alter table moving add primary key (id)',
    )
    const options = { ...between, tables: ['moving'], batchRows: 10, workers: 1, maxRetries: 0 }
    let claims = 0
    armFailpoints(async (name) => {
      if (name !== 'chunk.claimed' || ++claims !== 3) return
      // Behind the rows that are read, and before them: the state that is read has neither.
      await here.query('insert into moving values (0, 0), (41, 41)')
      throw new TypeError('stopped by the test')
    })
    const stopped = await migrate(options).finally(() => armFailpoints(() => Promise.resolve()))
    expect(stopped).toMatchObject({ state: 'stopped' })
    const { error, verification } = await migrate({ ...options, resume: true })
    expect([error, verification.equal]).toEqual([null, true])
    expect(verification.notes[0]).toMatch(
      /^moving: the source changed during the copy \(42 after\); 4[01] read, 4[01] in /,
    )
    await there.query('drop table moving')
    armFailpoints(async (name) => {
      if (name === 'chunk.claimed' && ++claims === 5) await here.query('delete from moving where id > 20')
    })
    const whole = await migrate({ ...options, mode: 'recreate' }).finally(() => armFailpoints(() => Promise.resolve()))
    expect(whole.verification).toMatchObject({ equal: true, notes: ['moving: 42 in the source, 42 in public.moving'] })
  })

  it('are compared with tables that others have filled, in the types that these have', async () => {
    const rows = (types: string): string => `create table theirs (${types});
      insert into theirs select n, n * 1.5, 'c' || n, (enum_range(null::mood))[n % 2 + 1], array[n, null, 1], '{"a":1}'
      from generate_series(1, 50) n`
    await here.query(rows('id integer primary key, cost numeric, code text, mood mood, grid integer[], doc json'))
    await there.query(
      rows('id bigint primary key, cost numeric(8,3), code char(6), mood mood, grid integer[], doc json'),
    )
    const options = { tables: ['theirs'] }
    for (const level of levels) {
      const { equal, columns, rows: compared } = await verified(between, level, options)
      expect([equal, compared, columns.filter((column) => column.compared !== 'exactly')], level).toEqual([
        true,
        50,
        [],
      ])
    }
    await there.query(`update theirs set mood = 'sad' where id = 2; update theirs set cost = cost + 0.001 where id = 4`)
    for (const level of levels) {
      expect(inOrder((await verified(between, level, options)).differences), level).toEqual([
        ['theirs', '2', 'mood', 'ok', 'sad'],
        ['theirs', '4', 'cost', '6.0', '6.001'],
      ])
    }
  })
})

import pg from 'pg'
import { expect, it } from 'vitest'
import { startDrover, type Running } from '../../support/chaos/run.ts'
import { seeded } from '../../support/chaos/campaign.ts'
import { freshPostgres } from '../../support/databases.ts'

const rows = 6000

/** Keys of one column and of several, text that has no binary form, and a table that refers to another. */
const setUp = `
  create type mood as enum ('sad', 'ok');
  create table keyed (id bigint generated always as identity primary key, m mood, ms mood[], t text);
  insert into keyed (m, ms, t) select 'ok', '{sad}', 't' || i from generate_series(1, ${rows}) i;
  create table pairs (a integer, b text, k bigint not null references keyed, primary key (a, b));
  insert into pairs select i % 30, 'b' || i, i from generate_series(1, ${rows}) i`

/** Resolves once so many rows are committed, or when the run is over. */
async function committed(client: pg.Client, running: Running, wanted: number): Promise<void> {
  while (!running.hasEnded()) {
    const found = await client.query<{ ledger: string | null }>(`select to_regclass('drover.entry') as ledger`)
    if (typeof found.rows[0]?.ledger === 'string') {
      const { rows: sums } = await client.query<{ read: string }>(
        'select coalesce(sum(read), 0) as read from drover.entry',
      )
      if (Number(sums[0]?.read) >= wanted) return
    }
  }
}

it('F03 killed again and again: each row comes once', async () => {
  await using source = await freshPostgres()
  await using target = await freshPostgres()
  const here = new pg.Client({ connectionString: source.url })
  const there = new pg.Client({ connectionString: target.url })
  await Promise.all([here.connect(), there.connect()])
  try {
    await here.query(setUp)
    await seeded(async (dice) => {
      const options = { from: source.url, to: target.url }
      const args = [
        '--isolation',
        'processes',
        '--feed',
        'partitioned',
        '--batch-rows',
        '200',
        '--workers',
        '2',
        '--verify',
        'checksum',
      ]
      for (const share of [dice.between(1, 40), dice.between(45, 90)]) {
        const running = startDrover([share < 45 ? 'migrate' : 'resume', ...args], options)
        await committed(there, running, (2 * rows * share) / 100)
        running.kill('group')
        await running.ended
      }
      const last = await startDrover(['resume', ...args], options).ended
      expect(last).toMatchObject({ code: 0, result: { totals: { read: 2 * rows, written: 2 * rows } } })
    })
    for (const table of ['keyed', 'pairs']) {
      const hash = `select md5(string_agg(t::text, ',' order by t)) as hash, count(*) as rows from ${table} t`
      expect((await there.query(hash)).rows).toEqual((await here.query(hash)).rows)
    }
    expect((await there.query(`insert into keyed (t) values ('new') returning id`)).rows).toEqual([
      { id: String(rows + 1) },
    ])
  } finally {
    await Promise.all([here.end(), there.end()])
  }
})

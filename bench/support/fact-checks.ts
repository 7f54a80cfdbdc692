import pg from 'pg'

/** What is asked of both ends when the copy is done. Every one of them has to hold. */
export interface FactChecks {
  readonly rowsInSource: number
  /** In the target, without those of the second writer. */
  readonly rowsCopied: number
  /** Sums over every value of every row, which are the same on both sides only where the rows are. */
  readonly sameValues: boolean
  readonly rowsOfWriter: number
  /** Of them, those that are in the target with their keys. */
  readonly rowsOfWriterKept: number
  /** Foreign keys of the table, all of them validated, and rows that refer to nothing. */
  readonly foreignKeys: number
  readonly orphans: number
  /** The id that the next new fuel gets, and the highest there is. */
  readonly nextFuel: number
  readonly highestFuel: number
}

const sums = `
  select count(*)::integer as rows, coalesce(sum(hashtextextended(f::text, 0)::numeric), 0)::text as hash
  from data_fact f
  where not exists (select from written_by_others w where w.uuid = f.uuid)`

export async function checkFact(
  sourceUrl: string,
  targetUrl: string,
  writtenByOthers: readonly string[],
): Promise<FactChecks> {
  const source = await ask(sourceUrl, [])
  const target = await ask(targetUrl, writtenByOthers)
  return {
    rowsInSource: source.rows,
    rowsCopied: target.rows,
    sameValues: source.hash === target.hash,
    rowsOfWriter: writtenByOthers.length,
    rowsOfWriterKept: target.kept,
    foreignKeys: target.foreignKeys,
    orphans: target.orphans,
    nextFuel: target.nextFuel,
    highestFuel: target.highestFuel,
  }
}

/** The sentences of what does not hold; none: all is well. */
export function failuresOf(checks: FactChecks): readonly string[] {
  const { rowsInSource, rowsCopied, rowsOfWriter, rowsOfWriterKept, nextFuel, highestFuel } = checks
  return [
    ...(rowsCopied === rowsInSource ? [] : [`${rowsCopied} rows were copied of ${rowsInSource}`]),
    ...(checks.sameValues ? [] : ['values differ']),
    ...(rowsOfWriterKept === rowsOfWriter
      ? []
      : [`${rowsOfWriterKept} rows of the writer are left of ${rowsOfWriter}`]),
    ...(checks.foreignKeys === 5 ? [] : [`${checks.foreignKeys} foreign keys are valid, of 5`]),
    ...(checks.orphans === 0 ? [] : [`${checks.orphans} rows refer to nothing`]),
    ...(nextFuel > highestFuel ? [] : [`the next fuel would be ${nextFuel}, and ${highestFuel} is there`]),
  ]
}

type Answers = { [name in 'rows' | 'kept' | 'foreignKeys' | 'orphans' | 'nextFuel' | 'highestFuel']: number } & {
  hash: string
}

async function ask(url: string, uuids: readonly string[]): Promise<Answers> {
  const client = new pg.Client({ connectionString: url, options: '-c TimeZone=UTC' })
  await client.connect()
  const one = async (sql: string, values: readonly unknown[] = []): Promise<Partial<Answers>> =>
    (await client.query<Partial<Answers>>(sql, [...values])).rows[0] ?? {}
  try {
    await client.query('begin')
    await client.query('create temp table written_by_others (uuid uuid primary key)')
    await client.query('insert into written_by_others select unnest($1::uuid[])', [uuids])
    await client.query('analyze written_by_others')
    const found = [
      await one(sums),
      await one('select count(*)::integer as kept from written_by_others join data_fact using (uuid)'),
      await one(`select count(*)::integer as "foreignKeys" from pg_constraint
        where conrelid = 'data_fact'::regclass and contype = 'f' and convalidated`),
      await one(`select count(*)::integer as orphans from data_fact f where not (
        exists (select from fuel where id = f.fuel_id) and exists (select from region where id = f.region_id)
        and exists (select from power where id = f.power_id) and exists (select from date where id = f.date_id)
        and exists (select from "time" where id = f.time_id))`),
      await one('select max(id) as "highestFuel" from fuel'),
      await one(`insert into fuel (name) values ('one more') returning id as "nextFuel"`),
    ]
    const answers = { rows: -1, kept: -1, foreignKeys: -1, orphans: -1, nextFuel: -1, highestFuel: -1, hash: '' }
    return Object.assign(answers, ...found) as Answers
  } finally {
    // Nothing of this stays, but for the number that the next fuel does not get.
    await client.query('rollback')
    await client.end()
  }
}

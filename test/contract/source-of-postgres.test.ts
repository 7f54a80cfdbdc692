import { afterAll } from 'vitest'
import { postgresSource, type PostgresSourceUnderTest } from '../integration/postgres-source/source-under-test.ts'
import { describeSource, type SourceUnderTest } from './source.ts'

// A database takes longer to make than all that is read from it.
let database: Promise<PostgresSourceUnderTest> | null = null
let made = 0
afterAll(async () => (await database)?.[Symbol.asyncDispose]())

async function underTest(rows: number, columns: string): Promise<SourceUnderTest> {
  database ??= postgresSource('')
  const { sql, open } = await database
  const table = `users_${made++}`
  await sql(`create table ${table} (${columns})`)
  await sql(`insert into ${table} select n, 'user ' || n, n % 2 = 0 from generate_series(1, ${rows}) as n`)
  const source = await open()
  return { source, table, [Symbol.asyncDispose]: () => source[Symbol.asyncDispose]() }
}

describeSource('postgres: by key', (rows) => underTest(rows, 'id bigint primary key, name text, even boolean'))
describeSource('postgres: by place', (rows) => underTest(rows, 'id bigint, name text, even boolean'))

import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { reach } from '../../core/failpoint.ts'
import type { IndexPlan } from '../../core/index-plan.ts'
import { qualified } from '../../core/plan.ts'
import { codeOf, withoutValues } from './errors.ts'
import { quoteName, quoteTable } from './identifiers.ts'
import { createIndexSql, partSql, whereSql } from './index-ddl.ts'
import type { Session } from './session.ts'
import { listDuplicates } from './violations.ts'

/** Least memory and workers for building an index; a server that is set to more keeps it. */
const indexMemory = '256MB'
const indexWorkers = 2

const raiseSettings = `
  select set_config('maintenance_work_mem', $1, true)
  where pg_size_bytes(current_setting('maintenance_work_mem')) < pg_size_bytes($1)
  union all
  select set_config('max_parallel_maintenance_workers', $2, true)
  where current_setting('max_parallel_maintenance_workers')::integer < $2::text::integer`

/** Version 15 as `server_version_num`: the first with NULLS NOT DISTINCT. */
const nullsNotDistinctSince = 150_000

/** Duplicates, a value too long, and a condition on a column that drift has made another type. */
const refusals: ReadonlySet<string> = new Set(['23505', '54000', '42804', '42883'])

/** A table for a moment, to see how the server writes down an index that would be built. */
const probe = { schema: 'pg_temp', name: 'drover_index_probe' } as const

/** All that makes an index but its name and table. Not read from its text, in which names may look like keywords. */
const findIndex = `
  select i.indrelid = $2::regclass and i.indisvalid as usable,
    jsonb_build_array(
      am.amname, i.indisunique, to_jsonb(i) -> 'indnullsnotdistinct',
      array(select pg_get_indexdef(i.indexrelid, place, false) from generate_series(1, i.indnatts::integer) place),
      i.indoption::text, i.indclass::text, i.indcollation::text, pg_get_expr(i.indpred, i.indrelid)
    )::text as definition
  from pg_class c
  left join pg_am am on am.oid = c.relam
  left join pg_index i on i.indexrelid = c.oid
  where c.oid = to_regclass($1)`

const hasIndex = `
  select exists (
    select from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = $1::regclass and c.relname = $2 and i.indisvalid
  ) as there`

const hasConstraint = `
  select exists (select from pg_constraint where conrelid = $1::regclass and conname = $2) as there`

interface FoundIndex {
  readonly usable: boolean | null
  readonly definition: string
}

/** Builds an index unless it is there: see the contract of a target. Throws `target-incompatible` for another one. */
export async function buildIndex(session: Session, index: IndexPlan): Promise<void> {
  if (index.text !== undefined) return buildFromText(session, index)
  const { rows } = await session.query<{ can: boolean }>(
    `select current_setting('server_version_num')::integer >= ${nullsNotDistinctSince} as can`,
  )
  const can = { nullsNotDistinct: rows[0]?.can === true }
  const found = await findNamed(session, index)
  if (found !== null) {
    if (found.usable === true && found.definition === (await definitionOf(session, index, can))) return
    throw new DroverError(
      'target-incompatible',
      `${qualified({ schema: index.target.schema, name: index.name })} exists and is not the index that was planned`,
      { hint: `drop or rename it; the planned one is: ${createIndexSql(index, can)}` },
    )
  }
  try {
    await runBuild(session, createIndexSql(index, can))
  } catch (error) {
    throw await explain(session, error, index, can.nullsNotDistinct)
  }
}

/** The server does not say of two texts whether they mean the same: what has the name and is of the table is it. */
async function buildFromText(session: Session, index: IndexPlan): Promise<void> {
  const { target, name } = index
  const query = index.text?.kind === 'constraint' ? hasConstraint : hasIndex
  const { rows } = await session.query<{ there: boolean }>(query, [quoteTable(target), name])
  if (rows[0]?.there === true) return
  try {
    await runBuild(session, createIndexSql(index))
  } catch (error) {
    throw await explainText(session, error, index)
  }
}

/** Runs a statement that builds an index, with the memory and the workers for it. */
export async function runBuild(session: Session, statement: string): Promise<void> {
  await session.run('begin')
  await session.query(raiseSettings, [indexMemory, String(indexWorkers)])
  await reach('index.mid_build')
  await session.run(statement)
  await session.run('commit')
}

/** Whatever has the name of the index: tables and indexes share theirs. */
async function findNamed(session: Session, { name, target }: IndexPlan): Promise<FoundIndex | null> {
  const { rows } = await session.query<FoundIndex>(findIndex, [
    quoteTable({ schema: target.schema, name }),
    quoteTable(target),
  ])
  return rows[0] ?? null
}

async function definitionOf(
  session: Session,
  index: IndexPlan,
  can: { readonly nullsNotDistinct: boolean },
): Promise<string | null> {
  await session.run('begin')
  await session.run(`create temporary table ${quoteName(probe.name)} (like ${quoteTable(index.target)})`)
  await session.run(createIndexSql({ ...index, target: probe }, can))
  const found = await findNamed(session, { ...index, target: probe })
  await session.run('rollback')
  return found?.definition ?? null
}

async function explain(session: Session, error: unknown, index: IndexPlan, nullsAlike: boolean): Promise<unknown> {
  const code = codeOf(error)
  if (!(error instanceof pg.DatabaseError) || code === null || !refusals.has(code)) return error
  await session.run('rollback')
  const subject = `${index.unique ? 'unique index' : 'index'} ${JSON.stringify(index.name)} of ${qualified(index.target)} cannot be built`
  if (code === '54000') {
    return new DroverError('key-violation', `${subject}, a value is too long for it: ${error.message}`, {
      hint: 'the rows are kept; index a hash of the column instead, or leave the index out',
      cause: withoutValues(error),
    })
  }
  if (code !== '23505') {
    return new DroverError('key-violation', `${subject}, a column has been widened since: ${error.message}`, {
      hint: `the rows are kept; the planned one is: ${createIndexSql(index, { nullsNotDistinct: nullsAlike })}`,
      cause: withoutValues(error),
    })
  }
  const duplicates = await listDuplicates(session, {
    target: index.target,
    expressions: index.parts.map(partSql),
    where: whereSql(index),
    nullsDistinct: !(index.nullsNotDistinct && nullsAlike),
  })
  return new DroverError('key-violation', `${subject}, values are there more than once: ${duplicates}`, {
    hint: 'the rows are kept; correct them and build the index',
    cause: withoutValues(error),
  })
}

/** Classes of errors by which rows, or what is missing in the target, keep an index from being built. */
const textRefusals: ReadonlySet<string> = new Set(['0A', '22', '23', '42', '54', 'P0'])

async function explainText(session: Session, error: unknown, { name, target, text }: IndexPlan): Promise<unknown> {
  const code = codeOf(error)
  if (!(error instanceof pg.DatabaseError) || code === null || code === '42501') return error
  if (!textRefusals.has(code.slice(0, 2))) return error
  await session.run('rollback')
  const kind = text?.kind === 'constraint' ? 'constraint' : 'index'
  const subject = `${kind} ${JSON.stringify(name)} of ${qualified(target)} cannot be built: ${error.message}`
  const isName = code === '42P07' || code === '42710'
  const detail = error.detail === undefined || error.detail === '' ? '' : ` (${error.detail})`
  return new DroverError(isName ? 'target-incompatible' : 'key-violation', subject + detail, {
    hint: isName ? 'drop or rename what has the name' : 'the rows are kept; correct what is said, and then build it',
    cause: withoutValues(error),
  })
}

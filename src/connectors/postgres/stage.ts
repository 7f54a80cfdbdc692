import { DroverError } from '../../core/errors.ts'
import type { TablePlan } from '../../core/plan.ts'
import { qualified, targetColumns } from '../../core/plan.ts'
import type { Destination } from './copy-rows.ts'
import { readEquality } from './equality.ts'
import { quoteColumn, quoteName, quoteTable } from './identifiers.ts'
import type { Session } from './session.ts'

/** A temporary table that takes a batch before it is merged. Empty again after each transaction. */
export interface Stage extends Destination {
  /** Column that numbers the rows as they arrive, without gaps but not from 1; unquoted. COPY does not name it. */
  readonly arrival: string
  /** Columns that the target numbers (GENERATED ALWAYS AS IDENTITY): they can be inserted, and not updated. Unquoted. */
  readonly fixed: readonly string[]
  /** By column of the table, what its keys are equal by: see `readEquality`. */
  readonly equality: ReadonlyMap<string, string>
}

/** A unique index that ON CONFLICT can use, of exactly these columns in any order. */
const hasUniqueIndex = `
  select exists (
    select from pg_index i
    cross join lateral (
      select array_agg(a.attname::text) as names
      from unnest(i.indkey::int2[]) with ordinality as part (number, place)
      join pg_attribute a on a.attrelid = i.indrelid and a.attnum = part.number
      where part.place <= i.indnkeyatts
    ) as indexed
    where i.indrelid = $1::regclass and i.indisunique and i.indisvalid and i.indimmediate
      and i.indpred is null and i.indexprs is null
      and indexed.names @> $2::text[] and indexed.names <@ $2::text[]
  ) as there`

const findFixed = `
  select a.attname as name from pg_attribute a
  where a.attrelid = $1::regclass and a.attidentity = 'a' and a.attname = any ($2::text[])`

/** The stages of a session as they are at one moment. */
export type StagesMark = ReadonlyMap<string, Stage & { readonly schemaVersion: number }>

/** The stages of one session, one for each table, made when a batch of it is first merged. */
export class Stages {
  readonly #session: Session
  #stages: StagesMark = new Map()
  /** Those that a rollback leaves. */
  #kept: StagesMark = this.#stages
  /** Names of those that have taken rows since the transaction began. */
  #filled = new Set<string>()
  #made = 0

  constructor(session: Session) {
    this.#session = session
  }

  /** To be handed back to {@link returnTo} where the session rolls back to a savepoint that is set now. */
  mark(): StagesMark {
    return this.#stages
  }

  returnTo(mark: StagesMark): void {
    this.#stages = mark
  }

  /** The transaction is committed. */
  keep(): void {
    this.#kept = this.#stages
    this.#filled = new Set()
  }

  /** The transaction is rolled back. */
  forget(): void {
    this.#stages = this.#kept
    this.#filled = new Set()
  }

  /**
   * The stage of a table, empty, within the transaction that has claimed a batch, so that the table is as the plan says.
   * Throws `target-incompatible` where nothing makes the key unique.
   */
  async open(plan: TablePlan): Promise<Stage> {
    const stage = await this.#present(plan)
    if (this.#filled.has(stage.name)) await this.#session.run(`truncate ${stage.quoted}`)
    this.#filled.add(stage.name)
    return stage
  }

  async #present(plan: TablePlan): Promise<Stage> {
    const known = this.#stages.get(plan.source)
    if (known?.schemaVersion === plan.schemaVersion) return known
    await this.#checkKey(plan)
    if (known !== undefined) await this.#session.run(`drop table ${known.quoted}`)
    const stage = await this.#create(plan)
    this.#stages = new Map([...this.#stages, [plan.source, { ...stage, schemaVersion: plan.schemaVersion }]])
    return stage
  }

  /** Its columns have the target's own types, so that COPY takes what it would take there, and no constraints. */
  async #create(plan: TablePlan): Promise<Stage> {
    this.#made++
    const name = `drover_stage_${this.#made}`
    const quoted = `pg_temp.${quoteName(name)}`
    const columns = targetColumns(plan).map((column) => column.name)
    const fixed = await this.#findFixed(plan, columns)
    let arrival = 'arrival'
    while (columns.includes(arrival)) arrival += '_'
    await this.#session.run(`
      create temporary table ${quoteName(name)} on commit delete rows as
        select ${columns.map(quoteColumn).join(', ')} from ${quoteTable(plan.target)} with no data;
      alter table ${quoted} add column ${quoteName(arrival)} bigint generated always as identity`)
    return { name, quoted, columns, arrival, fixed, equality: await readEquality(this.#session, plan.target) }
  }

  /** Throws `target-incompatible` where one would have to be updated. */
  async #findFixed({ target, key, onConflict }: TablePlan, columns: readonly string[]): Promise<readonly string[]> {
    const { rows } = await this.#session.query<{ name: string }>(findFixed, [quoteTable(target), columns])
    const fixed = rows.map(({ name }) => name)
    const updated = onConflict === 'update' ? fixed.filter((name) => !key.includes(name)) : []
    if (updated.length === 0) return fixed
    const names = updated.map((name) => JSON.stringify(name)).join(', ')
    const message = `${names} of ${qualified(target)} is GENERATED ALWAYS AS IDENTITY, so that rows cannot be updated with it`
    throw new DroverError('target-incompatible', message, {
      hint: 'make it GENERATED BY DEFAULT, leave the column out, or use --on-conflict skip',
    })
  }

  async #checkKey({ target, key }: TablePlan): Promise<void> {
    const { rows } = await this.#session.query<{ there: boolean }>(hasUniqueIndex, [quoteTable(target), key])
    if (key.length > 0 && rows[0]?.there === true) return
    const columns = key.length === 0 ? 'no key' : `no unique index on (${key.join(', ')})`
    throw new DroverError(
      'target-incompatible',
      `${qualified(target)} has ${columns}, by which rows could be matched`,
      {
        hint: 'add a primary key or a unique index on these columns, or copy with --on-conflict error',
      },
    )
  }
}

import type { Bounds, Partition } from '../../core/batch.ts'
import type { Counts } from '../../core/counts.ts'
import { DroverError, type ErrorShape } from '../../core/errors.ts'
import type { TablePlan, TargetName } from '../../core/plan.ts'
import { partsOf, qualified } from '../../core/plan.ts'
import type { TableChange } from '../../core/table-change.ts'
import type { Entry, Ledger, Lease, Mark, MigrationId, MigrationRecord, MigrationState } from '../contract.ts'
import { prepareTables, supersede } from './begin.ts'
import type { Session } from './session.ts'
import {
  boundParameter,
  boundsOf,
  countColumns,
  countsOf,
  entryOf,
  exactNumber,
  type BoundsRow,
  type CountsRow,
  type EntryRow,
} from './entries.ts'
import { toDroverError } from './errors.ts'
import { alter, fence, holdVersion, patiently, type Evolution } from './evolve.ts'
import { holdEpoch, takeLease } from './lease.ts'
import { ensureLedger, readLedgerVersion, type LedgerTables } from './ledger-schema.ts'
import { readMark, saveMarks } from './marks.ts'
import type { Sessions } from './sessions.ts'

/**
 * The ledger in tables of its own schema, beside the rows it accounts for. Every change of what may be claimed locks
 * the partition's row, which a claim shares until its transaction ends: see `claim` in writer.ts.
 */
export class PostgresLedger implements Ledger {
  readonly #sessions: Sessions
  readonly #tables: LedgerTables
  readonly #never: AbortSignal = new AbortController().signal

  /** `sessions` stay the caller's. */
  constructor(sessions: Sessions, tables: LedgerTables) {
    this.#sessions = sessions
    this.#tables = tables
  }

  async lease(migration: MigrationId, tables: readonly TargetName[], signal: AbortSignal): Promise<Lease> {
    const session = await this.#sessions.open(signal)
    const abort = (): void => session.destroy()
    signal.addEventListener('abort', abort)
    try {
      return await takeLease(session, this.#tables, migration, tables)
    } catch (error) {
      session.destroy()
      signal.throwIfAborted()
      throw toDroverError(error, `take the lease of migration ${migration}`)
    } finally {
      signal.removeEventListener('abort', abort)
    }
  }

  unfinished(
    tables: readonly TargetName[],
  ): Promise<readonly { id: MigrationId; target: TargetName; state: string }[]> {
    return this.#sessions.use('look for unfinished migrations', this.#never, async (session) => {
      const version = await readLedgerVersion(session, this.#tables)
      if (version === null) return []
      // Before version 2 there were no child tables.
      const parts = version < 2 ? this.#tables.table : this.#tables.part
      const { rows } = await session.query<{ id: MigrationId; schema: string; name: string; state: string }>(
        `select m.id, wanted.schema, wanted.name, m.state
         from ${this.#tables.migration} m join ${parts} p on p.migration = m.id
         join unnest($1::text[], $2::text[]) with ordinality as wanted (schema, name, place)
           on p.target_schema = wanted.schema and p.target_name = wanted.name
         where m.state not in ('done', 'superseded')
         order by m.began_at, m.id, p.source, wanted.place`,
        [tables.map(({ schema }) => schema), tables.map(({ name }) => name)],
      )
      return rows.map(({ id, schema, name, state }) => ({ id, target: { schema, name }, state }))
    })
  }

  childTables(table: TargetName): Promise<readonly TargetName[]> {
    return this.#sessions.use('look for child tables', this.#never, async (session) => {
      const version = await readLedgerVersion(session, this.#tables)
      if (version === null || version < 2) return []
      const { rows } = await session.query<{ schema: string; name: string }>(
        `select distinct child.target_schema as schema, child.target_name as name
         from ${this.#tables.part} own
         join ${this.#tables.part} child
           on child.migration = own.migration and child.source = own.source and child.number > 0
         where own.number = 0 and own.target_schema = $1 and own.target_name = $2
         order by 1, 2`,
        [table.schema, table.name],
      )
      return rows
    })
  }

  begin(record: MigrationRecord, lease: Lease, signal: AbortSignal): Promise<readonly Partition[]> {
    return this.#sessions.transact(`begin migration ${record.id}`, signal, async (session) => {
      await ensureLedger(session, this.#tables)
      await supersede(session, this.#tables, record.tables)
      await prepareTables(session, record.tables)
      await this.#insertMigration(session, record, lease)
      const partitions: Partition[] = []
      for (const { plan, partitions: bounds } of record.tables) {
        const first = partitions.length + 1
        partitions.push(...bounds.map((bound, i) => ({ ...bound, id: first + i, table: plan.source })))
      }
      await this.#insertPartitions(session, record.id, partitions, lease.epoch, null)
      // Invariant 3: at the last moment before the commit.
      lease.lost.throwIfAborted()
      return partitions
    })
  }

  entries(migration: MigrationId, partition: number): Promise<readonly Entry[]> {
    return this.#sessions.use('read the ledger', this.#never, (session) =>
      this.#readEntries(session, migration, partition),
    )
  }

  replan(
    migration: MigrationId,
    partition: Partition,
    lease: Lease,
    gapsOf: (partition: Bounds, entries: readonly Entry[]) => readonly Bounds[],
  ): Promise<readonly Partition[]> {
    const { partition: partitions } = this.#tables
    return this.#sessions.transact(`plan partition ${partition.id} again`, this.#never, async (session) => {
      // One at a time within a migration, because each takes the next free ids.
      await holdEpoch(session, this.#tables, migration, lease)
      const { rows } = await session.query<BoundsRow & { source: string; open: boolean }>(
        `select source, after, up_to, open from ${partitions} where migration = $1 and id = $2 for update`,
        [migration, partition.id],
      )
      const [row] = rows
      if (row === undefined)
        throw new DroverError('unexpected', `migration ${migration} has no partition ${partition.id}`)
      // Closed by an earlier call whose answer was lost: the same answer again.
      if (!row.open) return this.#replacements(session, migration, partition.id)
      const gaps = gapsOf(boundsOf(row), await this.#readEntries(session, migration, partition.id))
      await session.query(`update ${partitions} set open = false where migration = $1 and id = $2`, [
        migration,
        partition.id,
      ])
      await holdVersion(session, this.#tables, migration, row.source)
      const highest = await session.query<{ id: number }>(
        `select max(id) as id from ${partitions} where migration = $1`,
        [migration],
      )
      const first = (highest.rows[0]?.id ?? 0) + 1
      const opened = gaps.map(({ after, upTo }, i) => ({ after, upTo, id: first + i, table: row.source }))
      await this.#insertPartitions(session, migration, opened, lease.epoch, partition.id)
      lease.lost.throwIfAborted()
      return opened
    })
  }

  totals(migration: MigrationId): Promise<ReadonlyMap<string, Counts & { readonly bytes: number }>> {
    return this.#sessions.use('add up the ledger', this.#never, async (session) => {
      const sums = countColumns.split(', ').map((column) => `coalesce(sum(e.${column}), 0)::text as ${column}`)
      const { rows } = await session.query<CountsRow & { source: string }>(
        `select t.source, ${sums.join(', ')}
         from ${this.#tables.table} t
         left join ${this.#tables.partition} p on p.migration = t.migration and p.source = t.source
         left join ${this.#tables.entry} e on e.migration = p.migration and e.partition = p.id
         where t.migration = $1
         group by t.source`,
        [migration],
      )
      return new Map(rows.map((row) => [row.source, { ...countsOf(row), bytes: exactNumber(row.bytes) }]))
    })
  }

  setState(
    migration: MigrationId,
    lease: Lease,
    state: MigrationState,
    error: ErrorShape | null,
    marks: readonly Mark[] = [],
  ): Promise<void> {
    return this.#sessions.transact(`set the state of migration ${migration}`, this.#never, async (session) => {
      await holdEpoch(session, this.#tables, migration, lease)
      await session.query(
        `update ${this.#tables.migration} set state = $2, error = $3, changed_at = now() where id = $1`,
        [migration, state, error === null ? null : JSON.stringify(error)],
      )
      await saveMarks(session, this.#tables, migration, marks)
    })
  }

  mark(source: string, table: string, target: TargetName, field: string): Promise<Mark | null> {
    return this.#sessions.use('read the mark', this.#never, (session) =>
      readMark(session, this.#tables, { source, table, target, field }),
    )
  }

  async evolve(
    migration: MigrationId,
    lease: Lease,
    plan: TablePlan,
    changes: readonly TableChange[],
    signal: AbortSignal,
  ): Promise<void> {
    const evolution: Evolution = { tables: this.#tables, migration, lease, plan, changes }
    // Two transactions: a fence that waited with its changes would be lifted when they are refused.
    for (const step of [fence, alter]) {
      await patiently(() =>
        this.#sessions.transact(
          `change table ${qualified(plan.target)}`,
          AbortSignal.any([signal, lease.lost]),
          (session) => step(session, evolution),
        ),
      )
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Every session was given back or ended where it was used.
  }

  async #insertMigration(session: Session, record: MigrationRecord, lease: Lease): Promise<void> {
    const { migration, table, part } = this.#tables
    await session.query(
      `insert into ${migration} (id, source, target, options, state, epoch) values ($1, $2, $3, $4, 'copying', $5)`,
      [record.id, record.source, record.target, JSON.stringify(record.options), lease.epoch],
    )
    for (const { plan, selection, mode, exists, baseline } of record.tables) {
      await session.query(
        `insert into ${table} (migration, source, target_schema, target_name, mode, existed, baseline, plan, selection)
         values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
        [
          record.id,
          plan.source,
          plan.target.schema,
          plan.target.name,
          mode,
          exists,
          baseline,
          JSON.stringify(plan),
          JSON.stringify(selection),
        ],
      )
      const targets = partsOf(plan).map(({ target }) => target)
      await session.query(
        `insert into ${part} (migration, source, number, target_schema, target_name)
         select $1, $2, place - 1, schema, name
         from unnest($3::text[], $4::text[]) with ordinality as target (schema, name, place)`,
        [record.id, plan.source, targets.map(({ schema }) => schema), targets.map(({ name }) => name)],
      )
    }
  }

  async #insertPartitions(
    session: Session,
    migration: MigrationId,
    partitions: readonly Partition[],
    epoch: number,
    replaces: number | null,
  ): Promise<void> {
    await session.query(
      `insert into ${this.#tables.partition} (migration, id, source, after, up_to, epoch, schema_version, replaces)
       select $1, p.id, p.source, p.after, p.up_to, $2, (t.plan ->> 'schemaVersion')::integer, $3
       from unnest($4::integer[], $5::text[], $6::bytea[], $7::bytea[]) as p (id, source, after, up_to)
       join ${this.#tables.table} t on t.migration = $1 and t.source = p.source`,
      [
        migration,
        epoch,
        replaces,
        partitions.map(({ id }) => id),
        partitions.map(({ table }) => table),
        partitions.map(({ after }) => boundParameter(after)),
        partitions.map(({ upTo }) => boundParameter(upTo)),
      ],
    )
  }

  async #replacements(session: Session, migration: MigrationId, id: number): Promise<readonly Partition[]> {
    const { rows } = await session.query<BoundsRow & { id: number; source: string }>(
      `select id, source, after, up_to from ${this.#tables.partition} where migration = $1 and replaces = $2 order by id`,
      [migration, id],
    )
    return rows.map((row) => ({ id: row.id, table: row.source, ...boundsOf(row) }))
  }

  async #readEntries(session: Session, migration: MigrationId, partition: number): Promise<readonly Entry[]> {
    const { rows } = await session.query<EntryRow & { source: string }>(
      `select p.source, e.seq, e.last, e.after, e.up_to, ${countColumns}
       from ${this.#tables.entry} e
       join ${this.#tables.partition} p on p.migration = e.migration and p.id = e.partition
       where e.migration = $1 and e.partition = $2
       order by e.seq`,
      [migration, partition],
    )
    return rows.map((row) => entryOf(row, { table: row.source, partition }))
  }
}

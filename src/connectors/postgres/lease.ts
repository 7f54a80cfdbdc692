import { DroverError } from '../../core/errors.ts'
import type { TargetName } from '../../core/plan.ts'
import { qualified } from '../../core/plan.ts'
import type { Lease, MigrationId } from '../contract.ts'
import type { Session } from './session.ts'
import { codeOf } from './errors.ts'
import { quoteTable } from './identifiers.ts'
import { ensureLedger, ledgerVersion, readLedgerVersion, type LedgerTables } from './ledger-schema.ts'

interface Lock {
  /** For people. */
  readonly what: string
  /** Hashed to the 64-bit key of an advisory lock, which the whole database shares whatever the ledger's schema. */
  readonly key: string
}

const tryLock = `
  select lock.key, pg_try_advisory_lock(hashtextextended(lock.key, 0)) as taken
  from unnest($1::text[]) as lock (key)`

const findHolder = `
  select a.pid, a.application_name, a.backend_start::text as since
  from pg_locks l join pg_stat_activity a on a.pid = l.pid
  where l.locktype = 'advisory' and l.granted and l.objsubid = 1
    and l.database = (select oid from pg_database where datname = current_database())
    and ((l.classid::bigint << 32) | l.objid::bigint) = hashtextextended($1, 0)`

/**
 * The right to coordinate, held by session locks on a connection of its own: it ends with its holder, however that
 * dies. Invariant 3.
 */
export class PostgresLease implements Lease {
  readonly epoch: number
  readonly #session: Session
  readonly #lost = new AbortController()

  constructor(epoch: number, session: Session) {
    this.epoch = epoch
    this.#session = session
    const lose = (): void => this.#lost.abort(leaseLost('its connection ended', session.lost.reason))
    if (session.lost.aborted) lose()
    else session.lost.addEventListener('abort', lose, { once: true })
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#session[Symbol.asyncDispose]()
  }
}

export function leaseLost(reason: string, cause?: unknown): DroverError {
  return new DroverError('lease-lost', `this run may no longer write: ${reason}`, {
    hint: 'look whether another run has taken the table; if none has, start over with --mode recreate',
    cause,
  })
}

/**
 * Locks `drover:migration:<id>` and `drover:table:<quoted name>` for each table on `session`, which the lease then owns,
 * and raises the epoch of a migration that exists. Throws `lease-held`.
 */
export async function takeLease(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  targets: readonly TargetName[],
): Promise<PostgresLease> {
  const locks: readonly Lock[] = [
    { what: `migration ${migration}`, key: `drover:migration:${migration}` },
    ...targets.map((target) => ({ what: `table ${qualified(target)}`, key: `drover:table:${quoteTable(target)}` })),
  ]
  const { rows } = await session.query<{ key: string; taken: boolean }>(tryLock, [locks.map(({ key }) => key)])
  const taken = new Set(rows.filter((row) => row.taken).map((row) => row.key))
  const held = locks.find(({ key }) => !taken.has(key))
  if (held !== undefined) throw await leaseHeld(session, held)
  return new PostgresLease(await raiseEpoch(session, tables, migration), session)
}

async function leaseHeld(session: Session, lock: Lock): Promise<DroverError> {
  const { rows } = await session.query<{ pid: number; application_name: string; since: string }>(findHolder, [lock.key])
  const [holder] = rows
  const who =
    holder === undefined
      ? ''
      : ` (${holder.application_name}, process ${holder.pid} of the server, since ${holder.since})`
  return new DroverError('lease-held', `${lock.what} is held by another run${who}`, {
    hint: 'wait until it ends, or end that process',
  })
}

/** The update of the partitions waits for every batch of an earlier run that may still commit. */
async function raiseEpoch(session: Session, tables: LedgerTables, migration: MigrationId): Promise<number> {
  const version = await readLedgerVersion(session, tables)
  if (version === null) return 1
  if (version < ledgerVersion) await upgradeLedger(session, tables)
  try {
    await session.run('begin')
    const raised = await session.query<{ epoch: number }>(
      `update ${tables.migration} set epoch = epoch + 1, changed_at = now() where id = $1 returning epoch`,
      [migration],
    )
    const epoch = raised.rows[0]?.epoch ?? 1
    await session.query(`update ${tables.partition} set epoch = $2 where migration = $1 and open`, [migration, epoch])
    await session.run('commit')
    return epoch
  } catch (error) {
    if (codeOf(error) !== '55P03') throw error
    throw new DroverError('lease-held', `a batch that an earlier run of migration ${migration} began has not ended`, {
      hint: 'try again once its worker or its connection has ended',
      cause: error,
    })
  }
}

/** A migration that is resumed begins no more, so this is where it finds a ledger of an earlier drover. */
async function upgradeLedger(session: Session, tables: LedgerTables): Promise<void> {
  await session.run('begin')
  await ensureLedger(session, tables)
  await session.run('commit')
}

/**
 * Locks the migration's row until the transaction ends, so that no newer run can take over before. Throws `lease-lost`
 * where one has.
 */
export async function holdEpoch(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  lease: Lease,
): Promise<void> {
  const { rowCount } = await session.query(
    `select from ${tables.migration} where id = $1 and epoch = $2 for no key update`,
    [migration, lease.epoch],
  )
  if (rowCount !== 1) throw leaseLost(`migration ${migration} has another epoch than ${lease.epoch}`)
}

import { setTimeout } from 'node:timers/promises'
import { DroverError } from '../../core/errors.ts'
import type { TargetName } from '../../core/plan.ts'
import { qualified } from '../../core/plan.ts'
import type { RunMark } from '../contract.ts'
import type { Lease, MigrationId } from '../ledger-contract.ts'
import { HeldLease, type LeaseSource } from './held-lease.ts'
import type { Session } from './session.ts'
import { findUnfinished } from './earlier.ts'
import { codeOf } from './errors.ts'
import { quoteTable } from './identifiers.ts'
import { endHolders, findHolders, nameOf, workerLock } from './lease-holders.ts'
import { ensureLedger, ledgerVersion, readLedgerVersion, type LedgerTables } from './ledger-schema.ts'

interface Lock {
  /** For people. */
  readonly what: string
  /** Hashed to the 64-bit key of an advisory lock, which the whole database shares whatever the ledger's schema. */
  readonly key: string
}

/**
 * Takes the locks one after the other and stops at the first that another session holds, so that of two runs that want
 * the same locks in the same order one gets them. Answers how many it took.
 */
const tryLocks = `
  with recursive step (place, taken) as (
    select 0, true
    union all
    select place + 1, pg_try_advisory_lock(hashtextextended(($1::text[])[place + 1], 0))
    from step where taken and place < cardinality($1::text[])
  )
  select count(*)::integer - 1 as taken from step where taken`

/** Between two looks at a lock that another session holds; half as long at least, so that two do not keep step. */
const pollMs = 100
/** A session that was told to end does so within this time, unless its system is at fault. */
const endingMs = 10_000
/** Workers of a run that has died find that out and end by themselves. */
const workersEndMs = 2000

export function leaseLost(reason: string, cause?: unknown): DroverError {
  return new DroverError('lease-lost', `this run may no longer write: ${reason}`, {
    hint: 'look whether another run has taken the migration; if none has, drover resume goes on with it',
    cause,
  })
}

export interface LeaseOptions {
  /** How long another run's lease is waited for. */
  readonly waitMs: number
  /** Ends the other run at once. */
  readonly takeOver: boolean
}

/**
 * Locks `drover:migration:<id>` and `drover:table:<quoted name>` for each table on `session`, which the lease then owns,
 * and raises the epoch of a migration that exists. Ends with the session. Throws `lease-held`.
 */
export async function takeLease(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  targets: readonly TargetName[],
  options: LeaseOptions,
  open: LeaseSource['open'],
): Promise<HeldLease> {
  const ofTables = targets.map((target) => ({
    what: `table ${qualified(target)}`,
    key: `drover:table:${quoteTable(target)}`,
  }))
  const locks: readonly Lock[] = [
    { what: `migration ${migration}`, key: `drover:migration:${migration}` },
    ...ofTables.toSorted((a, b) => (a.key < b.key ? -1 : 1)),
  ]
  await takeLocks(session, locks, options)
  const unfinished = await findUnfinished(session, tables, targets)
  await endWorkers(session, [migration, ...unfinished.map(({ id }) => id)])
  const epoch = await raiseEpoch(session, tables, migration)
  const retake: LeaseSource['retake'] = (again, lostPid) =>
    takeAgain(again, tables, { migration, epoch, locks, lostPid })
  return new HeldLease(epoch, session, { open, retake })
}

interface Lost {
  readonly migration: MigrationId
  readonly epoch: number
  readonly locks: readonly Lock[]
  /** The session that held the locks; the server may not have noticed its end yet. */
  readonly lostPid: number | null
}

/** The same lease on another connection, as long as no other run has had it since. */
async function takeAgain(
  session: Session,
  tables: LedgerTables,
  { migration, epoch, locks, lostPid }: Lost,
): Promise<'taken' | 'wait' | DroverError> {
  const keys = locks.map(({ key }) => key)
  const { rows } = await session.query<{ taken: number }>(tryLocks, [keys])
  if ((rows[0]?.taken ?? 0) < locks.length) {
    const other = (await findHolders(session, keys)).find(({ pid }) => pid !== lostPid)
    if (other !== undefined) return leaseLost(`another run has taken it${nameOf(other)}`)
    await session.query('select pg_terminate_backend($1)', [lostPid])
    return 'wait'
  }
  const version = await readLedgerVersion(session, tables)
  if (version === null) return 'taken'
  const found = await session.query<{ epoch: number }>(`select epoch from ${tables.migration} where id = $1`, [
    migration,
  ])
  const now = found.rows[0]?.epoch ?? epoch
  return now === epoch ? 'taken' : leaseLost(`another run has raised the epoch to ${now}`)
}

async function takeLocks(session: Session, locks: readonly Lock[], { waitMs, takeOver }: LeaseOptions): Promise<void> {
  const keys = locks.map(({ key }) => key)
  const deadline = performance.now() + (takeOver ? Math.max(waitMs, endingMs) : waitMs)
  for (;;) {
    const { rows } = await session.query<{ taken: number }>(tryLocks, [keys])
    const held = locks[rows[0]?.taken ?? 0]
    if (held === undefined) return
    if (performance.now() >= deadline) throw await leaseHeld(session, held, takeOver)
    // What was taken is given back meanwhile: it may be all that a third run needs.
    await session.query('select pg_advisory_unlock_all()')
    if (takeOver) await endHolders(session, await findHolders(session, keys))
    await setTimeout(pollMs * (0.5 + Math.random()))
  }
}

async function leaseHeld(session: Session, lock: Lock, takeOver: boolean): Promise<DroverError> {
  const [holder] = await findHolders(session, [lock.key])
  const who = holder === undefined ? '' : nameOf(holder)
  return new DroverError('lease-held', `${lock.what} is held by another run${who}`, {
    hint: takeOver
      ? 'the server was told to end that run and has not; look at the process'
      : 'wait until it ends, or end it with --take-over',
  })
}

/**
 * Whoever writes for the migration now, or for another of these tables, does so for an earlier run, whose lease is gone:
 * it was one for all of them. A worker that was stopped in the middle of a batch would hold up the epoch, or the end of
 * the other migration.
 */
async function endWorkers(session: Session, migrations: readonly MigrationId[]): Promise<void> {
  const keys = migrations.map(workerLock)
  const deadline = performance.now() + workersEndMs
  let workers = await findHolders(session, keys)
  while (workers.length > 0 && performance.now() < deadline) {
    await setTimeout(pollMs)
    workers = await findHolders(session, keys)
  }
  try {
    await endHolders(session, workers)
  } catch (error) {
    // Those that may not be ended are fenced all the same: the epoch waits for their batches.
    if (!(error instanceof DroverError) || error.code !== 'missing-right') throw error
  }
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
 * Locks the migration's row until the transaction ends, so that no newer run can take over before; should this run be
 * stopped in the middle, the newer one finds the transaction by the lock of its workers. Throws `lease-lost` where one
 * has taken over.
 */
export async function holdEpoch(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  lease: Lease,
): Promise<void> {
  const { rowCount } = await session.query(
    `select pg_advisory_xact_lock_shared(hashtextextended($3, 0))
     from ${tables.migration} where id = $1 and epoch = $2 for no key update`,
    [migration, lease.epoch, workerLock(migration)],
  )
  if (rowCount !== 1) throw leaseLost(`migration ${migration} has another epoch than ${lease.epoch}`)
}

/**
 * Does something for a run that is outside of any transaction, such as building an index. A newer run finds the session
 * by the lock of its workers: it waits for it or ends it before it begins. Throws `lease-lost` where one has begun.
 */
export async function asRun<T>(
  session: Session,
  tables: LedgerTables,
  { migration, epoch }: RunMark,
  work: () => Promise<T>,
): Promise<T> {
  const key = workerLock(migration)
  await session.query('select pg_advisory_lock_shared(hashtextextended($1, 0))', [key])
  const { rowCount } = await session.query(`select from ${tables.migration} where id = $1 and epoch = $2`, [
    migration,
    epoch,
  ])
  if (rowCount !== 1) throw leaseLost(`migration ${migration} has another epoch than ${epoch}`)
  const done = await work()
  await session.query('select pg_advisory_unlock_shared(hashtextextended($1, 0))', [key])
  return done
}

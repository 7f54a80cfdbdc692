import { randomBytes } from 'node:crypto'
import { existsSync, readdirSync, rmSync } from 'node:fs'
import { hostname } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { DatabaseSync } from 'node:sqlite'
import { DroverError } from '../../core/errors.ts'
import { qualified, type TargetName } from '../../core/plan.ts'
import type { Lease, MigrationId } from '../ledger-contract.ts'
import { isStillBusy, type Connection, type DatabaseFile } from './database.ts'
import { hasLedger, now, type LedgerTables } from './ledger-schema.ts'
import { tableKey } from './names.ts'
import { isBusy } from './target-errors.ts'

/** Between two looks at a lease that another run holds; half as long at least, so that two do not keep step. */
const pollMs = 100
/** Between two looks whether this run's own lease is still its own. */
const watchMs = 250
/** A look at a lease file takes less. */
const lookMs = 5000

interface Lock {
  readonly key: string
  /** For people. */
  readonly what: string
}

interface Holder {
  /** The file of its lease. */
  readonly path: string
  readonly locks: readonly Lock[]
  readonly pid: number
  readonly host: string
}

export interface LeaseOptions {
  /** How long another run's lease is waited for. */
  readonly waitMs: number
  /** Ends the other run at once. */
  readonly takeOver: boolean
}

export function leaseLost(reason: string): DroverError {
  return new DroverError('lease-lost', `this run may no longer write: ${reason}`, {
    hint: 'look whether another run has taken the migration; if none has, drover resume goes on with it',
  })
}

/**
 * A lease is a small file of SQLite beside the target's, in a transaction that its holder does not end: the lock of that
 * ends with the process, however it dies, and the file says who holds what. Leases are taken, and files of dead holders
 * removed, by whoever writes to the target's own file at that moment, so by one at a time; and no batch is open then.
 *
 * Raises the epoch of a migration that exists. `takeOver` removes the other lease, whose holder finds that out, and whose
 * batches find the epoch raised. Throws `lease-held`.
 */
export async function takeLease(
  file: DatabaseFile,
  tables: LedgerTables,
  migration: MigrationId,
  targets: readonly TargetName[],
  options: LeaseOptions,
  signal: AbortSignal,
): Promise<HeldLease> {
  const locks = locksOf(migration, targets)
  const deadline = performance.now() + options.waitMs
  for (;;) {
    const answer = await tryLease(file, tables, { migration, locks, takeOver: options.takeOver }, signal)
    if (answer instanceof HeldLease) return answer
    if (performance.now() >= deadline) throw leaseHeld(answer.lock, answer.holder)
    await setTimeout(pollMs * (0.5 + Math.random()), undefined, { signal }).catch(() => undefined)
    signal.throwIfAborted()
  }
}

/** Whether a run holds the lease of a migration now. */
export function isRunning(file: DatabaseFile): (migration: MigrationId) => boolean {
  const held = new Set(holders(file.path).flatMap(({ locks }) => locks.map(({ key }) => key)))
  return (migration) => held.has(migrationKey(migration))
}

interface Wanted {
  readonly migration: MigrationId
  readonly locks: readonly Lock[]
  readonly takeOver: boolean
}

interface Clash {
  readonly lock: Lock
  readonly holder: Holder
}

async function tryLease(
  file: DatabaseFile,
  tables: LedgerTables,
  { migration, locks, takeOver }: Wanted,
  signal: AbortSignal,
): Promise<HeldLease | Clash> {
  let taken: HeldLease | null = null
  try {
    return await file.transact(`take the lease of migration ${migration}`, signal, (connection) => {
      const living = holders(file.path, { removeDead: true })
      const clashes = living.flatMap((holder) => clashOf(locks, holder))
      const [clash] = clashes
      if (clash !== undefined && !takeOver) return clash
      for (const { holder } of clashes) rmSync(holder.path, { force: true })
      taken = HeldLease.take(file.path, locks, raiseEpoch(connection, tables, migration))
      return taken
    })
  } catch (error) {
    await giveBack(taken)
    const [clash] = isStillBusy(error) ? holders(file.path).flatMap((holder) => clashOf(locks, holder)) : []
    if (clash === undefined) throw error
    const { pid, host } = clash.holder
    throw new DroverError('lease-held', `${clash.lock.what} is held by another run, in the middle of a batch`, {
      hint: `nobody can end what another process has begun to write; end process ${pid} on ${host}`,
      cause: error,
    })
  }
}

async function giveBack(lease: HeldLease | null): Promise<void> {
  await lease?.[Symbol.asyncDispose]()
}

function raiseEpoch(connection: Connection, tables: LedgerTables, migration: MigrationId): number {
  if (!hasLedger(connection, tables)) return 1
  connection.run(`update ${tables.migration} set epoch = epoch + 1, changed_at = ${now} where id = ?`, migration)
  const found = connection.get<{ epoch: number }>(`select epoch from ${tables.migration} where id = ?`, migration)
  const epoch = found?.epoch ?? 1
  connection.run(`update ${tables.partition} set epoch = ? where migration = ? and open`, epoch, migration)
  return epoch
}

/** The first of the locks that a holder has. */
function clashOf(locks: readonly Lock[], holder: Holder): readonly Clash[] {
  const held = new Set(holder.locks.map(({ key }) => key))
  const lock = locks.find(({ key }) => held.has(key))
  return lock === undefined ? [] : [{ lock, holder }]
}

function leaseHeld({ what }: Lock, { pid, host }: Holder): DroverError {
  return new DroverError('lease-held', `${what} is held by another run (process ${pid} on ${host})`, {
    hint: 'wait until it ends, or end it with --take-over',
  })
}

function locksOf(migration: MigrationId, targets: readonly TargetName[]): readonly Lock[] {
  const ofTables = targets.map((target) => ({ key: `table:${tableKey(target)}`, what: `table ${qualified(target)}` }))
  const locks = [{ key: migrationKey(migration), what: `migration ${migration}` }, ...ofTables]
  return [...new Map(locks.map((lock) => [lock.key, lock])).values()]
}

function migrationKey(migration: MigrationId): string {
  return `migration:${migration}`
}

function prefixOf(path: string): string {
  return `${basename(path)}-drover-lease-`
}

/** Who holds a lease on the file now. Files of those who died are removed where nobody can be making one. */
function holders(path: string, options: { readonly removeDead: boolean } = { removeDead: false }): readonly Holder[] {
  const folder = dirname(path)
  const prefix = prefixOf(path)
  const names = readdirSync(folder).filter((name) => name.startsWith(prefix) && !name.endsWith('-journal'))
  return names.flatMap((name) => {
    const lease = join(folder, name)
    const holder = holderOf(lease)
    if (holder === null && options.removeDead) {
      for (const file of [lease, `${lease}-journal`]) rmSync(file, { force: true })
    }
    return holder ?? []
  })
}

/** Null: its process is gone. */
function holderOf(path: string): Holder | null {
  if (!existsSync(path)) return null
  const database = new DatabaseSync(path, { timeout: 0 })
  try {
    database.exec('begin immediate')
    return null
  } catch (error) {
    if (!isBusy(error)) throw error
    const rows = database.prepare('select key, what, pid, host from lease').all() as readonly object[]
    const locks = rows as readonly (Lock & { readonly pid: number; readonly host: string })[]
    return { path, locks, pid: locks[0]?.pid ?? 0, host: locks[0]?.host ?? '' }
  } finally {
    database.close()
  }
}

/** The right to coordinate, as long as its file is there. Invariant 3. */
export class HeldLease implements Lease {
  readonly epoch: number
  readonly #database: DatabaseSync
  readonly #path: string
  readonly #lost = new AbortController()
  readonly #watch: NodeJS.Timeout

  private constructor(path: string, database: DatabaseSync, epoch: number) {
    this.#path = path
    this.#database = database
    this.epoch = epoch
    this.#watch = setInterval(() => this.#look(), watchMs)
    this.#watch.unref()
  }

  /** Within a transaction that writes to the target's file. */
  static take(target: string, locks: readonly Lock[], epoch: number): HeldLease {
    const path = join(dirname(target), prefixOf(target) + randomBytes(8).toString('hex'))
    // Somebody who lists the leases may be looking at it at once.
    const database = new DatabaseSync(path, { timeout: lookMs })
    database.exec(`
      pragma journal_mode = memory; pragma synchronous = off;
      create table lease (key text primary key, what text not null, pid integer not null, host text not null)`)
    const insert = database.prepare('insert into lease values (?, ?, ?, ?)')
    for (const { key, what } of locks) insert.run(key, what, process.pid, hostname())
    database.exec('begin immediate')
    return new HeldLease(path, database, epoch)
  }

  get lost(): AbortSignal {
    return this.#lost.signal
  }

  /** Throws `lease-lost` where another run has taken it, also one of another migration. */
  verify(): void {
    this.#look()
    this.#lost.signal.throwIfAborted()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watch)
    if (!this.#database.isOpen) return
    // Whoever sees the file now must not take it for one that is held, nor for one of a new holder of the same name.
    rmSync(this.#path, { force: true })
    this.#database.close()
  }

  #look(): void {
    if (!this.#database.isOpen || existsSync(this.#path)) return
    clearInterval(this.#watch)
    this.#lost.abort(leaseLost('another run has taken it over'))
  }
}

/**
 * Throws `lease-lost` where a newer run has taken over, or one that wants the same tables. Within a transaction that
 * writes, so none can until it ends.
 */
export function holdEpoch(connection: Connection, tables: LedgerTables, migration: MigrationId, lease: Lease): void {
  if (lease instanceof HeldLease) lease.verify()
  demandEpoch(connection, tables, { migration, epoch: lease.epoch })
}

/** Throws `lease-lost` where the run is not the newest one of its migration. */
export function demandEpoch(
  connection: Connection,
  tables: LedgerTables,
  { migration, epoch }: { readonly migration: MigrationId; readonly epoch: number },
): void {
  const text = `select 1 from ${tables.migration} where id = ? and epoch = ?`
  if (hasLedger(connection, tables) && connection.get(text, migration, epoch) !== null) return
  throw leaseLost(`migration ${migration} has another epoch than ${epoch}`)
}

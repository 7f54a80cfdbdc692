import pg from 'pg'
import type { CarriedObject } from '../../core/carried-object.ts'
import { DroverError, toErrorShape } from '../../core/errors.ts'
import type { Finding } from '../contract.ts'
import type { MigrationId } from '../ledger-contract.ts'
import { answersTo, asDefined } from './definitions.ts'
import { classifyFault, codeOf, withoutValues } from './errors.ts'
import type { LedgerTables } from './ledger-schema.ts'
import type { Session } from './session.ts'

/** An object of a migration, by its place in the order in which they can be made. */
interface StoredObject extends CarriedObject {
  readonly number: number
}

const columns = 'number, kind, name, phase, sql, look, found, undo'

/** Stores what is to be made, in the transaction that begins the migration. */
export async function storeCarried(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  objects: readonly CarriedObject[],
): Promise<void> {
  for (const [i, { kind, name, phase, sql, look, found, undo }] of objects.entries()) {
    await session.query(
      `insert into ${tables.carried} (migration, ${columns}) values ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
      [migration, i + 1, kind, name, phase, sql, look, found, undo],
    )
  }
}

/** What of a phase is still to be made, in order. */
export async function readOpen(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  phase: CarriedObject['phase'],
): Promise<readonly StoredObject[]> {
  const { rows } = await session.query<StoredObject>(
    `select ${columns} from ${tables.carried} where migration = $1 and phase = $2 and state = 'open' order by number`,
    [migration, phase],
  )
  return rows
}

/**
 * Makes an object within the caller's transaction, unless it is there, and notes which of both. What is noted as made is
 * what the target itself says of it then: servers of other versions put it into other words. Throws
 * `target-incompatible` where something else has its name, or the target refuses it.
 */
export async function carry(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  object: StoredObject,
): Promise<boolean> {
  const { number, sql, look } = object
  return asDefined(session, async () => {
    const [there] = await answersTo(session, [look])
    const conflict = conflictOf(object, there ?? null)
    if (conflict !== null) throw conflict
    const isThere = there === object.found
    if (!isThere) {
      try {
        for (const statement of sql) await session.run(statement)
      } catch (error) {
        throw refusal(error, object)
      }
    }
    const [found] = await answersTo(session, [look])
    await session.query(`update ${tables.carried} set state = $3, found = $4 where migration = $1 and number = $2`, [
      migration,
      number,
      isThere ? 'there' : 'made',
      found ?? object.found,
    ])
    return !isThere
  })
}

/** What of a migration was made in a phase and is still the same is removed, the last first. Answers one sentence each. */
export async function undoCarried(
  session: Session,
  tables: LedgerTables,
  migration: MigrationId,
  phase: CarriedObject['phase'],
): Promise<readonly string[]> {
  const { rows } = await session.query<StoredObject>(
    `select ${columns} from ${tables.carried}
     where migration = $1 and phase = $2 and state = 'made' and undo is not null order by number desc`,
    [migration, phase],
  )
  return asDefined(session, async () => {
    const done: string[] = []
    for (const { kind, name, look, found, undo } of rows) {
      const [there] = await answersTo(session, [look])
      if (there === null || there === undefined || undo === null) continue
      const removed = there === found && (await removeUnneeded(session, undo))
      const why = there === found ? 'something else needs it' : 'it was changed since'
      done.push(`${kind} ${name} ${removed ? 'is dropped' : `stays: ${why}`}`)
    }
    return done
  })
}

/** Whether a server can have these objects: extensions it does not know, and other things of their names, are errors. */
export async function checkCarried(session: Session, objects: readonly CarriedObject[]): Promise<readonly Finding[]> {
  return asDefined(session, async () => {
    const there = await answersTo(
      session,
      objects.map(({ look }) => look),
    )
    const { rows } = await session.query<{ name: string }>(
      `select quote_ident(name) as name from pg_catalog.pg_available_extensions`,
    )
    const available = new Set(rows.map(({ name }) => name))
    return objects.flatMap((object, i): readonly Finding[] => {
      const conflict = conflictOf(object, there[i] ?? null)
      if (conflict !== null) return [{ level: 'error', error: toErrorShape(conflict) }]
      if (object.kind !== 'extension' || there[i] !== null || available.has(object.name)) return []
      const error = new DroverError('missing-dependency', `the target does not have the extension ${object.name}`, {
        hint: 'install its package on the target server, or leave out the tables that need it',
      })
      return [{ level: 'error', error: toErrorShape(error) }]
    })
  })
}

/** Null where it can be made or is there as it should be. */
function conflictOf({ kind, name, found }: CarriedObject, there: string | null): DroverError | null {
  if (kind === 'setting' || there === null || there === found) return null
  return new DroverError('target-incompatible', `${kind} ${name} exists in the target and is another one`, {
    hint: `drop or rename it there; the source has: ${found.trim()}`,
  })
}

/** What a failure that passes is, or another of the connection, stays as it is. */
function refusal(error: unknown, { kind, name }: CarriedObject): unknown {
  if (!(error instanceof pg.DatabaseError) || classifyFault(error) === 'transient') return error
  const code = error.code === '42501' ? 'missing-right' : 'target-incompatible'
  return new DroverError(code, `${kind} ${name} cannot be made in the target: ${error.message}`, {
    hint: error.hint ?? 'make it there by hand as it is in the source, and then: drover resume',
    cause: withoutValues(error),
  })
}

/** One error for all objects that could not be made. */
export function refusedTogether(refused: readonly DroverError[]): DroverError {
  const [first] = refused
  if (refused.length === 1 && first !== undefined) return first
  const messages = refused.map(({ message }) => message).join('; ')
  return new DroverError('target-incompatible', `${refused.length} objects cannot be made: ${messages}`, {
    hint: first?.hint,
    cause: first,
  })
}

/** Whether it could be: nothing is removed that something else needs. Within a transaction. */
async function removeUnneeded(session: Session, statement: string): Promise<boolean> {
  await session.run('savepoint remove_object')
  try {
    await session.run(statement)
    await session.run('release savepoint remove_object')
    return true
  } catch (error) {
    if (codeOf(error) !== '2BP01') throw error
    await session.run('rollback to savepoint remove_object; release savepoint remove_object')
    return false
  }
}

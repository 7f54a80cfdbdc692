import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import type { TablePlan } from '../../core/plan.ts'
import { qualified } from '../../core/plan.ts'
import type { Session } from './session.ts'
import { addPrimaryKey } from './ddl.ts'
import { codeOf } from './errors.ts'
import { primaryKeyOf } from './existing.ts'

/** Least memory and workers for building an index; a server that is set to more keeps it. */
const indexMemory = '256MB'
const indexWorkers = 2

const raiseSettings = `
  select set_config('maintenance_work_mem', $1, true)
  where pg_size_bytes(current_setting('maintenance_work_mem')) < pg_size_bytes($1)
  union all
  select set_config('max_parallel_maintenance_workers', $2, true)
  where current_setting('max_parallel_maintenance_workers')::integer < $2::text::integer`

/** Builds the primary key unless it is there. Throws `key-violation`, and `target-incompatible` for another key. */
export async function buildKey(session: Session, plan: TablePlan): Promise<void> {
  const statement = addPrimaryKey(plan)
  if (statement === null) return
  const present = await primaryKeyOf(session, plan.target)
  if (present.length > 0) {
    if (present.join('\0') === plan.key.join('\0')) return
    const message = `${qualified(plan.target)} has the primary key (${present.join(', ')}) instead of (${plan.key.join(', ')})`
    throw new DroverError('target-incompatible', message, { hint: 'drop that key, or use --no-primary-key' })
  }
  try {
    await session.run('begin')
    await session.query(raiseSettings, [indexMemory, String(indexWorkers)])
    await session.run(statement)
    await session.run('commit')
  } catch (error) {
    throw keyError(error, plan)
  }
}

function keyError(error: unknown, plan: TablePlan): unknown {
  const code = codeOf(error)
  if (!(error instanceof pg.DatabaseError)) return error
  const key = `the primary key (${plan.key.join(', ')}) of ${qualified(plan.target)}`
  if (code === '23505') {
    const detail = error.detail ?? error.message
    return new DroverError('key-violation', `${key} cannot be built: ${detail}`, {
      hint: 'the rows are kept; correct them and add the key, or leave the key out with --no-primary-key',
      cause: error,
    })
  }
  if (code === '23502') {
    return new DroverError('key-violation', `${key} cannot be built: ${error.message}`, {
      hint: 'the rows are kept; give them a key and add it, or leave the key out with --no-primary-key',
      cause: error,
    })
  }
  if (code === '54000') {
    return new DroverError(
      'key-violation',
      `${key} cannot be built, a value is too long for an index: ${error.message}`,
      {
        hint: 'leave the key out with --no-primary-key, and index a hash of the column instead',
        cause: error,
      },
    )
  }
  return error
}

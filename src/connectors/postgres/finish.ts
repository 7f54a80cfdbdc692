import pg from 'pg'
import { DroverError } from '../../core/errors.ts'
import { partsOf, qualified, type TablePlan } from '../../core/plan.ts'
import type { Session } from './session.ts'
import { addPrimaryKey, analyze, type Part } from './ddl.ts'
import { codeOf, withoutValues } from './errors.ts'
import { primaryKeyOf } from './existing.ts'
import { addChildReferences } from './foreign-keys.ts'
import { quoteColumn } from './identifiers.ts'
import { runBuild } from './indexes.ts'
import { advanceSequences } from './sequences.ts'
import { listDuplicates } from './violations.ts'

/**
 * Builds what a table and its child tables still lack, brings their sequences behind what was copied, and refreshes their
 * statistics. Throws `key-violation`, `target-incompatible` for a table with another key, and `missing-right`.
 */
export async function finishTable(
  session: Session,
  plan: TablePlan,
  options: { readonly buildKey: boolean },
): Promise<void> {
  if (options.buildKey) {
    for (const part of partsOf(plan)) await buildKey(session, part)
    await addChildReferences(session, plan)
  }
  for (const part of partsOf(plan)) {
    await advanceSequences(session, part)
    await session.run(analyze(part))
  }
}

/** Builds the primary key unless it is there. */
async function buildKey(session: Session, part: Part): Promise<void> {
  const statement = addPrimaryKey(part)
  if (statement === null) return
  const present = await primaryKeyOf(session, part.target)
  if (present.length > 0) {
    if (present.join('\0') === part.key.join('\0')) return
    const message = `${qualified(part.target)} has the primary key (${present.join(', ')}) instead of (${part.key.join(', ')})`
    throw new DroverError('target-incompatible', message, { hint: 'drop that key, or use --no-primary-key' })
  }
  try {
    await runBuild(session, statement)
  } catch (error) {
    throw await explain(session, error, part)
  }
}

async function explain(session: Session, error: unknown, part: Part): Promise<unknown> {
  const code = codeOf(error)
  if (!(error instanceof pg.DatabaseError)) return error
  const key = `the primary key (${part.key.join(', ')}) of ${qualified(part.target)}`
  const violation = (message: string, hint: string): DroverError =>
    new DroverError('key-violation', `${key} cannot be built${message}`, { hint, cause: withoutValues(error) })
  if (code === '23505') {
    await session.run('rollback')
    const expressions = part.key.map(quoteColumn)
    const duplicates = await listDuplicates(session, {
      target: part.target,
      expressions,
      where: null,
      nullsDistinct: true,
    })
    return violation(
      `, values are there more than once: ${duplicates}`,
      'the rows are kept; correct them and add the key, or leave the key out with --no-primary-key',
    )
  }
  if (code === '23502') {
    return violation(
      `: ${error.message}`,
      'the rows are kept; give them a key and add it, or leave the key out with --no-primary-key',
    )
  }
  if (code === '54000') {
    return violation(
      `, a value is too long for an index: ${error.message}`,
      'leave the key out with --no-primary-key, and index a hash of the column instead',
    )
  }
  return error
}

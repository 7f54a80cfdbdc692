import type { Config } from '../config.ts'
import { DroverError } from '../core/errors.ts'
import { qualified } from '../core/plan.ts'
import { isBeside } from './run-plan.ts'
import type { ShapedTable } from './shape-table.ts'

/** A warning lists objects up to this many. */
const LISTED = 5

/**
 * Values that name objects need these under their names as they are written. A table that is loaded beside others has its
 * name at the end only: until then the name is nobody's, or that of the table that is replaced. Throws
 * `conflicting-options`.
 */
export function refuseEarlyNames(config: Pick<Config, 'atomic'>, tables: readonly ShapedTable[]): void {
  const beside = new Set(
    tables.flatMap(({ table, planned }) =>
      table.qualified !== undefined && isBeside(config, planned) ? [qualified(table.qualified)] : [],
    ),
  )
  for (const { planned, named } of tables) {
    const early = named.find(({ table }) => table !== null && beside.has(qualified(table)))
    if (early === undefined) continue
    const { source } = planned.plan
    throw new DroverError(
      'conflicting-options',
      `column ${JSON.stringify(early.field)} of ${source} has values that name ${early.name}, which is not there under that name until the very end of a run with --mode recreate or --atomic`,
      {
        hint: `copy ${source} in a run of its own behind the others, use --mode truncate or create without --atomic, or keep the names as text with \`cast:\` of that table in the config file`,
      },
    )
  }
}

/** Of values that name what is made after the rows. */
export function lateNames({ planned, named }: Pick<ShapedTable, 'planned' | 'named'>): readonly string[] {
  const late = Map.groupBy(
    named.filter((one) => one.late),
    ({ field }) => field,
  )
  return [...late].map(([field, objects]) => {
    const more = objects.length > LISTED ? ` and ${objects.length - LISTED} more` : ''
    const names = objects.slice(0, LISTED).map(({ name }) => name)
    return (
      `${planned.plan.source}: values of column ${JSON.stringify(field)} name what is made after the rows, if at all: ` +
      `${names.join(', ')}${more}; unless it is there, such rows become dead letters, which drover retry writes once it is`
    )
  })
}

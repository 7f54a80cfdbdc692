import { Document } from 'yaml'
import { YamlFile } from './config-yaml.ts'
import type { PlannedTable } from './connectors/planned-table.ts'
import { partsOf } from './core/plan.ts'
import { Entries } from './plan-file-nodes.ts'
import { targetText } from './plan-file-names.ts'
import { readTable, type SavedTable } from './plan-file-read.ts'
import { PlanNodes } from './plan-file-write.ts'

/** A plan that was saved to be reviewed, changed and run. */
export interface SavedPlan {
  /** By name in the source. */
  readonly tables: ReadonlyMap<string, SavedTable>
}

/** What of a plan is saved. */
export interface PlanToSave {
  /** Addresses without secrets, for people. */
  readonly source: string
  readonly target: string
  readonly tables: readonly { readonly planned: PlannedTable }[]
}

/** Of the form of the file. */
const version = '1'

const header = ` What drover makes of each table. Review it, change it, and run it:
   drover migrate --from SOURCE --to TARGET --plan FILE

 May be changed: names of tables (to) and of columns (name), wherever they stand; types, to wider ones, or with
 "cast: true" to any that --cast takes; "pinned: true" keeps drift from widening a column. A column is dropped by
 naming its field in ignore. Indexes and references may be removed and added, and so may where and limit.
 Not to be changed: field, path, holds, flattened, row-key; what is nested is planned by --nest.
 When it is run, every field of the source has to be in columns or in ignore, and every value has to fit.`

/** A plan as a YAML file for people; {@link readPlan} gives the same plan back. */
export function writePlan({ source, target, tables }: PlanToSave): string {
  const document = new Document()
  const nodes = new PlanNodes(document)
  const byName = new Map(tables.map(({ planned }) => [planned.plan.source, nodes.table(planned)]))
  document.commentBefore = header
  document.contents = document.createNode({ version: Number(version), source, target, tables: byName })
  return document.toString({ lineWidth: 0 })
}

/**
 * Reads what {@link writePlan} wrote and people may have changed.
 *
 * @param path where the text comes from, for messages
 * @throws DroverError `invalid-plan` with the line, for everything that is no plan
 */
export function readPlan(text: string, path: string): SavedPlan {
  const file = new YamlFile(text, { path, fault: 'invalid-plan', unknownKey: 'invalid-plan' })
  const entries = new Entries(file, file.contents, 'the plan', ['version', 'source', 'target', 'tables'])
  const found = entries.text('version')
  if (found !== version) {
    throw entries.fail('version', `the plan is of version ${found}; this drover reads version ${version}`)
  }
  const nodes = entries.map('tables')
  const tables = new Map([...nodes].map(([source, node]) => [source, readTable(file, source, node)]))
  refuseTwins(file, nodes, tables)
  return { tables }
}

/** Two source tables with the same target, or an index or reference of one name. */
function refuseTwins(
  file: YamlFile,
  nodes: ReadonlyMap<string, unknown>,
  tables: ReadonlyMap<string, SavedTable>,
): void {
  const taken = new Map<string, string>()
  for (const [source, { plan, indexes }] of tables) {
    // Tables and indexes share the names of a schema.
    const names = [
      ...partsOf(plan).map(({ target }) => target),
      ...indexes.map(({ name, target }) => ({ schema: target.schema, name })),
    ]
    for (const name of names) {
      const owner = taken.get(targetText(name))
      if (owner !== undefined) {
        const what = owner === source ? `table ${source} has` : `tables ${owner} and ${source} both have`
        throw file.error(nodes.get(source), `${what} a table or index ${targetText(name)}, which can be there once`)
      }
      taken.set(targetText(name), source)
    }
  }
}

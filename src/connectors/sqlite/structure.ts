import type { StructureRequest, TableStructure } from '../structure.ts'
import type { Snapshot } from './snapshot.ts'
import type { SqliteTable } from './table.ts'
export async function describeStructure(
  _s: Snapshot,
  _t: SqliteTable,
  _r: StructureRequest,
  _g: AbortSignal,
): Promise<TableStructure> {
  throw new Error('later')
}

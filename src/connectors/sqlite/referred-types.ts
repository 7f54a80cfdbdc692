import type { LogicalType } from '../../core/logical-type.ts'
import type { ReferenceStructure, StructureRequest } from '../structure.ts'
import { chooseTypes } from './choose-types.ts'
import { linksOf } from './references.ts'
import { Scan } from './scan.ts'
import type { Snapshot } from './snapshot.ts'
import { readTable, type SqliteTable } from './table.ts'

type Links = readonly Pick<ReferenceStructure, 'fields' | 'table' | 'referencedFields'>[]

/**
 * What the columns that references lead to are read as, by the field that refers. A reference needs one type on both
 * sides, and what is stored may say less on one of them: `12` alone is a number, beside `12A` it is a text.
 */
export async function referredTypes(
  snapshot: Snapshot,
  links: Links,
  request: StructureRequest,
  signal: AbortSignal,
): Promise<Readonly<Record<string, LogicalType>>> {
  const found = await new Search(snapshot, request, signal).of(links)
  return Object.fromEntries(found)
}

class Search {
  readonly #snapshot: Snapshot
  readonly #request: StructureRequest
  readonly #signal: AbortSignal
  /** By table and column; null: being looked for, or there is no such column. */
  readonly #types = new Map<string, LogicalType | null>()

  constructor(snapshot: Snapshot, request: StructureRequest, signal: AbortSignal) {
    this.#snapshot = snapshot
    this.#request = request
    this.#signal = signal
  }

  async of(links: Links): Promise<ReadonlyMap<string, LogicalType>> {
    const found = new Map<string, LogicalType>()
    for (const { fields, table: name, referencedFields } of links) {
      const table = readTable(this.#snapshot, name)
      const columns = table === null || referencedFields.length > 0 ? referencedFields : table.key
      for (const [place, field] of fields.entries()) {
        const column = columns[place]
        const type = table === null || column === undefined ? null : await this.#typeOf(table, column)
        if (type !== null && !found.has(field)) found.set(field, type)
      }
    }
    return found
  }

  async #typeOf(table: SqliteTable, name: string): Promise<LogicalType | null> {
    if (name === table.rowidColumn) return 'int64'
    const place = JSON.stringify([table.name, name])
    const known = this.#types.get(place)
    if (known !== undefined) return known
    // A circle of references leads back to here.
    this.#types.set(place, null)
    const type = await this.#look(table, name)
    this.#types.set(place, type)
    return type
  }

  async #look(table: SqliteTable, name: string): Promise<LogicalType | null> {
    const column = table.columns.find((candidate) => candidate.name === name && candidate.computed === null)
    if (column === undefined || table.order.length === 0) return null
    const { timeZone, encoding } = this.#request
    const reading = { timeZone, encoding, dateFormats: {}, wanted: {}, wantedNative: {} }
    const request = { table: table.name, where: null, limit: null, ...reading }
    const scan = new Scan(this.#snapshot, table, request, this.#signal)
    const links = linksOf(this.#snapshot, table.name).filter(({ fields }) => fields.includes(name))
    const wanted = Object.fromEntries(await this.of(links))
    const {
      chosen: [chosen],
    } = await chooseTypes(scan, [column], { ...request, wanted, compared: new Set([name]) })
    return chosen?.type ?? null
  }
}

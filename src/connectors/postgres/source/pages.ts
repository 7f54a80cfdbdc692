import type { Selection } from '../../planned-table.ts'
import type { ReadTable } from './table.ts'

/** Of a table that has only so many times the pages wanted, all of them are looked at: as quick, and exact. */
const wholeFactor = 4

/** A filter that is often true drops few of the rows looked at; of one that is not, less will do. */
const filteredFactor = 4

/** Rows of a page where nothing is known of them. */
const fewRowsPerPage = 10

/**
 * A clause that takes about so many pages at random, the same ones each time; empty: all of them. Where rows are
 * elsewhere there are no pages to choose from.
 */
export function somePages(
  { files }: ReadTable,
  { where, since }: Pick<Selection, 'where' | 'since'>,
  wanted: number,
): string {
  const blocks = files.reduce((sum, file) => sum + (file.blocks ?? Infinity), 0)
  const looked = where === null && since === undefined ? wanted : wanted * filteredFactor
  if (!Number.isFinite(blocks) || blocks <= looked * wholeFactor) return ''
  return ` tablesample system (${(100 * looked) / blocks}) repeatable (0)`
}

/** {@link somePages} with about so many rows, if there are few in each. */
export function partOfPages(table: ReadTable, selection: Pick<Selection, 'where' | 'since'>, rows: number): string {
  return somePages(table, selection, Math.ceil(rows / fewRowsPerPage))
}

import type { Reader } from '../connectors/contract.ts'
import { targetColumns, type ChildPlan, type TablePlan, type TargetColumn } from '../core/plan.ts'
import { restates } from './column-equality.ts'
import type { Cells } from './full-identity.ts'

/** Texts that are remembered of a column. */
const mostKnown = 50_000

interface RestatedColumn {
  readonly column: TargetColumn
  readonly place: number
  readonly known: Map<string, string>
}

/** What the target shows of texts that it was given, of the columns of one part that show another text for the same. */
export class RestatedCells {
  readonly #reader: Pick<Reader, 'restated'>
  readonly #columns: readonly RestatedColumn[]

  constructor(reader: Pick<Reader, 'restated'>, part: TablePlan | ChildPlan) {
    this.#reader = reader
    this.#columns = targetColumns(part).flatMap((column, place) => {
      return restates(column) ? [{ column, place, known: new Map<string, string>() }] : []
    })
  }

  get isNeeded(): boolean {
    return this.#columns.length > 0
  }

  /** Asks for what is not known yet of these rows. */
  async learn(rows: readonly Cells[], signal: AbortSignal): Promise<void> {
    for (const { column, place, known } of this.#columns) {
      if (known.size > mostKnown) known.clear()
      const texts = [...new Set(rows.flatMap((cells) => cells[place] ?? []))].filter((text) => !known.has(text))
      if (texts.length === 0) continue
      const shown = await this.#reader.restated(column, texts, signal)
      // What the column does not take is in no row of it, and is compared as it is.
      texts.forEach((text, index) => known.set(text, shown[index] ?? text))
    }
  }

  /** By what was learnt. */
  apply(cells: Cells): Cells {
    const restated = [...cells]
    for (const { place, known } of this.#columns) {
      const text = cells[place] ?? null
      if (text !== null) restated[place] = known.get(text) ?? text
    }
    return restated
  }
}

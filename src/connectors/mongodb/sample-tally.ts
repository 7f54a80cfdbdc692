import type { ObservedType } from '../../core/logical-type.ts'
import type { Sample } from '../../core/sample.ts'
import { observeDocument } from '../../format/bson-observe.ts'
import { RowError } from '../../format/codec.ts'
import { joinScalars } from '../../schema/lattice.ts'

interface Seen {
  readonly name: string
  readonly type: ObservedType
  count: number
}

/** Counts the types of the fields of raw documents. */
export class SampleTally {
  readonly #fields = new Map<string, Map<string, Seen>>()
  #rows = 0
  #bytes = 0

  get rows(): number {
    return this.#rows
  }

  get bytes(): number {
    return this.#bytes
  }

  add(document: Uint8Array): void {
    this.#rows++
    this.#bytes += document.length
    try {
      observeDocument(document, this.#visit, joinScalars)
    } catch (error) {
      // A damaged row becomes a dead letter when it is copied. Planning must not fail by it.
      if (!(error instanceof RowError)) throw error
    }
  }

  result(complete: boolean): Sample {
    const fields = [...this.#fields].map(([field, types]) => ({ field, types: [...types.values()] }))
    return { rows: this.#rows, bytes: this.#bytes, complete, fields }
  }

  readonly #visit = (field: string, name: string, type: ObservedType): void => {
    let types = this.#fields.get(field)
    if (types === undefined) this.#fields.set(field, (types = new Map<string, Seen>()))
    const key = `${name} ${type}`
    const seen = types.get(key)
    if (seen === undefined) types.set(key, { name, type, count: 1 })
    else seen.count++
  }
}

import { finished } from 'node:stream/promises'
import type pg from 'pg'
import { from as copyFrom } from 'pg-copy-streams'
import { copyHeader } from '../../src/connectors/postgres/copy-header.ts'
import { quoteColumn, quoteTable } from '../../src/connectors/postgres/identifiers.ts'
import { targetColumns, type TablePlan } from '../../src/core/plan.ts'

/** Tuples of a binary COPY. */
export interface Tuples {
  readonly rows: number
  readonly bytes: Uint8Array
}

/** A tuple of -1 fields. */
const trailer: Uint8Array = Uint8Array.of(255, 255)

/** Bytes that are handed to the socket at once. */
const pieceBytes = 256 * 1024

/** The statement of a binary COPY into a plan's own table. */
export function copyStatement(plan: TablePlan): string {
  const columns = targetColumns(plan).map(({ name }) => quoteColumn(name))
  return `copy ${quoteTable(plan.target)} (${columns.join(', ')}) from stdin (format binary)`
}

/** Sends tuples as one transaction that begins with `begin`, statements of one round trip, and waits until it is durable. */
export async function sendTransaction(client: pg.Client, begin: string, copy: string, tuples: Tuples): Promise<void> {
  await client.query(begin)
  const stream = client.query(copyFrom(copy))
  stream.write(copyHeader)
  for (let at = 0; at < tuples.bytes.length; at += pieceBytes) {
    const piece = tuples.bytes.subarray(at, at + pieceBytes)
    await new Promise<void>((resolve, reject) => stream.write(piece, (error) => (error ? reject(error) : resolve())))
  }
  stream.end(trailer)
  await finished(stream)
  await client.query('commit')
  if (stream.rowCount !== tuples.rows) throw new Error(`COPY took ${stream.rowCount} rows of ${tuples.rows}`)
}

import pg from 'pg'
import { setTimeout } from 'node:timers/promises'
import { factIds } from '../../src/devkit/shapes/fact.ts'

/** Rows of an INSERT, which is a transaction, and the pause behind it: some hundred rows a second. */
const rowsAtOnce = 20
const pauseMs = 50

const insert = `
  insert into data_fact (uuid, timestamp, value, fuel_id, region_id, power_id, date_id, time_id)
  select gen_random_uuid(), now(), random() * 1e6, 1 + floor(random() * $1), 1 + floor(random() * $2),
    1 + floor(random() * $3), 20200101, floor(random() * 1440)
  from generate_series(1, ${rowsAtOnce})
  returning uuid`

/** Somebody else who goes on writing to the target's fact table. */
export interface SecondWriter {
  /** Keys of the rows that the server has acknowledged. */
  readonly uuids: readonly string[]
  /** Ends it behind the row it is at, and throws what went wrong meanwhile. */
  stop(): Promise<void>
}

export async function startSecondWriter(url: string): Promise<SecondWriter> {
  const client = new pg.Client({ connectionString: url, application_name: 'second writer' })
  await client.connect()
  const uuids: string[] = []
  const stopped = new AbortController()
  const writing = write(client, uuids, stopped.signal)
  // Met by stop(); until then nobody listens.
  writing.catch(() => undefined)
  return {
    uuids,
    async stop() {
      stopped.abort()
      try {
        await writing
      } finally {
        await client.end()
      }
    },
  }
}

async function write(client: pg.Client, uuids: string[], stopped: AbortSignal): Promise<void> {
  const { fuel, region, power } = factIds
  while (!stopped.aborted) {
    const { rows } = await client.query<{ uuid: string }>(insert, [fuel, region, power])
    uuids.push(...rows.map(({ uuid }) => uuid))
    await setTimeout(pauseMs)
  }
}

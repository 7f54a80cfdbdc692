import pg from 'pg'

/** A statement; values are text or bytes, as the server is to read them. */
export interface Statement {
  /** Prepared once for each connection where given. */
  readonly name?: string | undefined
  readonly text: string
  readonly values: readonly unknown[]
}

/** What a statement did. */
export interface Outcome {
  readonly command: string
  readonly rowCount: number | null
}

/** A statement that others follow. */
export interface Preceding {
  readonly text: string
  readonly values: readonly (string | Buffer | null)[]
}

/**
 * Sends statements at once and waits for all: one round trip. The server skips those behind one that fails, because the
 * Sync message follows all of them
 * (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING). Answers the outcomes of the
 * first and of the last.
 */
export function queryBehind(
  client: pg.Client,
  before: readonly [Preceding, ...Preceding[]],
  last: Statement,
): Promise<readonly [Outcome, Outcome]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly [Outcome, Outcome]>()
  const settle = (error: Error | null | undefined, results: unknown): void => {
    if (error) return reject(error)
    const outcomes: readonly unknown[] = Array.isArray(results) ? (results as readonly unknown[]) : []
    const [ofFirst, ofLast] = [outcomes[0], outcomes[before.length]]
    if (!isOutcome(ofFirst) || !isOutcome(ofLast)) {
      return reject(new TypeError('the server did not answer all statements'))
    }
    resolve([ofFirst, ofLast])
  }
  // Extended mode also for a statement without values: only there Sync is apart from the statement.
  const config = { ...last, values: [...last.values], queryMode: 'extended' }
  const query = new pg.Query(config, settle)
  const submit = query.submit
  query.submit = (connection) => {
    connection.stream.cork()
    try {
      for (const { text, values } of before) {
        connection.parse({ name: '', text, types: [] }, true)
        connection.bind({ values: [...values] }, true)
        connection.execute(null, true)
      }
      return submit.call(query, connection)
    } finally {
      connection.stream.uncork()
    }
  }
  client.query(query)
  return promise
}

function isOutcome(value: unknown): value is Outcome {
  return typeof value === 'object' && value !== null && 'command' in value && 'rowCount' in value
}

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

/**
 * Sends two statements at once and waits for both: one round trip instead of two. The server skips the second when the
 * first fails, because the Sync message follows both
 * (https://www.postgresql.org/docs/current/protocol-flow.html#PROTOCOL-FLOW-PIPELINING). Answers
 * both outcomes.
 */
export function queryBehind(
  client: pg.Client,
  first: { readonly text: string; readonly values: readonly (string | Buffer | null)[] },
  second: Statement,
): Promise<readonly [Outcome, Outcome]> {
  const { promise, resolve, reject } = Promise.withResolvers<readonly [Outcome, Outcome]>()
  const settle = (error: Error | null | undefined, results: unknown): void => {
    if (error) return reject(error)
    const outcomes: readonly unknown[] = Array.isArray(results) ? (results as readonly unknown[]) : []
    const [ofFirst, ofSecond] = outcomes
    if (!isOutcome(ofFirst) || !isOutcome(ofSecond)) {
      return reject(new TypeError('the server did not answer both statements'))
    }
    resolve([ofFirst, ofSecond])
  }
  // Extended mode also for a statement without values: only there Sync is apart from the statement.
  const config = { ...second, values: [...second.values], queryMode: 'extended' }
  const query = new pg.Query(config, settle)
  const submit = query.submit
  query.submit = (connection) => {
    connection.stream.cork()
    try {
      connection.parse({ name: '', text: first.text, types: [] }, true)
      connection.bind({ values: [...first.values] }, true)
      connection.execute(null, true)
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

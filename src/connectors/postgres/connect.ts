import { addressName, parseAddress, type Environment } from './address.ts'
import { Sessions } from './sessions.ts'
import { PostgresTarget } from './target.ts'

export interface PostgresOptions {
  /** Schema of drover's own tables. */
  readonly ledgerSchema: string
  /** libpq's variables, which fill in what the URL leaves open; none when left out. */
  readonly environment?: Environment | undefined
  /** A server that owes an answer and is silent for so many milliseconds is looked at from the side. */
  readonly silenceMs?: number | undefined
}

/** Reads the URL; the first use connects. Throws `invalid-url`, and `name-collision` for an impossible schema name. */
export async function openPostgresTarget(url: string, options: PostgresOptions): Promise<PostgresTarget> {
  const environment = options.environment ?? {}
  const address = parseAddress(url, environment)
  const sessions = new Sessions(address, environment, options.silenceMs)
  return new PostgresTarget(addressName(address), sessions, options.ledgerSchema)
}

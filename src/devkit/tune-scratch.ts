import { randomBytes } from 'node:crypto'
import type { Environment } from '../config-layers.ts'
import { parseAddress } from '../connectors/postgres/address.ts'
import { quoteName } from '../connectors/postgres/identifiers.ts'
import { Sessions } from '../connectors/postgres/sessions.ts'

/** How long the last removal may take; it waits for transactions that are being rolled back. */
const REMOVAL_TIMEOUT_MS = 60_000

/** Two schemas that are nobody else's: everything that a measurement writes is in them. */
export class TuneScratch {
  readonly tables: string
  readonly ledger: string
  readonly #to: string
  readonly #environment: Environment

  /** Makes up the names, and nothing else: the runs create what they need. */
  constructor(to: string, environment: Environment) {
    this.tables = `drover_tune_${randomBytes(6).toString('hex')}`
    this.ledger = `${this.tables}_ledger`
    this.#to = to
    this.#environment = environment
  }

  /** Drops both with all that is in them, by a connection of its own: a run may have lost the server. */
  async drop(signal: AbortSignal): Promise<void> {
    await using sessions = new Sessions(parseAddress(this.#to, this.#environment), this.#environment)
    await sessions.use(`drop ${this.tables} and ${this.ledger}`, signal, (session) => session.run(this.#statement))
  }

  /**
   * Drops them for good, after an interruption too, so it listens to no signal. Never throws: what ended the measurement
   * is told first. Answers what has to be done by hand; null: nothing is left.
   */
  async remove(): Promise<string | null> {
    try {
      await this.drop(AbortSignal.timeout(REMOVAL_TIMEOUT_MS))
      return null
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return `the scratch schemas may be left in the target (${reason}); by hand: ${this.#statement}`
    }
  }

  get #statement(): string {
    return `drop schema if exists ${quoteName(this.tables)}, ${quoteName(this.ledger)} cascade`
  }
}

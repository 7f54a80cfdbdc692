import type { SourceOptions } from '../../contract.ts'
import { addressName, parseAddress } from '../address.ts'
import { Sessions } from '../sessions.ts'
import { PostgresSource } from './source.ts'

/**
 * Opens a source on `postgres://`, whose URL is read as that of a target is. Connects when first asked something. Throws
 * `invalid-url`.
 */
export async function openPostgresSource(
  url: string,
  { environment, shared }: SourceOptions,
  silenceMs?: number,
): Promise<PostgresSource> {
  const address = parseAddress(url, environment)
  return new PostgresSource(addressName(address), new Sessions(address, environment, silenceMs), shared)
}

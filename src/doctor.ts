import { availableParallelism } from 'node:os'
import { openSource, openTarget } from './catalog.ts'
import type { Config } from './config.ts'
import type { Finding } from './connectors/contract.ts'
import { DroverError, toErrorShape } from './core/errors.ts'
import { maskUrl } from './core/mask-url.ts'
import { chooseWorkers } from './engine/sizing.ts'

/** One end as a doctor sees it. */
export interface Checkup {
  /** Its address without secrets. */
  readonly name: string
  /** What holds, one sentence each. */
  readonly facts: readonly string[]
  readonly findings: readonly Finding[]
}

export interface DoctorReport {
  readonly source: Checkup
  readonly target: Checkup
}

/** Reaches both ends, checks versions, rights and limits, and writes nothing. What is wrong is a finding, not thrown. */
export async function checkBoth(config: Config, { signal }: { readonly signal: AbortSignal }): Promise<DoctorReport> {
  const [source, target] = await Promise.all([
    examine(config.from, signal, (found) => checkSource(config, found, signal)),
    examine(config.to, signal, (found) => checkTarget(config, found, signal)),
  ])
  return { source, target }
}

/** Collects while a check goes on, so that what was found before it failed is kept. */
interface Found {
  readonly facts: string[]
  readonly findings: Finding[]
}

async function examine(url: string, signal: AbortSignal, check: (found: Found) => Promise<void>): Promise<Checkup> {
  const found: Found = { facts: [], findings: [] }
  try {
    await check(found)
  } catch (error) {
    if (!(error instanceof DroverError) || signal.aborted) throw error
    found.findings.push({ level: 'error', error: toErrorShape(error) })
  }
  return { name: maskUrl(url), ...found }
}

async function checkSource(
  { from, clientEnvironment: environment }: Config,
  found: Found,
  signal: AbortSignal,
): Promise<void> {
  await using source = await openSource(from, { environment, shared: null })
  found.findings.push(...(await source.check(signal)))
  const tables = await source.describe(signal)
  // Parts of tables go with them, and views are none.
  const own = tables.filter(({ kind, skipped }) => skipped === null || (kind !== 'partition' && kind !== 'view'))
  const skipped = own.filter((table) => table.skipped !== null).length
  found.facts.push(`${own.length - skipped} tables can be copied, ${skipped} cannot`)
}

async function checkTarget(config: Config, found: Found, signal: AbortSignal): Promise<void> {
  const { ledgerSchema, clientEnvironment: environment } = config
  await using target = await openTarget(config.to, { ledgerSchema, environment })
  found.findings.push(...(await target.check([config.targetSchema, config.ledgerSchema], signal)))
  const connections = await target.connections(signal)
  const { limit, inUse, free } = connections
  found.facts.push(`${free} connections are free (limit ${limit}, in use ${inUse})`)
  const { count, reason } = chooseWorkers(config.workers, availableParallelism(), connections, target.maxWriters)
  found.facts.push(`a run would have ${count} workers (${reason})`)
}

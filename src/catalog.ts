import { closest } from 'fastest-levenshtein'
import type { Source, Target } from './connectors/contract.ts'
import type { Format } from './core/batch.ts'
import { DroverError } from './core/errors.ts'
import type { TablePlan } from './core/plan.ts'
import { createBsonDecoder } from './format/bson-decoder.ts'
import type { Decoder, Encoder, Transcoder } from './format/codec.ts'
import { createPgCopyEncoder } from './format/pgcopy-encoder.ts'
import { composeTranscoder } from './format/transcode.ts'

// The only list of what is built in. A connector is loaded when a URL asks for it.

export interface TargetOptions {
  readonly ledgerSchema: string
  /** What the database's own clients read from the environment. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

const sources: Readonly<Record<string, (url: string) => Promise<Source>>> = {
  mongodb: async (url) => (await import('./connectors/mongodb/connect.ts')).openMongoSource(url),
  'mongodb+srv': async (url) => (await import('./connectors/mongodb/connect.ts')).openMongoSource(url),
}

const targets: Readonly<Record<string, (url: string, options: TargetOptions) => Promise<Target>>> = {
  postgres: async (url, options) => (await import('./connectors/postgres/connect.ts')).openPostgresTarget(url, options),
  postgresql: async (url, options) =>
    (await import('./connectors/postgres/connect.ts')).openPostgresTarget(url, options),
}

const decoders: Readonly<Partial<Record<Format, (plan: TablePlan, keyField: string) => Decoder>>> = {
  bson: createBsonDecoder,
}

const encoders: Readonly<Partial<Record<Format, (plan: TablePlan) => Encoder>>> = {
  pgcopy: createPgCopyEncoder,
}

/** Opens the source a URL names. Throws `unknown-scheme`, and what the connector throws. */
export async function openSource(url: string): Promise<Source> {
  return choose(sources, targets, url, 'source')(url)
}

/** Opens the target a URL names. Throws `unknown-scheme`, and what the connector throws. */
export async function openTarget(url: string, options: TargetOptions): Promise<Target> {
  return choose(targets, sources, url, 'target')(url, options)
}

/** The way from one format to another for one table, through rows. */
export function createTranscoder(from: Format, to: Format, plan: TablePlan, keyField: string): Transcoder {
  const decoder = decoders[from]
  const encoder = encoders[to]
  if (decoder === undefined || encoder === undefined) {
    throw new DroverError('unexpected', `there is no way from ${from} to ${to}`)
  }
  return composeTranscoder(decoder(plan, keyField), encoder(plan))
}

function choose<T>(
  from: Readonly<Record<string, T>>,
  others: Readonly<Record<string, unknown>>,
  url: string,
  role: 'source' | 'target',
): T {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  const known = Object.keys(from)
  const list = known.map((name) => `${name}://`).join(', ')
  if (scheme === undefined) {
    throw new DroverError('invalid-url', `the ${role} is not a URL: it does not begin with a scheme`, {
      hint: `a ${role} begins with ${list}`,
    })
  }
  const found = Object.hasOwn(from, scheme) ? from[scheme] : undefined
  if (found !== undefined) return found
  const part = Object.hasOwn(others, scheme) ? `${scheme}:// cannot be a ${role}` : `unknown scheme ${scheme}://`
  throw new DroverError('unknown-scheme', part, {
    hint: `did you mean ${closest(scheme, known)}://? a ${role} is one of ${list}`,
  })
}

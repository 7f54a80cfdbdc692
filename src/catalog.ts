import { closest } from 'fastest-levenshtein'
import type { Source, SourceOptions, Target } from './connectors/contract.ts'
import type { Selection } from './connectors/planned-table.ts'
import type { Format } from './core/batch.ts'
import { DroverError } from './core/errors.ts'
import type { TablePlan } from './core/plan.ts'
import type { Pipeline, TransformSpec } from './core/transform.ts'
import { createBsonDecoder } from './format/bson-decoder.ts'
import type { JoinScalars } from './format/array-type.ts'
import type { Decoder, Observer, RowEncoder, Transcoder } from './format/codec.ts'
import { createDirectTranscoder } from './format/direct/direct-transcoder.ts'
import { displayText } from './format/json-text.ts'
import { createPassThrough } from './format/pass-through.ts'
import { createPgCopyDecoder, pgcopyKeys } from './format/pgcopy-decoder.ts'
import { createPgCopyEncoder } from './format/pgcopy-encoder.ts'
import { createPgTextEncoder } from './format/pgtext-encoder.ts'
import { createPgTextDecoder, pgtextKeys } from './format/pgtext-keys.ts'
import { createSqliteDecoder } from './format/sqlite-decoder.ts'
import { createSqliteEncoder } from './format/sqlite-encoder.ts'
import { createSqliteTranscoder } from './format/sqlite-direct/sqlite-transcoder.ts'
import { composeTranscoder } from './format/transcode.ts'

// The only list of what is built in. A connector is loaded when a URL asks for it, and what most workers never need (looking
// at rows, transforms) when somebody does: each of them is a thread or process that starts with what it loads.

export interface TargetOptions {
  readonly ledgerSchema: string
  /** What the database's own clients read from the environment. */
  readonly environment: Readonly<Record<string, string | undefined>>
}

/** Rows of a table, and what they are like. */
type LaidOut = Pick<Selection, 'table' | 'layout'>

const sources: Readonly<Record<string, (url: string, options: SourceOptions) => Promise<Source>>> = {
  mongodb: async (url) => (await import('./connectors/mongodb/connect.ts')).openMongoSource(url),
  'mongodb+srv': async (url) => (await import('./connectors/mongodb/connect.ts')).openMongoSource(url),
  bson: async (url) => (await import('./connectors/bson-dump/connect.ts')).openDumpSource(url),
  sqlite: async (url, options) => (await import('./connectors/sqlite/connect.ts')).openSqliteSource(url, options),
  postgres: async (url, options) =>
    (await import('./connectors/postgres/source/connect.ts')).openPostgresSource(url, options),
  postgresql: async (url, options) =>
    (await import('./connectors/postgres/source/connect.ts')).openPostgresSource(url, options),
}

const targets: Readonly<Record<string, (url: string, options: TargetOptions) => Promise<Target>>> = {
  postgres: async (url, options) => (await import('./connectors/postgres/connect.ts')).openPostgresTarget(url, options),
  postgresql: async (url, options) =>
    (await import('./connectors/postgres/connect.ts')).openPostgresTarget(url, options),
  sqlite: async (url, options) =>
    (await import('./connectors/sqlite/target-connect.ts')).openSqliteTarget(url, options),
}

/** `repairs`: what comes next may repair values that are none of their columns' types. */
const decoders: Readonly<Partial<Record<Format, (plan: TablePlan, keyField: string, repairs: boolean) => Decoder>>> = {
  bson: createBsonDecoder,
  pgcopy: createPgCopyDecoder,
  pgtext: createPgTextDecoder,
  sqlite: (plan, _, repairs) => createSqliteDecoder(plan, repairs),
}

const encoders: Readonly<Partial<Record<Format, (plan: TablePlan) => RowEncoder>>> = {
  pgcopy: createPgCopyEncoder,
  pgtext: createPgTextEncoder,
  sqlite: createSqliteEncoder,
}

/** From a format to another without making rows; they answer null for a plan that needs them. */
const directWays: Readonly<Record<string, (plan: TablePlan, keyField: string) => Transcoder | null>> = {
  'bson pgcopy': createDirectTranscoder,
  'pgcopy pgcopy': (plan) => createPassThrough(plan, pgcopyKeys),
  'pgtext pgtext': (plan) => createPassThrough(plan, pgtextKeys),
  'sqlite pgcopy': (plan) => createSqliteTranscoder(plan),
  'sqlite sqlite': (plan) => (plan.layout?.raw === true ? createPassThrough(plan, createSqliteDecoder) : null),
}

const observers: Readonly<
  Partial<Record<Format, (keyField: string, join: JoinScalars, mendsNames: boolean) => Promise<Observer>>>
> = {
  bson: async (...given) => (await import('./format/bson-observe.ts')).createBsonObserver(...given),
}

/** Opens the source a URL names. Throws `unknown-scheme`, and what the connector throws. */
export async function openSource(url: string, options: SourceOptions): Promise<Source> {
  return choose(sources, targets, url, 'source')(url, options)
}

/** Opens the target a URL names. Throws `unknown-scheme`, and what the connector throws. */
export async function openTarget(url: string, options: TargetOptions): Promise<Target> {
  return choose(targets, sources, url, 'target')(url, options)
}

/**
 * The way from one format to another for one table: straight from bytes to bytes where there is such a way and nothing
 * wants to see the rows, otherwise through rows. Throws `invalid-transform`.
 */
export async function createTranscoder(
  from: Format,
  to: Format,
  planned: TablePlan,
  keyField: string,
  repair: TransformSpec | null = null,
): Promise<Transcoder> {
  const given = planned.layout?.format ?? from
  const sent = planned.sentAs ?? to
  const decoder = decoders[given]
  const encoder = encoders[sent]
  const unchanged = (planned.transform?.steps ?? []).length === 0 && repair === null
  const direct = unchanged ? (directWays[`${given} ${sent}`]?.(planned, keyField) ?? null) : null
  if (direct !== null) return direct
  if (decoder === undefined || encoder === undefined) throw noWay(`from ${given} to ${sent}`)
  const repairing = await pipelineFor(repair, planned.source)
  const own = await pipelineFor(planned.transform ?? null, planned.source)
  // A plan with a transform lets every field through to it.
  const plan = repair === null ? planned : { ...planned, transform: planned.transform ?? repair }
  const pipeline = repairing === null || own === null ? (repairing ?? own) : await joined(repairing, own)
  return composeTranscoder(decoder(plan, keyField, repair !== null), encoder(plan), pipeline)
}

/**
 * Looks at rows of one table as they are in the source, or as a transform leaves them. Throws `invalid-transform`.
 * `mendsNames`: rows with a name that is no UTF-8 count as they will be once it is mended, and not as damaged.
 */
export async function createObserver(
  from: Format,
  keyField: string,
  { table, layout }: LaidOut,
  transform: TransformSpec | null,
  mendsNames = false,
): Promise<Observer> {
  const format = layout?.format ?? from
  const observer = observers[format]
  const decoder = decoders[format]
  if (decoder === undefined) throw noWay(`to look at ${format}`)
  const { joinScalars } = await import('./schema/lattice.ts')
  const pipeline = await pipelineFor(transform, table)
  const raw = observer === undefined ? null : await observer(keyField, joinScalars, mendsNames)
  if (pipeline === null && raw !== null) return raw
  const { createRowObserver } = await import('./format/row-observe.ts')
  const rows = decoder(everything({ table, layout }, transform ?? { file: null, steps: [] }), keyField, false)
  const transformed = createRowObserver(rows, pipeline, joinScalars, layout)
  return raw === null ? transformed : besideRaw(transformed, raw)
}

/** Looks at rows behind a transform, and before it for what rows do not tell. */
async function besideRaw(transformed: Observer, raw: Observer): Promise<Observer> {
  const { keepDoubles } = await import('./schema/keep-doubles.ts')
  return {
    async observe(batch) {
      await raw.observe(batch)
      await transformed.observe(batch)
    },
    sample: (complete) => keepDoubles(transformed.sample(complete), raw.sample(complete)),
  }
}

/** Decodes rows with all of their fields, apart from any plan. */
export function createRowDecoder(from: Format, keyField: string, rows: LaidOut): Decoder {
  const format = rows.layout?.format ?? from
  const decoder = decoders[format]
  if (decoder === undefined) throw noWay(`to look at ${format}`)
  return decoder(everything(rows, { file: null, steps: [] }), keyField, false)
}

async function joined(first: Pipeline, second: Pipeline): Promise<Pipeline> {
  const { chain } = await import('./transforms/chain.ts')
  return chain(first, second)
}

/** The pipeline of a table; null: its rows are left as they are. Throws `invalid-transform`. */
export async function pipelineFor(transform: TransformSpec | null, table: string): Promise<Pipeline | null> {
  if (transform === null || transform.steps.length === 0) return null
  const [{ loadPipeline }, { parseTypeName }, { castValue }] = await Promise.all([
    import('./transforms/pipeline.ts'),
    import('./schema/type-names.ts'),
    import('./format/cast-value.ts'),
  ])
  return loadPipeline(transform, table, {
    caster: (name) => {
      const type = parseTypeName(name)
      return (value) => castValue(value, type, 'plain')
    },
    show: displayText,
  })
}

/** A plan under which every field is decoded. */
function everything({ table: source, layout }: LaidOut, transform: TransformSpec | null): TablePlan {
  const target = { schema: '', name: source }
  const kept = {
    source,
    target,
    columns: [],
    key: [],
    ignore: [],
    nestedJson: 'plain',
    schemaVersion: 0,
    layout,
  } as const
  return { ...kept, transform: transform ?? undefined }
}

function noWay(words: string): DroverError {
  return new DroverError('unexpected', `there is no way ${words}`)
}

function choose<T>(
  from: Readonly<Record<string, T>>,
  others: Readonly<Record<string, unknown>>,
  url: string,
  role: 'source' | 'target',
): T {
  const scheme = /^([a-z][a-z0-9+.-]*):/i.exec(url)?.[1]?.toLowerCase()
  const known = Object.keys(from)
  const list = known.map(written).join(', ')
  if (scheme === undefined) {
    throw new DroverError('invalid-url', `the ${role} is not a URL: it does not begin with a scheme`, {
      hint: `a ${role} begins with ${list}`,
    })
  }
  const found = Object.hasOwn(from, scheme) ? from[scheme] : undefined
  if (found !== undefined) return found
  const part = Object.hasOwn(others, scheme) ? `${scheme}: cannot be a ${role}` : `unknown scheme ${scheme}:`
  throw new DroverError('unknown-scheme', part, {
    hint: `did you mean ${written(closest(scheme, known))}? a ${role} is one of ${list}`,
  })
}

/** Addresses of servers have a host, those of files a path. */
function written(scheme: string): string {
  return scheme === 'bson' || scheme === 'sqlite' ? `${scheme}:PATH` : `${scheme}://`
}

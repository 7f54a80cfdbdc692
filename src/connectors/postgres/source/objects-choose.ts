import type { ListedObject } from '../../../core/carried-object.ts'
import { DroverError } from '../../../core/errors.ts'
import type { ObjectsRequest } from '../../structure.ts'
import type { DatabaseObject } from './objects-catalogue.ts'
import type { DependencyGraph } from './objects-graph.ts'
import { isBuiltIn, isTable, kindOf, whyNot, type CarriableKind } from './objects-kinds.ts'
import type { CatalogTrigger } from './objects-triggers.ts'

/** A table that is copied. */
export interface KnownTable {
  readonly thing: string
  /** For people. */
  readonly name: string
  /** In the target it is called as in the source, and so are its columns. */
  readonly keepsNames: boolean
}

interface Given {
  readonly graph: DependencyGraph
  readonly objects: ReadonlyMap<string, DatabaseObject>
  readonly tables: readonly KnownTable[]
  readonly triggers: readonly CatalogTrigger[]
  readonly request: Pick<ObjectsRequest, 'schemas' | 'functions'>
}

/** In the order in which they can be made. */
export interface ChosenObjects {
  readonly before: readonly string[]
  readonly after: readonly string[]
  readonly triggers: readonly CatalogTrigger[]
  readonly listed: readonly ListedObject[]
}

/** Kinds that are there for their own sake; functions are only where they are asked for, or something needs them. */
const ranks: readonly CarriableKind[] = [
  ...(['schema', 'extension', 'collation', 'type', 'sequence'] as const),
  ...(['function', 'procedure', 'view', 'materialized view'] as const),
]
/** Made before tables even where no table needs it, unless it needs one. */
const early: ReadonlySet<CarriableKind | null> = new Set(['schema', 'extension', 'collation', 'type', 'sequence'])

/** Throws `missing-dependency`. */
export function chooseObjects(given: Given): ChosenObjects {
  const { graph, objects, tables, request } = given
  const needed = neededByTables(given)
  const listed: ListedObject[] = []
  const before = new Set(needed)
  const after = new Set<string>()
  for (const object of objects.values()) {
    if (!isWanted(object, request) || before.has(object.thing)) continue
    const needs = [object.thing, ...needsOf(given, [object.thing])]
    const reason = whyLeft(given, needs)
    if (reason !== null) {
      listed.push({ kind: object.type, name: object.identity, reason })
      continue
    }
    const carried = needs.filter((thing) => !isTableThing(given, thing))
    const soon = carried.length === needs.length && early.has(kindOf(object))
    for (const thing of carried) (soon ? before : after).add(thing)
  }
  for (const object of objects.values()) {
    if (isUnasked(object, request) && !before.has(object.thing) && !after.has(object.thing)) {
      listed.push({ kind: object.type, name: object.identity, reason: onRequest })
    }
  }
  const triggers = chooseTriggers(given, listed)
  for (const trigger of triggers) {
    const called = graph.wholeOf(trigger.calls)
    for (const thing of [called, ...needsOf(given, [called])]) {
      if (!isBuiltIn(thing) && !isTableThing(given, thing)) after.add(thing)
    }
  }
  const late = [...after].filter((thing) => !before.has(thing))
  return { before: sorted(given, before, tables), after: sorted(given, late, tables), triggers, listed }
}

const onRequest = 'functions and triggers are code, and carried on request only'

function neededByTables(given: Given): readonly string[] {
  const { objects, tables } = given
  const things = new Set(tables.map(({ thing }) => thing))
  const needed = needsOf(given, [...things])
  for (const thing of needed) {
    const object = objects.get(thing)
    if (object === undefined) throw new DroverError('unexpected', `a table needs ${thing}, which is gone`)
    if (isTable(object)) {
      if (things.has(thing)) continue
      throw unmet(given, thing, 'a table that is not copied with it')
    }
    if (kindOf(object) === null) throw unmet(given, thing, whyNot(object))
    const table = needsOf(given, [thing]).find((need) => isTableThing(given, need))
    if (table === undefined) continue
    throw unmet(given, thing, `it needs the table ${objects.get(table)?.identity} itself, so neither can be made first`)
  }
  return needed.filter((thing) => !isTableThing(given, thing))
}

/** Nothing beyond a table: what that one needs is its own affair. */
function needsOf({ graph, objects }: Given, things: readonly string[]): readonly string[] {
  const isEnd = (thing: string): boolean => {
    const object = objects.get(thing)
    return object !== undefined && isTable(object)
  }
  return [...graph.allNeedsOf(things, isEnd)].filter((thing) => !isBuiltIn(thing))
}

function isTableThing({ objects }: Given, thing: string): boolean {
  const object = objects.get(thing)
  return object !== undefined && isTable(object)
}

function unmet(given: Given, thing: string, reason: string): DroverError {
  const { objects, tables } = given
  const table = tables.find((table) => needsOf(given, [table.thing]).includes(thing))
  const object = objects.get(thing)
  return new DroverError(
    'missing-dependency',
    `table ${table?.name} needs ${object?.type} ${object?.identity}, which cannot be carried: ${reason}`,
    { hint: 'make the table in the target by hand, and copy into it with --mode append; or leave it out' },
  )
}

function isWanted(object: DatabaseObject, { schemas, functions }: Given['request']): boolean {
  const { thing, schema, name, relationKind } = object
  if (isBuiltIn(thing) || isTable(object) || relationKind === 'f') return false
  const kind = kindOf(object)
  const inside = schemas === 'all' || schemas.includes(kind === 'schema' ? name : (schema ?? ''))
  if (!inside) return false
  if (kind === null) return listable.has(object.thing.split(' ')[0] ?? '')
  return functions || (kind !== 'function' && kind !== 'procedure')
}

/** Catalogues whose objects somebody would miss by name. */
const listable: ReadonlySet<string> = new Set([
  'pg_type',
  'pg_proc',
  'pg_operator',
  'pg_opclass',
  'pg_language',
  'pg_am',
  'pg_ts_config',
  'pg_ts_dict',
  'pg_opfamily',
  'pg_foreign_data_wrapper',
])

/** A function that nobody has asked for. */
function isUnasked(object: DatabaseObject, { schemas, functions }: Given['request']): boolean {
  const kind = kindOf(object)
  if (functions || (kind !== 'function' && kind !== 'procedure') || isBuiltIn(object.thing)) return false
  return schemas === 'all' || schemas.includes(object.schema ?? '')
}

/** Null: all of it can be carried. */
function whyLeft(given: Given, needs: readonly string[]): string | null {
  for (const thing of needs) {
    const object = given.objects.get(thing)
    if (object === undefined) return `it needs ${thing}, which is gone`
    const own = thing === needs[0]
    if (isTable(object)) {
      const copied = given.tables.find((table) => table.thing === thing)
      if (copied === undefined) return `it needs table ${object.identity}, which is not copied`
      if (!copied.keepsNames) return `it needs table ${object.identity}, which has other names or types in the target`
    } else if (kindOf(object) === null) {
      return own ? whyNot(object) : `it needs ${object.type} ${object.identity}: ${whyNot(object)}`
    }
  }
  return null
}

function chooseTriggers(given: Given, listed: ListedObject[]): readonly CatalogTrigger[] {
  const { graph, objects, request, triggers } = given
  return triggers.filter((trigger) => {
    const object = objects.get(graph.wholeOf(trigger.table))
    const schema = object?.schema ?? ''
    if (object === undefined || (request.schemas !== 'all' && !request.schemas.includes(schema))) return false
    const called = graph.wholeOf(trigger.calls)
    const needs = [object.thing, ...(isBuiltIn(called) ? [] : [called, ...needsOf(given, [called])])]
    const reason = request.functions ? whyLeft(given, needs) : onRequest
    if (reason !== null) listed.push({ kind: 'trigger', name: trigger.name, reason })
    return reason === null
  })
}

/** Throws `missing-dependency` for objects that need each other. */
function sorted(given: Given, things: Iterable<string>, tables: readonly KnownTable[]): readonly string[] {
  const { graph, objects } = given
  const rank = (thing: string): number => {
    const object = objects.get(thing)
    const kind = object === undefined ? null : kindOf(object)
    return kind === null ? ranks.length : ranks.indexOf(kind)
  }
  const chosen = new Set(things)
  const ranked = [...objects.keys()].filter((thing) => chosen.has(thing)).toSorted((a, b) => rank(a) - rank(b))
  const order = graph.inOrder(ranked)
  const [circle] = order.circles
  if (circle === undefined) return order.sorted
  const names = order.circles.map((thing) => objects.get(thing)?.identity).join(', ')
  throw new DroverError('missing-dependency', `these need each other, so none of them can be made first: ${names}`, {
    hint: `make them in the target by hand${tables.length === 0 ? '' : ', and copy into tables that are there'}`,
  })
}

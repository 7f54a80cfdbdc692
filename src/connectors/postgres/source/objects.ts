import type { CarriedObject, DatabaseObjects, ListedObject } from '../../../core/carried-object.ts'
import { DroverError } from '../../../core/errors.ts'
import type { ObjectsRequest } from '../../structure.ts'
import { answersTo, asDefined } from '../definitions.ts'
import { quoteTable } from '../identifiers.ts'
import type { Session } from '../session.ts'
import { readGraph, readSchemas, readThings, type DatabaseObject } from './objects-catalogue.ts'
import { chooseObjects, type ChosenObjects, type KnownTable } from './objects-choose.ts'
import { defineAll } from './objects-define-all.ts'
import { readListed } from './objects-listed.ts'
import { readSettings, type TableSettings } from './objects-settings.ts'
import { readTriggers } from './objects-triggers.ts'

/**
 * What a database has beside tables, in the order in which it can be made elsewhere. Throws `missing-dependency` where a
 * table needs what cannot be carried, and `missing-right` for a sequence that must not be read.
 */
export function readObjects(session: Session, request: ObjectsRequest): Promise<DatabaseObjects> {
  return asDefined(session, () => read(session, request))
}

async function read(session: Session, request: ObjectsRequest): Promise<DatabaseObjects> {
  const graph = await readGraph(session)
  const tables = await readTables(session, request)
  const triggers = await readTriggers(session)
  const everything = request.schemas === 'all' || request.schemas.length > 0
  const looked = new Set([
    ...graph.allNeedsOf(tables.map(({ thing }) => thing)),
    ...(everything ? [...graph.wholes, ...triggers.map(({ calls }) => graph.wholeOf(calls))] : []),
    ...(request.schemas === 'all' ? await readSchemas(session) : []),
  ])
  const objects = new Map((await readThings(session, looked)).map((object) => [object.thing, object]))
  const chosen = chooseObjects({ graph, objects, tables, triggers, request })
  const settings = await readSettings(session, request.tables)
  return {
    carried: await carry(session, objects, chosen, settings),
    listed: [...chosen.listed, ...settings.listed, ...(everything ? await listRest(session, request) : [])],
  }
}

async function carry(
  session: Session,
  objects: ReadonlyMap<string, DatabaseObject>,
  { before, after, triggers }: ChosenObjects,
  settings: TableSettings,
): Promise<readonly CarriedObject[]> {
  const known = (things: readonly string[]): readonly DatabaseObject[] =>
    things.flatMap((thing) => objects.get(thing) ?? [])
  const defined = [
    ...(await defineAll(session, known(before))).map((object) => ({ ...object, phase: 'before' as const })),
    ...settings.first.map((object) => ({ ...object, phase: 'after' as const })),
    ...(await defineAll(session, known(after))).map((object) => ({ ...object, phase: 'after' as const })),
    ...triggers.map((object) => ({ ...object, phase: 'after' as const })),
    ...settings.last.map((object) => ({ ...object, phase: 'after' as const })),
  ]
  const found = await answersTo(
    session,
    defined.map(({ look, ask = look }) => ask),
  )
  return defined.map(({ kind, name, phase, sql, look, undo }, i) => {
    const is = found[i]
    if (is === undefined || is === null) throw new DroverError('unexpected', `${kind} ${name} is gone`)
    return { kind, name, phase, sql, look, found: is, undo }
  })
}

async function listRest(session: Session, { tables }: ObjectsRequest): Promise<readonly ListedObject[]> {
  return readListed(
    session,
    tables.map(({ from }) => quoteTable(from)),
  )
}

/** Throws `missing-table`. */
async function readTables(session: Session, { tables }: ObjectsRequest): Promise<readonly KnownTable[]> {
  const names = tables.map(({ from }) => quoteTable(from))
  const { rows } = await session.query<{ thing: string | null }>(
    `select 'pg_class ' || to_regclass(name)::oid as thing from unnest($1::text[]) with ordinality as asked (name, place) order by place`,
    [names],
  )
  return tables.map(({ from, to, sameColumns }, i) => {
    const thing = rows[i]?.thing ?? null
    if (thing === null) {
      throw new DroverError('missing-table', `there is no table ${from.schema}.${from.name}`, {
        hint: 'look at it, and plan again',
      })
    }
    const isSame = from.schema === to.schema && from.name === to.name
    return { thing, name: `${from.schema}.${from.name}`, keepsNames: isSame && sameColumns }
  })
}

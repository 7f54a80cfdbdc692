import { DroverError } from '../../../core/errors.ts'
import { quoteTable } from '../identifiers.ts'
import type { Session } from '../session.ts'
import { literal } from './native-columns.ts'
import type { DatabaseObject } from './objects-catalogue.ts'
import { kindOf, type CarriableKind } from './objects-kinds.ts'
import { collations, define, extensions, schemas, type DefinedObject, type Definer } from './objects-define.ts'
import { functions, procedures, sequences, types } from './objects-types.ts'
import { materializedViews, views } from './objects-views.ts'

const definers: Readonly<Record<CarriableKind, Definer>> = {
  schema: schemas,
  extension: extensions,
  collation: collations,
  type: types,
  sequence: sequences,
  function: functions,
  procedure: procedures,
  view: views,
  'materialized view': materializedViews,
}

/** In the order given. */
export async function defineAll(
  session: Session,
  objects: readonly DatabaseObject[],
): Promise<readonly DefinedObject[]> {
  const defined = new Map<string, DefinedObject>()
  for (const [kind, ofKind] of Map.groupBy(objects, kindOf)) {
    if (kind === null) continue
    for (const [thing, object] of await define(session, definers[kind], ofKind)) defined.set(thing, object)
  }
  const all: DefinedObject[] = []
  for (const object of objects) {
    const found = defined.get(object.thing)
    if (found === undefined) throw new DroverError('unexpected', `${object.type} ${object.identity} cannot be carried`)
    all.push(found.kind === 'sequence' ? await withState(session, found, object) : found)
  }
  return all
}

/** A sequence goes on where it stands. Throws `missing-right`. */
async function withState(
  session: Session,
  defined: DefinedObject,
  { identity, schema, name, oid }: DatabaseObject,
): Promise<DefinedObject> {
  const { rows } = await session.query<{ readable: boolean }>(
    `select has_sequence_privilege($1::oid, 'select') as readable`,
    [oid],
  )
  if (rows[0]?.readable !== true) {
    throw new DroverError('missing-right', `this user may not read the sequence ${identity}`, {
      hint: `grant select on sequence ${identity} to it`,
    })
  }
  const quoted = quoteTable({ schema: schema ?? '', name })
  const { rows: states } = await session.query<{ sql: string }>(
    `select format('select pg_catalog.setval(%s, %s, %s)', $1::text, last_value, is_called::text) as sql from ${quoted}`,
    [`${literal(quoted)}::regclass`],
  )
  return { ...defined, sql: [...defined.sql, ...states.map(({ sql }) => sql)] }
}

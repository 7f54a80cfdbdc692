import type { CarriedObject, ObjectKind } from '../../../core/carried-object.ts'
import { DroverError } from '../../../core/errors.ts'
import type { Session } from '../session.ts'
import { literal } from './native-columns.ts'
import type { DatabaseObject } from './objects-catalogue.ts'

/** An object but for its phase, and for what the source has. */
export interface DefinedObject extends Omit<CarriedObject, 'phase' | 'found'> {
  /** What `look` is in the source, where the things that it names have other names there. */
  readonly ask?: string | undefined
}

/** Statements, by number; each begins with what makes the object. */
export async function statementsBy(
  session: Session,
  query: string,
  oids: readonly number[],
): Promise<ReadonlyMap<number, readonly string[]>> {
  const { rows } = await session.query<{ oid: number; sql: readonly (string | null)[] }>(query, [oids])
  return new Map(rows.map(({ oid, sql }) => [oid, sql.filter((statement) => statement !== null)]))
}

const findSchemas = `
  select n.oid, array[format('create schema %I', n.nspname), ${comment('pg_namespace', 'n.oid', `'schema ' || quote_ident(n.nspname)`)}] as sql
  from pg_namespace n where n.oid = any ($1::oid[])`

const findExtensions = `
  select e.oid, array[format('create extension %I with schema %I', e.extname, n.nspname)] as sql
  from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.oid = any ($1::oid[])`

/** How a locale is called has moved from column to column; rules are of PostgreSQL 16 and later. */
const findCollations = `
  select l.oid, array[
    format('create collation %I.%I (provider = %s, %s, deterministic = %s%s)', n.nspname, l.collname,
      case l.collprovider when 'i' then 'icu' when 'b' then 'builtin' else 'libc' end,
      case when l.collprovider = 'c' then format('lc_collate = %L, lc_ctype = %L', l.collcollate, l.collctype)
        else format('locale = %L', ${localeOf('l')}) end,
      l.collisdeterministic::text, ', rules = ' || quote_literal(to_jsonb(l) ->> 'collicurules')),
    ${comment('pg_collation', 'l.oid', `format('collation %I.%I', n.nspname, l.collname)`)}] as sql
  from pg_collation l join pg_namespace n on n.oid = l.collnamespace where l.oid = any ($1::oid[])`

function localeOf(row: string): string {
  return `coalesce(to_jsonb(${row}) ->> 'colllocale', to_jsonb(${row}) ->> 'colliculocale', ${row}.collcollate)`
}

/** SQL for the statement that sets the comment which an object has; NULL: it has none. */
export function comment(catalogue: string, oid: string, on: string): string {
  return `'comment on ' || ${on} || ' is ' || quote_literal(obj_description(${oid}, '${catalogue}'))`
}

/** How objects of one kind are made, told apart and removed. */
export interface Definer {
  readonly kind: ObjectKind
  readonly query: string
  /** Query for what a database has under the name. */
  readonly look: (object: DatabaseObject) => string
  readonly undo: (object: DatabaseObject) => string
}

export const schemas: Definer = {
  kind: 'schema',
  query: findSchemas,
  look: ({ name }) => `select 'schema' from pg_namespace where nspname = ${literal(name)}`,
  undo: ({ identity }) => `drop schema ${identity}`,
}

export const extensions: Definer = {
  kind: 'extension',
  query: findExtensions,
  look: ({ name }) =>
    `select n.nspname from pg_extension e join pg_namespace n on n.oid = e.extnamespace where e.extname = ${literal(name)}`,
  undo: ({ identity }) => `drop extension ${identity}`,
}

export const collations: Definer = {
  kind: 'collation',
  query: findCollations,
  look: ({ schema, name }) =>
    `select concat_ws(' ', l.collprovider, ${localeOf('l')}, l.collisdeterministic)
     from pg_collation l join pg_namespace n on n.oid = l.collnamespace
     where n.nspname = ${literal(schema ?? '')} and l.collname = ${literal(name)}`,
  undo: ({ identity }) => `drop collation ${identity}`,
}

/** Objects of one kind. */
export async function define(
  session: Session,
  { kind, query, look, undo }: Definer,
  objects: readonly DatabaseObject[],
): Promise<ReadonlyMap<string, DefinedObject>> {
  const oids = objects.map(({ oid }) => oid)
  const statements = await statementsBy(session, query, oids)
  return new Map(
    objects.map((object) => {
      const sql = statements.get(object.oid)
      if (sql === undefined) throw new DroverError('unexpected', `${object.type} ${object.identity} is gone`)
      return [object.thing, { kind, name: object.identity, sql, look: look(object), undo: undo(object) }]
    }),
  )
}

import { DroverError } from '../../core/errors.ts'
import type { Connection } from './database.ts'
import { quoteName } from './names.ts'

/** Number of the newest step in {@link steps}; a ledger of a higher one was written by a newer drover. */
export const ledgerVersion = 1

const names = [
  'version',
  'migration',
  'table',
  'part',
  'partition',
  'entry',
  'mark',
  'letter',
  'coercion',
  'object',
  'checked',
] as const

/** Names of the ledger's tables, quoted. A file has no schemas, so what would be one is the beginning of each name. */
export type LedgerTables = { readonly [name in (typeof names)[number]]: string } & { readonly prefix: string }

export function ledgerTables(prefix: string): LedgerTables {
  const quoted = (name: (typeof names)[number]): string => quoteName(`${prefix}_${name}`)
  return {
    prefix,
    version: quoted('version'),
    migration: quoted('migration'),
    table: quoted('table'),
    part: quoted('part'),
    partition: quoted('partition'),
    entry: quoted('entry'),
    mark: quoted('mark'),
    letter: quoted('letter'),
    coercion: quoted('coercion'),
    object: quoted('object'),
    checked: quoted('checked'),
  }
}

/** Now, as texts that sort and that people can read. */
export const now = `strftime('%Y-%m-%dT%H:%M:%fZ', 'now')`

/**
 * One step for each version, never changed once released. Bounds are the source's raw bytes, NULL for an open end. `part`
 * has every target table of a plan, child tables too. `table_key` is the same for two names of one table. Migrations and
 * marks have a number, by which the newest is known. `planned` is what the other columns of its table do not say of a
 * planned table. `target_schema` and `target_name` are the names for good, those in `plan` the names at present. An
 * object is noted in the transaction that makes it.
 */
const steps: readonly ((tables: LedgerTables) => string)[] = [
  ({ prefix, version, migration, table, part, partition, entry, mark, letter, coercion, object, checked }) => `
    create table ${version} (number integer not null);
    insert into ${version} values (0);

    create table ${migration} (
      number integer primary key,
      id text not null unique,
      source text not null,
      target text not null,
      options text not null,
      state text not null check
        (state in ('copying', 'finishing', 'verifying', 'done', 'stopped', 'superseded', 'rolled-back')),
      error text,
      epoch integer not null,
      began_at text not null default (${now}),
      changed_at text not null default (${now})
    );

    create table ${table} (
      migration text not null,
      source text not null,
      target_schema text not null,
      target_name text not null,
      table_key text not null,
      mode text not null,
      existed integer not null,
      baseline integer not null,
      plan text not null,
      selection text not null,
      planned text not null,
      primary key (migration, source),
      unique (migration, table_key)
    );

    create table ${part} (
      migration text not null,
      source text not null,
      number integer not null,
      target_schema text not null,
      target_name text not null,
      table_key text not null,
      primary key (migration, source, number),
      unique (migration, table_key)
    );

    create table ${partition} (
      migration text not null,
      id integer not null,
      source text not null,
      after blob,
      up_to blob,
      open integer not null default 1,
      epoch integer not null,
      schema_version integer not null,
      replaces integer,
      replay integer not null default 0,
      primary key (migration, id)
    );

    create table ${entry} (
      migration text not null,
      partition integer not null,
      seq integer not null,
      after blob,
      up_to blob,
      last integer not null,
      read integer not null,
      written integer not null,
      filtered integer not null,
      skipped integer not null,
      dead_letters integer not null,
      derived integer not null,
      bytes integer not null,
      epoch integer not null,
      committed_at text not null default (${now}),
      primary key (migration, partition, seq)
    ) without rowid;

    create table ${mark} (
      number integer primary key autoincrement,
      source text not null,
      source_table text not null,
      table_key text not null,
      field text not null,
      value text not null,
      migration text not null,
      saved_at text not null default (${now}),
      unique (source, source_table, table_key, field, migration)
    );

    create table ${letter} (
      id integer primary key autoincrement,
      migration text not null,
      source text not null,
      partition integer not null,
      seq integer not null,
      place integer not null,
      key blob,
      key_text text not null,
      raw blob not null,
      format text not null,
      stage text not null check (stage in ('decode', 'transform', 'encode', 'store')),
      code text not null,
      reason text not null,
      column_name text,
      value text,
      buried_at text not null default (${now}),
      resolved_at text,
      resolved_by text
    );
    create index ${quoteName(`${prefix}_letter_open`)} on ${letter} (migration, source, id) where resolved_at is null;

    create table ${coercion} (
      migration text not null,
      partition integer not null,
      seq integer not null,
      path text not null,
      name text not null,
      uses integer not null,
      primary key (migration, partition, seq, path, name)
    ) without rowid;

    create table ${object} (
      migration text not null,
      number integer not null,
      kind text not null check (kind in ('table', 'column', 'replaced')),
      target_schema text not null,
      target_name text not null,
      column_name text,
      primary key (migration, number)
    );

    create table ${checked} (
      check_id text not null,
      part text not null,
      found blob not null,
      saved_at text not null default (${now}),
      primary key (check_id, part)
    );`,
]

/** Whether there is a ledger. Throws `unsupported-version` for one of a newer drover. */
export function hasLedger(connection: Connection, tables: LedgerTables): boolean {
  return readVersion(connection, tables) !== null
}

/** Creates the ledger or brings it up to date, within the caller's transaction. */
export function ensureLedger(connection: Connection, tables: LedgerTables): void {
  const present = readVersion(connection, tables)
  if (present === ledgerVersion) return
  for (const step of steps.slice(present ?? 0)) connection.exec(step(tables))
  connection.run(`update ${tables.version} set number = ?`, ledgerVersion)
}

/** Whether a table is one of a ledger of this name. */
export function isLedgerTable(name: string, prefix: string): boolean {
  return names.some((own) => name === `${prefix}_${own}`)
}

function readVersion(connection: Connection, tables: LedgerTables): number | null {
  const name = `${tables.prefix}_version`
  if (connection.get(`select 1 from sqlite_schema where type = 'table' and name = ?`, name) === null) return null
  const number = connection.get<{ number: number }>(`select number from ${tables.version}`)?.number ?? 0
  if (number <= ledgerVersion) return number
  const message = `the ledger in the tables ${tables.prefix}_… has version ${number}, and this drover knows ${ledgerVersion}`
  throw new DroverError('unsupported-version', message, {
    hint: 'use the newer drover that wrote it, or --ledger-schema',
  })
}

import { DroverError } from '../../core/errors.ts'
import type { Session } from './session.ts'
import { quoteName } from './identifiers.ts'

/** Number of the newest step in {@link steps}; a ledger of a higher one was written by a newer drover. */
export const ledgerVersion = 4

/** Names of the ledger's tables, quoted and with their schema. */
export interface LedgerTables {
  readonly schema: string
  readonly version: string
  readonly migration: string
  readonly table: string
  readonly part: string
  readonly partition: string
  readonly entry: string
  readonly mark: string
  readonly letter: string
  readonly coercion: string
  readonly object: string
  readonly checked: string
  readonly carried: string
}

export function ledgerTables(schema: string): LedgerTables {
  const quoted = quoteName(schema)
  return {
    schema: quoted,
    version: `${quoted}."version"`,
    migration: `${quoted}."migration"`,
    table: `${quoted}."table"`,
    part: `${quoted}."part"`,
    partition: `${quoted}."partition"`,
    entry: `${quoted}."entry"`,
    mark: `${quoted}."mark"`,
    letter: `${quoted}."letter"`,
    coercion: `${quoted}."coercion"`,
    object: `${quoted}."object"`,
    checked: `${quoted}."checked"`,
    carried: `${quoted}."carried"`,
  }
}

/**
 * One step for each version, never changed once released. Bounds are the source's raw bytes, NULL for an open end. A
 * partition's row holds all that its claims check, so that a claim locks one row. An entry has no foreign key: it is
 * inserted from its partition's row, under a lock on it. `part` has every target table of a plan, child tables too. A
 * mark outlives its migration, so it refers to none; the one of the highest number counts, and earlier ones are what a
 * rollback leaves. `planned` is what the other columns of its table do not say of a planned table, NULL where a drover
 * of an earlier version has planned it. `target_schema` and `target_name` are the names for good, those in `plan` the
 * names at present. An object is noted in the transaction that makes it: see objects.ts. `transaction` is that of the
 * rows of an entry: their `xmin`.
 */
const steps: readonly ((tables: LedgerTables) => string)[] = [
  ({ version, migration, table, partition, entry }) => `
    create table ${version} (number integer not null);
    insert into ${version} values (0);

    create table ${migration} (
      id text primary key,
      source text not null,
      target text not null,
      options jsonb not null,
      state text not null check (state in ('copying', 'finishing', 'verifying', 'done', 'stopped', 'superseded')),
      error jsonb,
      epoch integer not null,
      began_at timestamptz not null default now(),
      changed_at timestamptz not null default now()
    );

    create table ${table} (
      migration text not null references ${migration} on delete cascade,
      source text not null,
      target_schema text not null,
      target_name text not null,
      mode text not null,
      existed boolean not null,
      baseline bigint not null,
      plan jsonb not null,
      selection jsonb not null,
      primary key (migration, source),
      unique (migration, target_schema, target_name)
    );

    create table ${partition} (
      migration text not null,
      id integer not null,
      source text not null,
      after bytea,
      up_to bytea,
      open boolean not null default true,
      epoch integer not null,
      schema_version integer not null,
      replaces integer,
      primary key (migration, id),
      foreign key (migration, source) references ${table} on delete cascade
    );

    create table ${entry} (
      migration text not null,
      partition integer not null,
      seq integer not null,
      after bytea,
      up_to bytea,
      last boolean not null,
      read bigint not null default 0,
      written bigint not null default 0,
      filtered bigint not null default 0,
      skipped bigint not null default 0,
      dead_letters bigint not null default 0,
      derived bigint not null default 0,
      bytes bigint not null default 0,
      epoch integer not null,
      committed_at timestamptz not null default clock_timestamp(),
      primary key (migration, partition, seq)
    );`,

  ({ table, part, mark }) => `
    create table ${part} (
      migration text not null,
      source text not null,
      number integer not null,
      target_schema text not null,
      target_name text not null,
      primary key (migration, source, number),
      unique (migration, target_schema, target_name),
      foreign key (migration, source) references ${table} on delete cascade
    );
    insert into ${part} (migration, source, number, target_schema, target_name)
    select migration, source, 0, target_schema, target_name from ${table};

    create table ${mark} (
      source text not null,
      source_table text not null,
      target_schema text not null,
      target_name text not null,
      field text not null,
      value text not null,
      migration text not null,
      saved_at timestamptz not null default now(),
      primary key (source, source_table, target_schema, target_name, field)
    );`,

  ({ migration, table, partition, entry, mark, letter, coercion, object, checked }) => `
    alter table ${migration} drop constraint migration_state_check;
    alter table ${migration} add constraint migration_state_check check
      (state in ('copying', 'finishing', 'verifying', 'done', 'stopped', 'superseded', 'rolled-back'));
    alter table ${table} add column planned jsonb;
    alter table ${partition} add column replay boolean not null default false;
    alter table ${entry} add column transaction bigint;
    alter table ${mark} drop constraint mark_pkey;
    alter table ${mark} add column number bigint generated always as identity;
    alter table ${mark} add primary key (source, source_table, target_schema, target_name, field, migration);

    create table ${letter} (
      id bigint generated always as identity primary key,
      migration text not null references ${migration} on delete cascade,
      source text not null,
      partition integer not null,
      seq integer not null,
      place integer not null,
      key bytea,
      key_text text not null,
      raw bytea not null,
      format text not null,
      stage text not null check (stage in ('decode', 'transform', 'encode', 'store')),
      code text not null,
      reason text not null,
      column_name text,
      value text,
      buried_at timestamptz not null default now(),
      resolved_at timestamptz,
      resolved_by text
    );
    create index on ${letter} (migration, source, id) where resolved_at is null;

    create table ${coercion} (
      migration text not null,
      partition integer not null,
      seq integer not null,
      path text not null,
      name text not null,
      uses bigint not null,
      primary key (migration, partition, seq, path, name)
    );

    create table ${object} (
      migration text not null references ${migration} on delete cascade,
      number integer not null,
      kind text not null check (kind in ('schema', 'table', 'column', 'widened', 'replaced')),
      target_schema text not null,
      target_name text,
      column_name text,
      relation oid,
      primary key (migration, number)
    );

    create table ${checked} (
      check_id text not null,
      part text not null,
      found bytea not null,
      saved_at timestamptz not null default now(),
      primary key (check_id, part)
    );`,

  ({ migration, carried }) => `
    create table ${carried} (
      migration text not null references ${migration} on delete cascade,
      number integer not null,
      kind text not null,
      name text not null,
      phase text not null check (phase in ('before', 'after')),
      sql text[] not null,
      look text not null,
      found text not null,
      undo text,
      state text not null default 'open' check (state in ('open', 'there', 'made')),
      primary key (migration, number)
    );`,
]

/** Version of the ledger in the database, null where there is none. Throws `unsupported-version` for a newer one. */
export async function readLedgerVersion(session: Session, tables: LedgerTables): Promise<number | null> {
  const found = await session.query<{ there: boolean }>('select to_regclass($1) is not null as there', [tables.version])
  if (found.rows[0]?.there !== true) return null
  const { rows } = await session.query<{ number: number }>(`select number from ${tables.version}`)
  const number = rows[0]?.number ?? 0
  if (number > ledgerVersion) {
    const message = `the ledger in schema ${tables.schema} has version ${number}, and this drover knows ${ledgerVersion}`
    throw new DroverError('unsupported-version', message, {
      hint: 'use the newer drover that wrote it, or --ledger-schema',
    })
  }
  return number
}

/**
 * Creates the ledger or brings it up to date, within the caller's transaction. The lock makes others that begin at the
 * same time wait for its end; key: the 64-bit hash of `drover:ledger:` and the schema's quoted name.
 */
export async function ensureLedger(session: Session, tables: LedgerTables): Promise<void> {
  await session.query('select pg_advisory_xact_lock(hashtextextended($1, 0))', [`drover:ledger:${tables.schema}`])
  const present = await readLedgerVersion(session, tables)
  if (present === ledgerVersion) return
  await createSchema(session, tables.schema)
  for (const step of steps.slice(present ?? 0)) await session.run(step(tables))
  for (const table of [tables.letter, tables.checked]) await keepToOwner(session, table)
  await session.query(`update ${tables.version} set number = $1`, [ledgerVersion])
}

/** They hold values of rows: those who get rights on every new table by default get none on these. */
async function keepToOwner(session: Session, table: string): Promise<void> {
  const { rows } = await session.query<{ grantee: string | null }>(
    `select distinct pg_get_userbyid(nullif(a.grantee, 0))::text as grantee
     from pg_class c cross join lateral aclexplode(c.relacl) a
     where c.oid = $1::regclass and a.grantee <> c.relowner`,
    [table],
  )
  for (const { grantee } of rows) {
    await session.run(`revoke all on table ${table} from ${grantee === null ? 'public' : quoteName(grantee)}`)
  }
}

/**
 * Creates a schema unless it is there, and answers whether it did: `create schema if not exists` does not say so, and
 * asks for the right to create one even where it exists.
 */
export async function createSchema(session: Session, quoted: string): Promise<boolean> {
  const { rows } = await session.query<{ there: boolean }>('select to_regnamespace($1) is not null as there', [quoted])
  if (rows[0]?.there === true) return false
  await session.run(`create schema ${quoted}`)
  return true
}

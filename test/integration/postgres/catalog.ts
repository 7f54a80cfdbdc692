const users = `n.nspname !~ '^pg_' and n.nspname not in ('information_schema', 'drover')`

interface Database {
  readonly sql: (text: string) => Promise<readonly Record<string, unknown>[]>
}

/** Everything in the catalog that is not the server's or the ledger's, as lines of text. */
export async function catalogOf({ sql }: Database): Promise<readonly unknown[]> {
  const rows = await sql(`
    select 'schema ' || n.nspname as line from pg_namespace n where ${users}
    union all
    select concat_ws(' ', c.relkind, n.nspname, c.relname, c.relowner::regrole, c.relacl::text)
    from pg_class c join pg_namespace n on n.oid = c.relnamespace where ${users}
    union all
    select concat_ws(' ', 'column', a.attrelid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
      a.attacl::text)
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    where ${users} and c.relkind in ('r', 'p') and a.attnum > 0 and not a.attisdropped
    union all
    select concat_ws(' ', 'constraint', k.conrelid::regclass, k.conname, pg_get_constraintdef(k.oid), k.convalidated)
    from pg_constraint k join pg_namespace n on n.oid = k.connamespace where ${users}
    union all
    select pg_get_indexdef(i.indexrelid)
    from pg_index i join pg_class c on c.oid = i.indexrelid join pg_namespace n on n.oid = c.relnamespace where ${users}
    order by 1`)
  return rows.map(({ line }) => line)
}

import pg from 'pg'

/** Whether something is of a user's own schema, and no extension's. */
const own = (catalogue: string, oid: string, namespace: string): string => `
  ${namespace} !~ '^(pg_|information_schema$|drover)' and not exists (select from pg_depend e
    where e.classid = '${catalogue}'::regclass and e.objid = ${oid} and e.deptype = 'e')`

const relations = `pg_class c join pg_namespace n on n.oid = c.relnamespace`

/** Every one answers lines; what the server numbers is named in them. */
const queries: readonly string[] = [
  `select format('schema %I', nspname) from pg_namespace n where ${own('pg_namespace', 'n.oid', 'n.nspname')}`,
  `select format('extension %I in %s', extname, extnamespace::regnamespace) from pg_extension`,
  `select concat_ws(' ', 'relation', c.oid::regclass, c.relkind, c.reloptions, c.relreplident, pg_get_partkeydef(c.oid),
      pg_get_expr(c.relpartbound, c.oid), case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
      case when c.reloftype <> 0 then c.reloftype::regtype::text end,
      case when c.relkind = 'm' then c.relispopulated::text end)
    from ${relations} where c.relkind in ('r', 'p', 'v', 'm', 'f') and ${own('pg_class', 'c.oid', 'n.nspname')}`,
  `select concat_ws(' ', 'column', c.oid::regclass, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull,
      a.attidentity, a.attgenerated, pg_get_expr(d.adbin, d.adrelid), (select collname from pg_collation where oid = a.attcollation), a.attstorage, a.attstattarget,
      a.attoptions)
    from ${relations} join pg_attribute a on a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
    left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
    where c.relkind in ('r', 'p', 'v', 'm', 'c') and ${own('pg_class', 'c.oid', 'n.nspname')}`,
  `select concat_ws(' ', 'constraint', k.conname, nullif(k.conrelid, 0)::regclass, nullif(k.contypid, 0)::regtype,
      pg_get_constraintdef(k.oid), k.convalidated)
    from pg_constraint k join pg_namespace n on n.oid = k.connamespace
    where ${own('pg_class', 'k.conrelid', 'n.nspname')} and k.contype <> 't'`,
  `select concat_ws(' ', 'index', pg_get_indexdef(i.indexrelid), i.indisclustered, i.indisreplident, i.indisvalid)
    from ${relations} join pg_index i on i.indexrelid = c.oid where ${own('pg_class', 'c.oid', 'n.nspname')}`,
  `select concat_ws(' ', 'sequence', c.oid::regclass, q.seqtypid::regtype, seqstart, seqincrement, seqmax, seqmin, seqcache,
      seqcycle, d.deptype, d.refobjid::regclass, d.refobjsubid)
    from ${relations} join pg_sequence q on q.seqrelid = c.oid
    left join pg_depend d on d.classid = 'pg_class'::regclass and d.objid = c.oid and d.deptype in ('a', 'i')
    where ${own('pg_class', 'c.oid', 'n.nspname')}`,
  `select concat_ws(' ', 'type', format_type(t.oid, null), t.typtype, format_type(t.typbasetype, t.typtypmod), t.typnotnull, t.typdefault,
      (select collname from pg_collation where oid = t.typcollation), array(select enumlabel from pg_enum where enumtypid = t.oid order by enumsortorder),
      (select concat_ws(' ', rngsubtype::regtype, (select opcname from pg_opclass where oid = rngsubopc), rngsubdiff::regproc) from pg_range where rngtypid = t.oid))
    from pg_type t join pg_namespace n on n.oid = t.typnamespace
    where t.typtype in ('e', 'd', 'r', 'c', 'm') and ${own('pg_type', 't.oid', 'n.nspname')}`,
  `select 'function ' || pg_get_functiondef(p.oid) from pg_proc p join pg_namespace n on n.oid = p.pronamespace
    where p.prokind <> 'a' and ${own('pg_proc', 'p.oid', 'n.nspname')}`,
  `select concat_ws(' ', 'trigger', pg_get_triggerdef(t.oid), t.tgenabled) from pg_trigger t where not t.tgisinternal`,
  `select concat_ws(' ', 'inheritance', inhrelid::regclass, inhparent::regclass, inhseqno)
    from pg_inherits join ${relations} on c.oid = inhrelid where c.relkind in ('r', 'p')`,
  `select 'statistics ' || pg_get_statisticsobjdef(oid) from pg_statistic_ext`,
  `select concat_ws(' ', 'collation', format('%I.%I', n.nspname, l.collname), collprovider, collcollate, collisdeterministic)
    from pg_collation l join pg_namespace n on n.oid = l.collnamespace where ${own('pg_collation', 'l.oid', 'n.nspname')}`,
  `select concat_ws(' ', 'comment', i.type, i.identity, d.description)
    from pg_description d cross join lateral pg_identify_object(d.classoid, d.objoid, d.objsubid) i
    where d.objoid >= 16384 and i.type <> 'extension'`,
]

/** All that a database is made of, one line for each thing, in no way that drover reads it. Drover's own is left out. */
export async function schemaText(url: string): Promise<readonly string[]> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`set search_path = ''`)
    const lines: string[] = []
    for (const query of queries) {
      const { rows } = await client.query<[string]>({ text: query, rowMode: 'array' })
      lines.push(...rows.map(([line]) => line))
    }
    return lines.toSorted()
  } finally {
    await client.end()
  }
}

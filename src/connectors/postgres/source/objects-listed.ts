import type { ListedObject } from '../../../core/carried-object.ts'
import type { Session } from '../session.ts'

/** What belongs to an extension comes with it. */
function free(catalogue: string, oid: string): string {
  return `${oid} >= 16384 and not exists (select from pg_depend e
      where e.classid = '${catalogue}'::regclass and e.objid = ${oid} and e.deptype = 'e')`
}

const relations = `pg_class c join pg_namespace n on n.oid = c.relnamespace`

/** Everything that has a name and is not carried; some of it is not to be seen by everybody, and is not asked for. */
const queries: readonly string[] = [
  `select 'rule' as kind, format('%I on %I.%I', r.rulename, n.nspname, c.relname) as name,
    'rules are not carried: write them as triggers, or make them by hand after the copy' as reason
  from pg_rewrite r join ${relations} on c.oid = r.ev_class where r.rulename <> '_RETURN' and ${free('pg_rewrite', 'r.oid')}`,

  `select 'policy', format('%I on %I.%I', p.polname, n.nspname, c.relname),
    'policies are not carried: until they are made, whoever may read the table reads all of it'
  from pg_policy p join ${relations} on c.oid = p.polrelid`,

  `select 'row security', format('%I.%I', n.nspname, c.relname), 'it is switched off in the target, which has no policies'
  from ${relations} where c.relrowsecurity`,

  `select 'unlogged table', format('%I.%I', n.nspname, c.relname),
    'it is logged in the target, where a crash would empty it behind the ledger; alter table ... set unlogged afterwards'
  from ${relations} where c.relkind in ('r', 'p') and c.relpersistence = 'u' and ${free('pg_class', 'c.oid')}`,

  `select 'foreign table', format('%I.%I', n.nspname, c.relname), case when c.relispartition
      then 'its rows are in another server; the partition is made as one of the target itself'
      else 'its rows are in another server' end
  from ${relations} where c.relkind = 'f' and ${free('pg_class', 'c.oid')}`,

  `select 'foreign server', quote_ident(srvname), 'its address and users are of this database alone'
  from pg_foreign_server where ${free('pg_foreign_server', 'oid')}`,

  `select 'publication', quote_ident(pubname), 'replication is set up anew' from pg_publication`,

  `select 'subscription', quote_ident(subname), 'replication is set up anew' from pg_subscription
  where subdbid = (select oid from pg_database where datname = current_database())`,

  `select 'event trigger', quote_ident(evtname), 'it would run for what drover itself makes; make it by hand after the copy'
  from pg_event_trigger where ${free('pg_event_trigger', 'oid')}`,

  `select 'large objects', count(*)::text, 'they are not in tables; pg_dump --blobs takes them'
  from pg_largeobject_metadata having count(*) > 0`,

  `select 'invalid index', format('%I.%I', n.nspname, c.relname), 'the server does not use it; it was not built to its end'
  from ${relations} join pg_index i on i.indexrelid = c.oid
  where not i.indisvalid and c.relkind = 'i' and n.nspname !~ '^pg_'`,

  `select 'inheritance', format('%s from %s', h.inhrelid::regclass, h.inhparent::regclass),
    'the table above is not copied, so this one stands alone'
  from pg_inherits h join pg_class c on c.oid = h.inhrelid
  where c.relkind in ('r', 'f') and not c.relispartition and h.inhrelid::regclass::text = any ($1::text[])
    and not h.inhparent::regclass::text = any ($1::text[])`,

  `select 'owner', pg_get_userbyid(c.relowner),
    'owns ' || count(*) || ' relations; in the target they belong to whoever copies: alter table ... owner to'
  from ${relations} where c.relkind in ('r', 'p', 'v', 'm', 'S', 'f') and ${free('pg_class', 'c.oid')}
    and n.nspname !~ '^pg_' group by c.relowner`,

  `select 'grants', case a.grantee when 0 then 'public' else pg_get_userbyid(a.grantee)::text end,
    'has rights on ' || string_agg(distinct format('%I.%I', n.nspname, c.relname), ', '
      order by format('%I.%I', n.nspname, c.relname)) || '; grant them again'
  from ${relations} cross join lateral aclexplode(c.relacl) a
  where a.grantee <> c.relowner and ${free('pg_class', 'c.oid')} and n.nspname !~ '^pg_' group by a.grantee`,

  `select 'default privileges', pg_get_userbyid(defaclrole), 'of what this user makes; set them again' from pg_default_acl`,

  `select 'cast', format('%s as %s', format_type(castsource, null), format_type(casttarget, null)),
    'casts are not carried'
  from pg_cast c where ${free('pg_cast', 'c.oid')} and not exists (select from pg_depend d
    where d.classid = 'pg_cast'::regclass and d.objid = c.oid and d.deptype = 'i')`,
]

/** `tables`: names, as statements write them, of those that are copied. */
export async function readListed(session: Session, tables: readonly string[]): Promise<readonly ListedObject[]> {
  const found: ListedObject[] = []
  for (const query of queries) {
    const { rows } = await session.query<ListedObject>(
      `select kind, name, reason from (${query}) as listed (kind, name, reason) order by name collate "C"`,
      query.includes('$1') ? [tables] : [],
    )
    // Not every database has the character, so no statement may.
    found.push(...rows.map(({ reason, ...row }) => ({ ...row, reason: reason.replace('...', '…') })))
  }
  return found
}

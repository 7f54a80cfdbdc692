import { DroverError } from '../../../core/errors.ts'
import { templateText, type StatementTemplate } from '../../../core/statement-template.ts'
import type { NativeColumn, NativeStatement, NativeStructure } from '../../structure.ts'
import { asDefined } from '../definitions.ts'
import { quoteName } from '../identifiers.ts'
import type { Session } from '../session.ts'
import { readBinaryTypes } from './native-binary.ts'
import {
  clausesOf,
  columnStatements,
  computedText,
  defaultText,
  literal,
  readColumns,
  type CatalogColumn,
} from './native-columns.ts'
import {
  checksOf,
  fieldsOf,
  indexesOf,
  readConstraints,
  readIndexes,
  type CatalogConstraint,
} from './native-constraints.ts'
import { partitionStatements, tableOptions } from './native-partitions.ts'
import {
  identityText,
  isMadeWithTable,
  nameIn,
  reachedBy,
  readSequences,
  sequenceStatements,
  setDefault,
  type CatalogSequence,
} from './native-sequences.ts'
import { readStatistics } from './native-statistics.ts'

interface CatalogTable {
  readonly oid: number
  readonly key: string | null
  readonly options: string | null
  /** How rows are stored, where it is not the server's own way. */
  readonly method: string | null
  /** The composite type that it is a table of. */
  readonly rowType: string | null
  readonly identity: 'd' | 'n' | 'f' | 'i'
  readonly comment: string | null
}

const findTable = `
  select c.oid, pg_get_partkeydef(c.oid) as key, ${tableOptions},
    (select quote_ident(m.amname) from pg_am m where m.oid = c.relam and m.amname <> 'heap') as method,
    case when c.reloftype <> 0 then format_type(c.reloftype, null) end as "rowType",
    c.relreplident as identity, obj_description(c.oid, 'pg_class') as comment
  from pg_class c join pg_namespace n on n.oid = c.relnamespace
  where n.nspname = $1 and c.relname = $2 and c.relkind in ('r', 'p')`

/**
 * All of a table as its own catalogue has it; what needs other tables, or its indexes, is among the objects of the
 * database. Throws `missing-table`, and `missing-right` for a sequence that must not be read.
 */
export function readNative(session: Session, schema: string, table: string): Promise<NativeStructure> {
  return asDefined(session, () => read(session, schema, table))
}

async function read(session: Session, schema: string, table: string): Promise<NativeStructure> {
  const { rows } = await session.query<CatalogTable>(findTable, [schema, table])
  const [found] = rows
  if (found === undefined) {
    throw new DroverError('missing-table', `there is no table ${schema}.${table}`, {
      hint: 'look at it, and plan again',
    })
  }
  const columns = await readColumns(session, found.oid)
  const sequences = await readSequences(session, found.oid)
  const constraints = await readConstraints(session, found.oid)
  const binary = await readBinaryTypes(session, found.oid)
  const reached: { column: string; reached: string }[] = []
  for (const sequence of sequences) {
    const value = sequence.drawn || sequence.owned === 'i' ? await reachedBy(session, sequence) : null
    if (value !== null) reached.push({ column: sequence.column, reached: value })
  }
  const all = columns.map(({ name }) => name)
  const computed = columns.filter(({ generated }) => generated !== '').map(({ name }) => name)
  const fills = new Map(columns.map((column) => [column.name, fillOf(column, sequences, { schema, table })]))
  return {
    columns: new Map(columns.map((column) => [column.name, nativeColumn(column, fills.get(column.name))])),
    constraints: checksOf(constraints, all),
    key: keyOf(constraints, computed),
    indexes: indexesOf(constraints, await readIndexes(session, found.oid), { all, computed }),
    suffix: suffixOf(found),
    statements: [
      ...sequences.flatMap((sequence) => {
        return said('the sequence', [sequence.column], sequenceStatements(sequence, schema, '%t'))
      }),
      ...[...fills].flatMap(([column, { statement }]) => {
        return said('the default', [column], statement === null ? [] : [statement])
      }),
      ...said('the row type', all, found.rowType === null ? [] : [`alter table %t of ${templateText(found.rowType)}`]),
      ...columns.flatMap((column) => said('settings', [column.name], columnStatements([column], '%t'))),
      ...said('partitions', all, await partitionStatements(session, { oid: found.oid, schema, columns })),
      ...said('extended statistics', all, await readStatistics(session, found.oid, schema)),
      ...said('settings', [], tableStatements(found)),
      ...constraints.flatMap((constraint) => commentOf(constraint, all)),
    ],
    sequences: reached,
    binary: new Set(columns.filter(({ typeOid }) => binary.has(typeOid)).map(({ type }) => type)),
  }
}

function said(
  what: string,
  fields: readonly string[],
  statements: readonly StatementTemplate[],
): readonly NativeStatement[] {
  return statements.map((sql) => ({ sql, fields, what }))
}

/** How a column gets its values where a row has none: behind its type, or by a statement once the table is there. */
interface Fill {
  readonly clause: string | null
  readonly statement: StatementTemplate | null
}

function fillOf(
  column: CatalogColumn,
  sequences: readonly CatalogSequence[],
  { schema, table }: { readonly schema: string; readonly table: string },
): Fill {
  const own = sequences.filter((sequence) => sequence.column === column.name)
  const identity = own.find(({ owned }) => owned === 'i')
  if (column.identity !== '' && identity !== undefined) {
    const always = column.identity === 'a'
    if (identity.schema === schema && identity.name === `${table}_${column.name}_seq`) {
      return { clause: identityText(always, identity, null), statement: null }
    }
    const text = identityText(always, identity, nameIn(identity, schema))
    return {
      clause: null,
      statement: `alter table only %t alter column ${templateText(quoteName(column.name))} add ${text}`,
    }
  }
  const drawn = own.find((sequence) => sequence.drawn && isMadeWithTable(sequence))
  if (drawn !== undefined) return { clause: null, statement: setDefault(drawn, schema, '%t') }
  return { clause: computedText(column) ?? defaultText(column), statement: null }
}

function nativeColumn(column: CatalogColumn, fill: Fill | undefined): NativeColumn {
  const { type, generated, named } = column
  return { type, clauses: clausesOf(column, fill?.clause ?? null), computedFrom: generated === '' ? null : named }
}

function keyOf(constraints: readonly CatalogConstraint[], computed: readonly string[]): NativeStructure['key'] {
  const key = constraints.find(({ kind }) => kind === 'p')
  if (key?.fields.some((field) => computed.includes(field)) === true) return null
  return key === undefined || key.plain ? null : { name: key.name, sql: key.sql, fields: key.fields }
}

/** In the order that `create table` wants. */
function suffixOf({ key, method, options }: CatalogTable): string {
  return [
    ...(key === null ? [] : [`partition by ${key}`]),
    ...(method === null ? [] : [`using ${method}`]),
    ...(options === null ? [] : [`with (${options})`]),
  ].join(' ')
}

function tableStatements({ identity, comment }: CatalogTable): readonly StatementTemplate[] {
  return [
    ...(identity === 'f' ? ['alter table only %t replica identity full'] : []),
    ...(identity === 'n' ? ['alter table only %t replica identity nothing'] : []),
    ...(comment === null ? [] : [`comment on table %t is ${templateText(literal(comment))}`]),
  ]
}

/** Of a check; what is built later has its own at the end. */
function commentOf(
  { kind, late, name, sql, fields, comment }: CatalogConstraint,
  all: readonly string[],
): readonly NativeStatement[] {
  if (kind !== 'c' || late || comment === null) return []
  const text = templateText(literal(comment))
  const statement = `comment on constraint ${templateText(quoteName(name))} on %t is ${text}`
  return said('a comment', fieldsOf(fields, sql, all), [statement])
}

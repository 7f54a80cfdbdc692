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
  indexesOf,
  isComputedKey,
  readConstraints,
  readIndexes,
  type CatalogConstraint,
} from './native-constraints.ts'
import { readNamed } from './native-named.ts'
import { namesIn, readNames, type ColumnNames } from './native-names.ts'
import { partitionStatements, tableOptions } from './native-partitions.ts'
import {
  identityText,
  isMadeWithTable,
  nameIn,
  reachedBy,
  readSequences,
  sequenceStatements,
  setDefault,
  unreadable,
  type CatalogSequence,
  type ColumnPlace,
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
 * database. Throws `missing-table`.
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
  const names = await readNames(session, found.oid)
  const computed = columns.filter(({ generated }) => generated !== '').map(({ name }) => name)
  const reached: { column: string; reached: string }[] = []
  const numbering = sequences.filter(({ drawn, owned }) => drawn || owned === 'i')
  for (const sequence of numbering.filter(({ readable }) => readable)) {
    const value = await reachedBy(session, sequence)
    if (value !== null) reached.push({ column: sequence.column, reached: value })
  }
  const partitions = await partitionStatements(session, { oid: found.oid, schema, columns })
  const statistics = await readStatistics(session, found.oid, { schema, names })
  const named = await readNamed(session, { oid: found.oid, schema, name: table, isParted: found.key !== null })
  return {
    columns: new Map(
      columns.map((column) => [column.name, nativeColumn(column, { sequences, names, place: { schema, table } })]),
    ),
    constraints: checksOf(constraints, names),
    key: keyOf(constraints, { names, computed }),
    indexes: indexesOf(constraints, await readIndexes(session, found.oid), { names, computed }),
    suffix: suffixOf(found),
    statements: [
      ...ofWholeTable('row type', found.rowType === null ? [] : [`alter table %t of ${templateText(found.rowType)}`]),
      ...ofWholeTable('partitions', partitions),
      ...statistics,
      ...tableStatements(found, constraints),
    ],
    sequences: reached,
    unread: numbering
      .filter(({ readable }) => !readable)
      .map((sequence) => ({ column: sequence.column, error: unreadable(sequence) })),
    binary: new Set(columns.filter(({ typeOid }) => binary.has(typeOid)).map(({ type }) => type)),
    named,
  }
}

/** How a column gets its values where a row has none: behind its type, or by a statement once the table is there. */
interface Fill {
  readonly clause: string | null
  readonly statement: NativeStatement | null
}

interface Place {
  readonly schema: string
  readonly table: string
}

/** The column of the table itself, whatever both come to be called. */
function placeIn(schema: string): ColumnPlace {
  return { table: '%t', column: '%c', schema }
}

function fillOf(column: CatalogColumn, own: readonly CatalogSequence[], { schema, table }: Place): Fill {
  const identity = own.find(({ owned }) => owned === 'i')
  if (column.identity !== '' && identity !== undefined) {
    const always = column.identity === 'a'
    if (identity.schema === schema && identity.name === `${table}_${column.name}_seq`) {
      return { clause: identityText(always, identity, null), statement: null }
    }
    const text = identityText(always, identity, nameIn(identity, schema))
    const sql = `alter table only %t alter column %c add ${text}`
    return { clause: null, statement: { makes: `identity of column ${column.name}`, sql } }
  }
  const drawn = own.find((sequence) => sequence.drawn && isMadeWithTable(sequence))
  if (drawn !== undefined) {
    const statement = { makes: `default of column ${column.name}`, sql: setDefault(drawn, placeIn(schema)) }
    return { clause: null, statement }
  }
  return { clause: computedText(column) ?? defaultText(column), statement: null }
}

function nativeColumn(
  column: CatalogColumn,
  of: { readonly sequences: readonly CatalogSequence[]; readonly names: ColumnNames; readonly place: Place },
): NativeColumn {
  const { type, generated, number, expression } = column
  const own = of.sequences.filter((sequence) => sequence.column === column.name)
  const fill = fillOf(column, own, of.place)
  const place = placeIn(of.place.schema)
  const sequences = own.flatMap((sequence) => {
    return sequenceStatements(sequence, place).map((sql) => ({ makes: `sequence ${sequence.name}`, sql }))
  })
  const statements = [...sequences, ...(fill.statement === null ? [] : [fill.statement])]
  return {
    type,
    clauses: clausesOf(column, fill.clause),
    computed: generated !== '',
    fields: generated === '' ? [] : namesIn(of.names, `pg_attrdef ${number}`, expression ?? ''),
    statements: [...statements, ...columnStatements(column, place)],
  }
}

function ofWholeTable(makes: string, statements: readonly StatementTemplate[]): NativeStructure['statements'] {
  return statements.map((sql) => ({ makes, sql, fields: null }))
}

function keyOf(
  constraints: readonly CatalogConstraint[],
  { names, computed }: { readonly names: ColumnNames; readonly computed: readonly string[] },
): NativeStructure['key'] {
  const key = constraints.find(({ kind }) => kind === 'p')
  if (key === undefined || key.plain || isComputedKey(key, computed)) return null
  const { oid, name, sql } = key
  return { name, sql, fields: namesIn(names, `pg_constraint ${oid}`, sql) }
}

/** In the order that `create table` wants. */
function suffixOf({ key, method, options }: CatalogTable): string {
  return [
    ...(key === null ? [] : [`partition by ${key}`]),
    ...(method === null ? [] : [`using ${method}`]),
    ...(options === null ? [] : [`with (${options})`]),
  ].join(' ')
}

function tableStatements(
  { identity, comment }: CatalogTable,
  constraints: readonly CatalogConstraint[],
): NativeStructure['statements'] {
  const said = constraints.filter((constraint) => constraint.kind === 'c' && !constraint.late)
  const always = [
    ...(identity === 'f' ? ['alter table only %t replica identity full'] : []),
    ...(identity === 'n' ? ['alter table only %t replica identity nothing'] : []),
    ...(comment === null ? [] : [`comment on table %t is ${templateText(literal(comment))}`]),
  ]
  const onConstraints = said.flatMap((constraint) => {
    if (constraint.comment === null) return []
    const text = templateText(literal(constraint.comment))
    return [`comment on constraint ${templateText(quoteName(constraint.name))} on %t is ${text}`]
  })
  return [
    ...always.map((sql) => ({ makes: 'comment and replica identity', sql, fields: [] })),
    ...ofWholeTable('comments on constraints', onConstraints),
  ]
}

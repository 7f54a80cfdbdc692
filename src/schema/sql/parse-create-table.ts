import type { Expression } from './expression.ts'
import { readOperand, readTypeName } from './parse-expression.ts'
import {
  readColumnNames,
  readConflictClause,
  readDeferral,
  readDescending,
  readIndexPart,
  readParenthesized,
  readQualifiedName,
  readReference,
} from './read-clauses.ts'
import { SqlSyntaxError } from './syntax-error.ts'
import type {
  SqliteCheckSql,
  SqliteColumnSql,
  SqliteForeignKeySql,
  SqliteKeyPart,
  SqliteKeySql,
  SqliteReferenceSql,
  SqliteTableSql,
  SqliteUniqueSql,
} from './table-sql.ts'
import { TokenReader } from './token-reader.ts'

/**
 * Reads a CREATE TABLE as `sqlite_schema` keeps it, or as somebody has written it
 * (https://www.sqlite.org/lang_createtable.html). One with AS SELECT is kept as a plain list of columns, so that form is
 * not read.
 *
 * @throws SqlSyntaxError
 */
export function parseCreateTable(sql: string): SqliteTableSql {
  return new TableParser(new TokenReader(sql)).parse()
}

type Mutable<Data> = { -readonly [name in keyof Data]: Data[name] }

class TableParser {
  readonly #reader: TokenReader
  readonly #columns: SqliteColumnSql[] = []
  readonly #uniques: SqliteUniqueSql[] = []
  readonly #checks: SqliteCheckSql[] = []
  readonly #foreignKeys: SqliteForeignKeySql[] = []
  readonly #onConflict: string[] = []
  #primaryKey: SqliteKeySql | null = null
  /** Given by CONSTRAINT to what comes next. */
  #constraintName: string | null = null

  constructor(reader: TokenReader) {
    this.#reader = reader
  }

  parse(): SqliteTableSql {
    const reader = this.#reader
    reader.expect('CREATE')
    if (reader.accept('VIRTUAL')) return this.#virtual()
    if (!reader.accept('TEMP')) reader.accept('TEMPORARY')
    reader.expect('TABLE')
    reader.accept('IF', 'NOT', 'EXISTS')
    const name = readQualifiedName(reader)
    reader.expectSymbol('(')
    this.#body()
    reader.expectSymbol(')')
    const options = this.#options()
    reader.expectEnd()
    return { name, isVirtual: false, module: null, ...this.#said(), ...options }
  }

  #virtual(): SqliteTableSql {
    const reader = this.#reader
    reader.expect('TABLE')
    reader.accept('IF', 'NOT', 'EXISTS')
    const name = readQualifiedName(reader)
    reader.expect('USING')
    const module = reader.name('the name of a module')
    if (reader.seesSymbol('(')) reader.skipParentheses()
    reader.expectEnd()
    return { name, isVirtual: true, module, ...this.#said(), withoutRowid: false, strict: false }
  }

  #said(): Omit<SqliteTableSql, 'name' | 'isVirtual' | 'module' | 'withoutRowid' | 'strict'> {
    return {
      columns: this.#columns,
      primaryKey: this.#primaryKey,
      uniques: this.#uniques,
      checks: this.#checks,
      foreignKeys: this.#foreignKeys,
      onConflict: this.#onConflict,
    }
  }

  /** Columns, then constraints; SQLite does not ask for commas between constraints. */
  #body(): void {
    do this.#columns.push(this.#column())
    while (this.#reader.acceptSymbol(',') && !this.#seesConstraint())
    while (this.#seesConstraint()) {
      this.#constraint()
      this.#reader.acceptSymbol(',')
    }
  }

  #seesConstraint(): boolean {
    return ['CONSTRAINT', 'PRIMARY', 'UNIQUE', 'CHECK', 'FOREIGN'].includes(this.#reader.peek().keyword)
  }

  #column(): SqliteColumnSql {
    const reader = this.#reader
    const column: Mutable<SqliteColumnSql> & { checks: SqliteCheckSql[]; references: SqliteReferenceSql[] } = {
      name: reader.name('the name of a column'),
      declaredType: readTypeName(reader),
      notNull: false,
      default: null,
      checks: [],
      collation: null,
      primaryKey: null,
      unique: false,
      references: [],
      generated: null,
    }
    this.#constraintName = null
    while (this.#columnKey(column) || this.#columnReference(column) || this.#columnValue(column));
    return column
  }

  #columnKey(column: Mutable<SqliteColumnSql>): boolean {
    const reader = this.#reader
    if (reader.accept('CONSTRAINT')) {
      this.#constraintName = reader.name('the name of a constraint')
      return true
    }
    if (reader.accept('PRIMARY', 'KEY')) {
      const descending = readDescending(reader)
      this.#conflict()
      column.primaryKey = { autoincrement: reader.accept('AUTOINCREMENT'), descending }
    } else if (reader.accept('NOT', 'NULL')) {
      this.#conflict()
      column.notNull = true
    } else if (reader.accept('UNIQUE')) {
      this.#conflict()
      column.unique = true
    } else if (reader.accept('NULL')) {
      this.#conflict()
    } else {
      return false
    }
    this.#constraintName = null
    return true
  }

  #columnReference(column: { references: SqliteReferenceSql[] }): boolean {
    const reader = this.#reader
    if (reader.accept('REFERENCES')) {
      column.references.push(readReference(reader, this.#takeName()))
      return true
    }
    // It may stand apart from what it speaks of.
    const deferral = readDeferral(reader)
    if (deferral === null) return false
    const last = column.references.pop()
    if (last === undefined) throw reader.expected('REFERENCES before DEFERRABLE')
    column.references.push({ ...last, ...deferral })
    this.#constraintName = null
    return true
  }

  #columnValue(column: Mutable<SqliteColumnSql> & { checks: SqliteCheckSql[] }): boolean {
    const reader = this.#reader
    if (reader.accept('DEFAULT')) column.default = readDefault(reader)
    else if (reader.accept('COLLATE')) column.collation = reader.name('the name of a collation')
    else if (reader.accept('CHECK')) column.checks.push({ name: this.#constraintName, ...readParenthesized(reader) })
    else if (reader.accept('GENERATED', 'ALWAYS', 'AS') || reader.accept('AS')) {
      const computed = readParenthesized(reader)
      const stored = reader.accept('STORED')
      if (!stored) reader.accept('VIRTUAL')
      column.generated = { ...computed, stored }
    } else return false
    this.#constraintName = null
    return true
  }

  #constraint(): void {
    const reader = this.#reader
    if (reader.accept('CONSTRAINT')) {
      this.#constraintName = reader.name('the name of a constraint')
      // One name may stand before another, or before nothing.
      if (reader.sees('CONSTRAINT') || !this.#seesConstraint()) return
    }
    const name = this.#takeName()
    if (reader.accept('PRIMARY', 'KEY')) {
      this.#primaryKey = { name, ...this.#keyParts() }
      this.#conflict()
    } else if (reader.accept('UNIQUE')) {
      this.#uniques.push({ name, parts: this.#keyParts().parts })
      this.#conflict()
    } else if (reader.accept('CHECK')) {
      this.#checks.push({ name, ...readParenthesized(reader) })
      this.#conflict()
    } else {
      reader.expect('FOREIGN', 'KEY')
      const columns = readColumnNames(reader)
      reader.expect('REFERENCES')
      this.#foreignKeys.push({ columns, ...readReference(reader, name) })
    }
  }

  #keyParts(): Omit<SqliteKeySql, 'name'> {
    const reader = this.#reader
    let autoincrement = false
    const parts = reader.list((): SqliteKeyPart => {
      const first = reader.peek()
      const { expression, collation, descending } = readIndexPart(reader)
      if (expression.kind !== 'column') {
        throw new SqlSyntaxError('a column is expected', reader.sql, first.start)
      }
      autoincrement = reader.accept('AUTOINCREMENT')
      return { name: expression.name, collation, descending }
    })
    return { parts, autoincrement }
  }

  #options(): Pick<SqliteTableSql, 'withoutRowid' | 'strict'> {
    const reader = this.#reader
    let withoutRowid = false
    let strict = false
    do {
      if (reader.accept('WITHOUT', 'ROWID')) withoutRowid = true
      else if (reader.accept('STRICT')) strict = true
    } while (reader.acceptSymbol(','))
    return { withoutRowid, strict }
  }

  #conflict(): void {
    const resolution = readConflictClause(this.#reader)
    if (resolution !== null) this.#onConflict.push(resolution)
  }

  #takeName(): string | null {
    const name = this.#constraintName
    this.#constraintName = null
    return name
  }
}

/** Words that stand for a value without quotes; SQLite takes any other for a text. */
const words: ReadonlySet<string> = new Set(['TRUE', 'FALSE', 'CURRENT_DATE', 'CURRENT_TIME', 'CURRENT_TIMESTAMP'])

/** What follows DEFAULT: a literal, maybe with a sign, an expression in parentheses, or a bare word. */
function readDefault(reader: TokenReader): Expression {
  if (reader.seesSymbol('(')) return readParenthesized(reader).expression
  for (const operator of ['-', '+'] as const) {
    if (reader.acceptSymbol(operator)) return { kind: 'unary', operator, operand: readDefault(reader) }
  }
  const isText = reader.seesName() && !words.has(reader.peek().keyword)
  return isText ? { kind: 'string', value: reader.next().text } : readOperand(reader)
}

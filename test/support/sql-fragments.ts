import { templatesOf } from './sql-templates.ts'

/** An expression within SQL of which nothing says that it is SQL, and not a name or a value as somebody has given it. */
export interface Doubtful {
  readonly line: number
  readonly expression: string
}

/** How statements begin, and the parts of statements that are put together elsewhere. */
const sql =
  /^\s*(?:select|insert into|update|delete from|create\b(?! the)|alter|drop (?:table|schema|function|index|column|constraint)|truncate|lock table|analyze|vacuum|revoke|grant\b(?! pg_)|comment on|copy|savepoint|release|rollback to|with|explain|declare|fetch|do \$|add (?:column|constraint)|foreign key|references|on conflict|where|order by|group by|returning)\b/

/** What answers SQL: names in their quotes, literals in theirs, and names of types out of a table of them. */
const quoting = /\b(?:quoteName|quoteColumn|quoteTable|ownRows|columnList|nativeType|escapeLiteral)\b/
const quotingCall =
  /^(?:await )?(?:quoteName|quoteColumn|quoteTable|ownRows|columnList|nativeType|pg\.escapeLiteral)\([^]*\)$/
const quotedPlace = /^(?:(?:this\.#)?tables\.\w+|\w+\.quoted)$/
const literal = /^(?:\d+|'[^']*')$/

/** Judges what is put into the SQL of one file by where it comes from. */
export function doubtfulFragments(code: string): readonly Doubtful[] {
  const judge = new Judge(code)
  return templatesOf(code)
    .filter(({ texts }) => sql.test(texts.join('$')))
    .flatMap(({ line, expressions }) =>
      expressions
        .filter((expression) => !judge.isSql(expression, []))
        .map((expression) => ({ line, expression: expression.replaceAll(/\s+/g, ' ').trim() })),
    )
}

class Judge {
  readonly #code: string

  constructor(code: string) {
    this.#code = code
  }

  /** `seen`: the names that led here, so that a circle ends. */
  isSql(expression: string, seen: readonly string[]): boolean {
    const text = expression.trim()
    if (literal.test(text) || quotingCall.test(text) || quotedPlace.test(text)) return true
    const [, yes, no] = /^[^?]+ \? ([^]+) : ([^]+)$/.exec(text) ?? []
    if (yes !== undefined && no !== undefined) return this.isSql(yes, seen) && this.isSql(no, seen)
    if (/\.map\((?:quote\w+|nativeType)\)\s*\.join\('[^']*'\)$/.test(text)) return true
    const [, name] = /^(\w+)(?:\.join\('[^']*'\)|\([^]*\))?$/.exec(text) ?? []
    return name !== undefined && this.#isMadeOfSql(name, seen)
  }

  #isMadeOfSql(name: string, seen: readonly string[]): boolean {
    if (seen.includes(name)) return true
    // Of another file of this folder, which is judged by itself.
    if (new RegExp(`^import \\{[^}]*\\b${name}\\b[^}]*\\} from '\\./`, 'm').test(this.#code)) return true
    const made = this.#makingOf(name)
    if (made === null) return false
    const templates = templatesOf(made)
    const own = templates.every(({ expressions }) => expressions.every((inner) => this.isSql(inner, [...seen, name])))
    return own && (templates.length > 0 || quoting.test(made) || this.isSql(made, [...seen, name]))
  }

  /** What a constant is, or what a function does; null: neither of this file. */
  #makingOf(name: string): string | null {
    const constant = new RegExp(
      `const ${name}(?:: [^=]+)? =([^]*?)\\n\\s*(?:const|let|return|await|for|if|throw|export|function|\\}|/\\*\\*|//)`,
    )
    const body = new RegExp(`function ${name}\\(([^]*?)\\n\\}\\n`)
    return constant.exec(this.#code)?.[1] ?? body.exec(this.#code)?.[1] ?? null
  }
}

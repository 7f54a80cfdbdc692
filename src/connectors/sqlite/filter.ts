import { DroverError } from '../../core/errors.ts'
import { quoteName } from './identifiers.ts'
import type { Snapshot } from './snapshot.ts'

/** What is quoted, in its whole, and each of the other characters. */
const pieces = /'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|--|\/\*|[\s\S]/g

/** What would end the expression, hide the rest of the statement, or ask for a value that nobody gives. */
const forbidden: Readonly<Record<string, string>> = {
  ';': 'a semicolon',
  '--': 'a comment',
  '/*': 'a comment',
  '?': 'a placeholder',
  '@': 'a placeholder',
  $: 'a placeholder',
  '\0': 'a NUL',
  "'": 'a quote that is not closed',
  '"': 'a quote that is not closed',
  '`': 'a quote that is not closed',
  '[': 'a bracket that is not closed',
}

/** Refuses a filter that is more than one expression, or that SQLite does not take. Throws `invalid-filter`. */
export function checkFilter(snapshot: Snapshot, table: string, where: string): void {
  let depth = 0
  for (const [piece] of where.matchAll(pieces)) {
    const trouble = forbidden[piece] ?? (depth === 0 && piece === ')' ? 'a parenthesis that nothing opens' : undefined)
    if (trouble !== undefined) throw refusal(where, `it has ${trouble}`)
    if (piece === '(') depth++
    if (piece === ')') depth--
  }
  if (depth > 0) throw refusal(where, 'it has a parenthesis that is not closed')
  if (/(?:^|[^\w:]):\w/.test(where.replaceAll(/'(?:[^']|'')*'|"(?:[^"]|"")*"/g, "''"))) {
    throw refusal(where, 'it has a placeholder')
  }
  try {
    snapshot.compile(`select 1 from ${quoteName(table)} where (${where}\n)`)
  } catch (error) {
    throw refusal(where, error instanceof Error ? error.message : String(error), error)
  }
}

function refusal(where: string, reason: string, cause?: unknown): DroverError {
  return new DroverError('invalid-filter', `${where} of --where is not a condition of SQLite: ${reason}`, {
    hint: "write an expression of SQLite's SQL, such as age > 30 and city = 'Oslo'",
    cause,
  })
}

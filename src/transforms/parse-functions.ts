import { closest } from 'fastest-levenshtein'
import { DroverError } from '../core/errors.ts'
import type { FunctionArgument, FunctionCall } from '../core/transform.ts'
import { builtInNames, misuse } from './built-ins.ts'

/**
 * Reads what `--map field=…` says: calls separated by `|`, each a name with arguments in parentheses or none.
 *
 * An argument is a number, `true`, `false`, `null`, a text in single or double quotes (doubled within: `'it''s'`), a
 * regular expression `/…/flags`, or words without quotes, as in `type_cast(double precision)`. Functions that are not
 * built in are taken as the user's own, which only the loaded file can tell, and have no arguments.
 *
 * @throws DroverError `invalid-value`, with the place and what is expected there
 */
export function parseFunctions(text: string): readonly FunctionCall[] {
  return new FunctionParser(text).parse()
}

const jsonNumber = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/

class FunctionParser {
  readonly #text: string
  #at = 0

  constructor(text: string) {
    this.#text = text
  }

  parse(): readonly FunctionCall[] {
    const calls = [this.#call()]
    while (this.#skip('|')) calls.push(this.#call())
    if (this.#at < this.#text.length) throw this.#expected('| or the end')
    return calls
  }

  #call(): FunctionCall {
    const name = this.#match(/\s*([A-Za-z_$][\w$]*)/y)?.[1]
    if (name === undefined) throw this.#expected('the name of a function')
    const call = { name, arguments: this.#skip('(') ? this.#arguments() : [] }
    this.#check(call)
    return call
  }

  /** A parenthesis is open. */
  #arguments(): readonly FunctionArgument[] {
    if (this.#skip(')')) return []
    const given = [this.#argument()]
    while (this.#skip(',')) given.push(this.#argument())
    if (!this.#skip(')')) throw this.#expected(', or )')
    return given
  }

  #argument(): FunctionArgument {
    this.#match(/\s*/y)
    switch (this.#text.charAt(this.#at)) {
      case "'":
        return this.#quoted(/'((?:[^']|'')*)'/y, "'")
      case '"':
        return this.#quoted(/"((?:[^"]|"")*)"/y, '"')
      case '/':
        return this.#pattern()
      default:
        return this.#words()
    }
  }

  #quoted(pattern: RegExp, quote: string): string {
    const inner = this.#match(pattern)?.[1]
    if (inner === undefined) throw this.#trouble(`the text that begins at ${this.#place()} has no closing ${quote}`)
    return inner.replaceAll(quote + quote, quote)
  }

  #pattern(): FunctionArgument {
    // A slash within brackets does not end the expression.
    const found = this.#match(/\/((?:\[(?:\\.|[^\]\\])*\]|\\.|[^/\\[])+)\/([A-Za-z]*)/y)
    const [, pattern, flags] = found ?? []
    if (pattern === undefined || flags === undefined) {
      throw this.#trouble(`the regular expression that begins at ${this.#place()} has no closing /`)
    }
    if (!/^(?!.*(.).*\1)[gimsu]*$/.test(flags)) {
      throw this.#trouble(`the flags ${JSON.stringify(flags)} of /${pattern}/ are not some of gimsu, each once`)
    }
    return { pattern, flags }
  }

  #words(): FunctionArgument {
    const words = this.#match(/[^\s,()|'"]+(?:\s+[^\s,()|'"]+)*/y)?.[0]
    if (words === undefined) throw this.#expected('an argument')
    if (words === 'null') return null
    if (words === 'true' || words === 'false') return words === 'true'
    const number = Number(words)
    if (Number.isNaN(number)) return words
    if (jsonNumber.test(words) && isExact(number, words)) return number
    throw this.#trouble(`the argument ${words} is no number as JSON writes it, or one that a double does not hold`, {
      hint: `put it into quotes to mean the text: '${words}'`,
    })
  }

  #check(call: FunctionCall): void {
    const usage = misuse(call)
    if (usage !== null) throw this.#trouble(`the arguments of ${call.name} are not right; it is called ${usage}`)
    if (call.arguments.length === 0 || builtInNames.includes(call.name)) return
    const nearest = closest(call.name, [...builtInNames])
    throw this.#trouble(`${call.name} is no built-in function, and functions of your own have no arguments`, {
      hint: `did you mean ${nearest}? Built in are ${builtInNames.join(', ')}`,
    })
  }

  #skip(character: string): boolean {
    const start = this.#at
    this.#match(/\s*/y)
    if (this.#text.charAt(this.#at) !== character) {
      this.#at = start
      // White space at the end is nothing to complain about.
      if (this.#text.slice(start).trim() === '') this.#at = this.#text.length
      return false
    }
    this.#at++
    return true
  }

  #match(pattern: RegExp): RegExpExecArray | null {
    pattern.lastIndex = this.#at
    const found = pattern.exec(this.#text)
    if (found !== null) this.#at = pattern.lastIndex
    return found
  }

  #expected(what: string): DroverError {
    return this.#trouble(`${what} is expected at ${this.#place()}`)
  }

  #place(): string {
    const rest = this.#text.slice(this.#at)
    return rest.trim() === '' ? 'the end' : `character ${this.#at + 1}, ${JSON.stringify(rest.slice(0, 20))}`
  }

  #trouble(what: string, options: { readonly hint?: string } = {}): DroverError {
    return new DroverError('invalid-value', `the functions ${JSON.stringify(this.#text)} cannot be read: ${what}`, {
      hint: options.hint ?? "write them as in lowercase|default_value('n/a')",
    })
  }
}

// As many digits as any decimal number keeps on its way through a double.
const mostDigits = 15

/** Whether a double is the number that was written, and JSON, which carries steps, gives it back. */
function isExact(number: number, written: string): boolean {
  if (!Number.isFinite(number) || Object.is(number, -0)) return false
  if (/^-?\d+$/.test(written)) return Number.isSafeInteger(number)
  const digits = written
    .replace(/[eE].*$/, '')
    .replace(/\D/g, '')
    .replace(/^0+/, '')
  return digits.length <= mostDigits && (number !== 0 || digits === '')
}

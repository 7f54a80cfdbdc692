/** A template literal with what is put into it. */
export interface Template {
  /** Counted from 1. */
  readonly line: number
  /** The text around the expressions. */
  readonly texts: readonly string[]
  readonly expressions: readonly string[]
}

/** Every template literal of a TypeScript file, those within others too. Reads prettier's way of writing, not the grammar. */
export function templatesOf(code: string): readonly Template[] {
  const found: Template[] = []
  for (let at = 0; at < code.length; at++) {
    const skipped = skip(code, at)
    if (skipped !== at) at = skipped - 1
    else if (code[at] === '`') {
      const { template, end } = read(code, at)
      found.push(template, ...template.expressions.flatMap((expression) => within(expression, template.line)))
      at = end - 1
    }
  }
  return found
}

function within(expression: string, line: number): readonly Template[] {
  return templatesOf(expression).map((template) => ({ ...template, line: template.line + line - 1 }))
}

/** Behind a comment, a string or a regular expression that begins here; the place itself where none does. */
function skip(code: string, at: number): number {
  const opening = /\/\/[^\n]*|\/\*[^]*?\*\/|'(?:\\.|[^'\\\n])*'|"(?:\\.|[^"\\\n])*"/y
  opening.lastIndex = at
  if (opening.test(code)) return opening.lastIndex
  const regex = /\/(?:\[(?:\\.|[^\]\\\n])*\]|\\.|[^/\\\n[])+\/[a-z]*/y
  regex.lastIndex = at
  return /[(,=:[!&|?{};\n]\s*$/.test(code.slice(Math.max(0, at - 20), at)) && regex.test(code) ? regex.lastIndex : at
}

function read(code: string, start: number): { readonly template: Template; readonly end: number } {
  const texts: string[] = []
  const expressions: string[] = []
  let text = ''
  let at = start + 1
  while (at < code.length && code[at] !== '`') {
    if (code.startsWith('${', at)) {
      const end = endOfExpression(code, at + 2)
      expressions.push(code.slice(at + 2, end))
      texts.push(text)
      text = ''
      at = end + 1
    } else {
      const size = code[at] === '\\' ? 2 : 1
      text += code.slice(at, at + size)
      at += size
    }
  }
  const line = code.slice(0, start).split('\n').length
  return { template: { line, texts: [...texts, text], expressions }, end: at + 1 }
}

/** Place of the `}` that ends the expression that begins at `start`. */
function endOfExpression(code: string, start: number): number {
  let depth = 0
  for (let at = start; at < code.length; at++) {
    const character = code[at]
    const skipped = skip(code, at)
    if (skipped !== at) at = skipped - 1
    else if (character === '`') at = read(code, at).end - 1
    else if (character === '{') depth++
    else if (character === '}' && depth-- === 0) return at
  }
  throw new Error('a template has an expression without an end')
}

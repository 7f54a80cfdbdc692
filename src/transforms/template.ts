/** Texts and the names of the fields between them: `texts[0] fields[0] texts[1] …`, so one text more than fields. */
export interface Template {
  readonly texts: readonly string[]
  readonly fields: readonly string[]
}

/** Reads `{first} {last}`; `{{` and `}}` are braces. Undefined: a brace that neither begins nor ends a field's name. */
export function parseTemplate(text: string): Template | undefined {
  const texts: string[] = []
  const fields: string[] = []
  let plain = ''
  let end = 0
  for (const match of text.matchAll(/([^{}]+)|(\{\{|\}\})|\{([^{}]+)\}/gy)) {
    const [whole, between, brace, field] = match
    end = match.index + whole.length
    if (field === undefined) {
      plain += between ?? brace?.charAt(0) ?? ''
      continue
    }
    texts.push(plain)
    fields.push(field)
    plain = ''
  }
  return end === text.length ? { texts: [...texts, plain], fields } : undefined
}

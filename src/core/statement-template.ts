/**
 * A statement about a table whose name is not settled yet. In it stand `%t` for the table, with its schema and quoted,
 * `%s` for its schema, quoted, `%l` for its schema, quoted, within a string literal, and `%%` for a percent sign. One
 * about a single column whose name is not settled yet either has `%c` for it.
 */
export type StatementTemplate = string

/** Text that comes to stand in a template as it is. */
export function templateText(text: string): StatementTemplate {
  return text.replaceAll('%', '%%')
}

/** With the name of its column, quoted. */
export function withColumn(template: StatementTemplate, column: string): StatementTemplate {
  return template.replaceAll(/%(.?)/gsu, (token, mark: string) => (mark === 'c' ? templateText(column) : token))
}

/** The statement for a table; both names are given as the target's language writes them, quoted where it wants that. */
export function fillTemplate(
  template: StatementTemplate,
  names: { readonly table: string; readonly schema: string },
): string {
  return template.replaceAll(/%(.?)/gsu, (token, mark: string) => {
    if (mark === 't') return names.table
    if (mark === 's') return names.schema
    if (mark === 'l') return names.schema.replaceAll("'", "''")
    if (mark === '%') return '%'
    throw new TypeError(`a template of a statement has no ${JSON.stringify(token)}`)
  })
}

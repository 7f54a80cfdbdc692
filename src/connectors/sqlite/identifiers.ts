/** A name as SQLite's SQL has it. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`
}

/** A text as SQLite's SQL has it. */
export function quoteText(text: string): string {
  return `'${text.replaceAll("'", "''")}'`
}

/** A text of data as a message shows it. */
export function excerpt(text: string): string {
  const most = 60
  return text.length <= most ? text : `${text.slice(0, most)}…`
}

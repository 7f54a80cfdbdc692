/** SQL that could not be read. */
export class SqlSyntaxError extends Error {
  override readonly name = 'SqlSyntaxError'
  /** Where in the text, in UTF-16 units from 0. */
  readonly position: number

  /** @param what is wrong, as a clause without the place */
  constructor(what: string, sql: string, position: number) {
    const rest = sql.slice(position, position + 20)
    const place = rest.trim() === '' ? 'the end' : `character ${position + 1}, ${JSON.stringify(rest)}`
    super(`${what} at ${place}`)
    this.position = position
  }
}

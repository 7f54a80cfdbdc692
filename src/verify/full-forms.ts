import { RowError } from '../core/row-error.ts'

/** A value that the target cannot hold. */
export function noForm(reason: string): RowError {
  return new RowError({ code: 'row-rejected', message: reason })
}

/** A text that PostgreSQL holds as it is. Throws RowError for U+0000 and half of a surrogate pair. */
export function checkedText(text: string): string {
  if (text.includes('\0')) throw noForm('is a text with U+0000 in it')
  return wellFormed(text)
}

/** A text that UTF-8 has. Throws RowError for half of a surrogate pair. */
export function wellFormed(text: string): string {
  if (!text.isWellFormed()) throw noForm('is a text with half of a surrogate pair in it')
  return text
}

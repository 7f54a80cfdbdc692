import { Long, serialize, type Document } from 'bson'

/**
 * What makes a document one that PostgreSQL cannot hold: U+0000 in a text, the same inside of a document, bytes that
 * are no UTF-8, half a surrogate pair, a date outside of every calendar, a field that occurs twice.
 */
export const poisonKinds = ['nul', 'nested-nul', 'utf8', 'surrogate', 'date', 'twice'] as const
export type PoisonKind = (typeof poisonKinds)[number]

const BSON_DATE = 9

/** The bytes of the document, spoiled. It has the fields `note`, `born` and `extra`. */
export function poison(kind: PoisonKind, document: Document): Uint8Array {
  switch (kind) {
    case 'nul':
      return serialize({ ...document, note: 'a\0b' })
    case 'nested-nul':
      return serialize({ ...document, extra: { list: ['a', { deep: 'a\0' }] } })
    case 'utf8':
      return replaced(serialize({ ...document, note: 'MARK' }), 'MARK', Buffer.of(0x61, 0xff, 0xfe, 0x62))
    case 'surrogate':
      return replaced(serialize({ ...document, note: 'MARK' }), 'MARK', Buffer.of(0x61, 0xed, 0xa0, 0x80))
    case 'date': {
      // The driver's Date has no such value; an int64 of the same bytes gets its type.
      const bytes = serialize({ ...document, born: Long.MAX_VALUE })
      bytes[Buffer.from(bytes).indexOf('\u0012born\0', 0, 'latin1')] = BSON_DATE
      return bytes
    }
    case 'twice':
      return replaced(serialize({ ...document, note: 'first', notf: 'second' }), 'notf\0', Buffer.from('note\0'))
  }
}

/** The options with which `drover retry` can carry all of it over. */
export const repairs = 'strip-nul,replace-utf8,clamp-dates,last-wins'

/** PostgreSQL's text of what the {@link repairs} make of the spoiled field. */
export function repaired(kind: PoisonKind): { readonly field: string; readonly text: string } {
  switch (kind) {
    case 'nul':
      return { field: 'note', text: 'ab' }
    case 'nested-nul':
      return { field: 'extra', text: '{"list": ["a", {"deep": "a"}]}' }
    case 'utf8':
      return { field: 'note', text: 'a\ufffd\ufffdb' }
    case 'surrogate':
      // As many as the Unicode Standard recommends: none of the three bytes can begin or continue anything.
      return { field: 'note', text: 'a\ufffd\ufffd\ufffd' }
    case 'date':
      return { field: 'born', text: '294276-12-31 23:59:59.999+00' }
    case 'twice':
      return { field: 'note', text: 'second' }
  }
}

function replaced(bytes: Uint8Array, mark: string, by: Buffer): Uint8Array {
  const at = Buffer.from(bytes).indexOf(mark, 0, 'latin1')
  if (at === -1 || mark.length !== by.length) throw new Error(`${mark} cannot be replaced`)
  bytes.set(by, at)
  return bytes
}

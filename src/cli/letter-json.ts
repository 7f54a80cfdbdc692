import type { StoredLetter } from '../core/dead-letter.ts'

/** A dead letter as a line of NDJSON: bytes are base64. */
export function letterAsJson(letter: StoredLetter): object {
  const { id, table, keyText, key, stage, code, reason, column, value, format, raw, buriedAt } = letter
  return {
    id,
    table,
    key: keyText,
    stage,
    code,
    reason,
    column,
    value,
    buriedAt: buriedAt.toISOString(),
    format,
    keyBytes: key === null ? null : Buffer.from(key).toString('base64'),
    raw: Buffer.from(raw).toString('base64'),
  }
}

import { createHash } from 'node:crypto'

/**
 * `base` and `suffix` within so many bytes of UTF-8: a base that is too long is cut between characters and marked by the
 * first 8 hex digits of its SHA-256, so that two long names stay apart and a name is the same in every run.
 */
export function nameWithin(base: string, suffix: string, maxBytes: number): string {
  if (Buffer.byteLength(base + suffix) <= maxBytes) return base + suffix
  const mark = `_${createHash('sha256').update(base).digest('hex').slice(0, 8)}`
  const room = maxBytes - Buffer.byteLength(mark + suffix)
  let kept = ''
  for (const character of base) {
    if (Buffer.byteLength(kept + character) > room) break
    kept += character
  }
  return kept + mark + suffix
}

import { isUtf8 } from 'node:buffer'

// Text in UTF-8 that somebody has read as windows-1252, of which latin1 is a part, and written as UTF-8 again: "GrÃ¼ÃŸe".
// It is Unicode as any other, and what it should have been can be had from it; but only a person can tell that it should.

/** By code unit the byte that windows-1252 has for it, as https://encoding.spec.whatwg.org#windows-1252 says. */
const bytesOf: ReadonlyMap<number, number> = new Map(
  Array.from(
    new TextDecoder('windows-1252').decode(Uint8Array.from({ length: 256 }, (_, byte) => byte)),
    (char, byte) => [char.charCodeAt(0), byte],
  ),
)

const firstBeyondAscii = 0x80

/** Whether all of a text, read as windows-1252, is UTF-8 with a character beyond ASCII. */
export function isGarbled(text: string): boolean {
  const bytes = new Uint8Array(text.length)
  let beyond = false
  for (let at = 0; at < text.length; at++) {
    const byte = bytesOf.get(text.charCodeAt(at))
    if (byte === undefined) return false
    bytes[at] = byte
    beyond ||= byte >= firstBeyondAscii
  }
  return beyond && isUtf8(bytes)
}

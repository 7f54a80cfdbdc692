import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isGarbled } from '../../../src/format/garbled-text.ts'

describe('text that was read in another encoding than it was written in', () => {
  it.each(['GrÃ¼ÃŸe', 'cafÃ©', 'itâ€™s', 'Ã¢â‚¬â„¢', 'naÃ¯ve ASCII around'])('%s is garbled', (text) => {
    expect(isGarbled(text)).toBe(true)
  })

  it.each(['', 'plain', 'Grüße', 'café', 'it’s', 'naïve', 'Ã', 'Âme', '日本語', 'Ã© and 日本'])('%s is not', (text) => {
    expect(isGarbled(text)).toBe(false)
  })

  it('is any text that has been through windows-1252, unless it was ASCII', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (text) => {
        const garbled = new TextDecoder('windows-1252').decode(Buffer.from(text))
        expect(isGarbled(garbled)).toBe(/[^\p{ASCII}]/u.test(text))
      }),
    )
  })
})

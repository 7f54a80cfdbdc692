import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { fillTemplate, templateText } from '../../../src/core/statement-template.ts'

const names = { table: `"o'd%t"."t"`, schema: `"o'd%t"` }

describe('a template of a statement', () => {
  it('names the table and its schema, within literals too', () => {
    expect(fillTemplate(`set %t.x to nextval('%l.s') -- %s, 5%%`, names)).toBe(
      `set "o'd%t"."t".x to nextval('"o''d%t".s') -- "o'd%t", 5%`,
    )
  })

  it('leaves every text as it is', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string(), (before, behind) => {
        expect(fillTemplate(`${templateText(before)}%t${templateText(behind)}`, names)).toBe(
          `${before}${names.table}${behind}`,
        )
      }),
    )
  })

  it.each(['%', '%x', 'a %T'])('is not %j', (template) => {
    expect(() => fillTemplate(template, names)).toThrow(TypeError)
  })
})

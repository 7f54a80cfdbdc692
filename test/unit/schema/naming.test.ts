import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { columnName, nameColumns, nameTables, styledName } from '../../../src/schema/naming.ts'

const limits = { maxBytes: 63, reserved: ['ctid', 'xmin', 'xmax', 'cmin', 'cmax', 'tableoid'] }

describe('styledName', () => {
  it.each([
    ['createdAt', 'created_at'],
    ['userID', 'user_id'],
    ['userIDs', 'user_i_ds'],
    ['HTTPServer', 'http_server'],
    ['camelCase', 'camel_case'],
    ['Users', 'users'],
    ['_id', '_id'],
    ['__v', '__v'],
    ['users300000', 'users300000'],
    ['address2Line', 'address2_line'],
    ['UTF8', 'utf8'],
    ['user_ID', 'user_id'],
    ['größeÄnderung', 'größe_änderung'],
    ['A\u{1d400}', 'a\u{1d400}'],
    ['a.b', 'a.b'],
    ['$set', '$set'],
    ['"; drop table x;--', '"; drop table x;--'],
    [' ', ' '],
    ['', '_'],
    ['__proto__', '__proto__'],
  ])('%j becomes %j', (source, name) => {
    expect(styledName(source, 'snake_case')).toBe(name)
  })

  it('keeps every name but the empty one when it should preserve', () => {
    expect(styledName('createdAt', 'preserve')).toBe('createdAt')
    expect(styledName('', 'preserve')).toBe('_')
  })

  it('changes nothing the second time', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (source) => {
        const once = styledName(source, 'snake_case')
        expect(styledName(once, 'snake_case')).toBe(once)
      }),
    )
  })
})

describe('columnName', () => {
  it('keeps off the names of the target', () => {
    expect(columnName('ctid', 'preserve', limits)).toBe('ctid_')
    expect(columnName('Xmin', 'snake_case', limits)).toBe('xmin_')
    expect(columnName('select', 'snake_case', limits)).toBe('select')
  })

  it('cuts between characters, and ends with a hash of the whole name', () => {
    const long = 'é'.repeat(40)
    expect(columnName(long, 'preserve', limits)).toBe(`${'é'.repeat(27)}_84fe2e03`)
    expect(columnName('x'.repeat(63), 'preserve', limits)).toBe('x'.repeat(63))
    expect(columnName('x'.repeat(64), 'preserve', limits)).toMatch(/^x{54}_[0-9a-f]{8}$/)
  })

  it.each(['a\0b', '\ud800'])('refuses %j', (name) => {
    expect(() => columnName(name, 'preserve', limits)).toThrow(expect.objectContaining({ code: 'name-collision' }))
  })
})

describe('nameColumns', () => {
  const given = (sources: readonly string[]): string[] => [
    ...nameColumns(
      sources.map((source) => ({ source })),
      'snake_case',
      limits,
    ).names,
  ]

  it('tells fields apart that differ by case, in the order given, and says so', () => {
    const { names, warnings } = nameColumns(
      [{ source: 'Email' }, { source: 'email' }, { source: 'EMAIL' }],
      'snake_case',
      limits,
    )
    expect(names).toEqual(['email', 'email_2', 'email_3'])
    expect(warnings).toEqual([
      'field "email" becomes "email_2", because "email" is taken by field "Email"',
      'field "EMAIL" becomes "email_3", because "email" is taken by field "Email"',
    ])
  })

  it('steps over a suffix that is a name of its own', () => {
    expect(given(['a_2', 'a', 'A'])).toEqual(['a_2', 'a', 'a_3'])
    expect(given(['a', 'A', 'a_2'])).toEqual(['a', 'a_2', 'a_2_2'])
    expect(given(['ctid_', 'ctid'])).toEqual(['ctid_', 'ctid__2'])
    expect(given(['', '_'])).toEqual(['_', '__2'])
  })

  it('says why a name is cut or kept off', () => {
    const { warnings } = nameColumns([{ source: 'ctid' }, { source: 'x'.repeat(70) }], 'snake_case', limits)
    expect(warnings[0]).toBe('field "ctid" becomes "ctid_", because the target keeps "ctid" for itself')
    expect(warnings[1]).toMatch(/because its name is too long for the target$/)
  })

  it('gives a chosen name before all others', () => {
    const { names } = nameColumns([{ source: 'email' }, { source: 'mail', chosen: 'email' }], 'snake_case', limits)
    expect(names).toEqual(['email_2', 'email'])
  })

  it.each([
    ['', /is empty/],
    ['x'.repeat(64), /longer than 63 bytes/],
    ['a\0b', /not plain text/],
    ['ctid', /keeps?|kept by the target/],
  ])('refuses the chosen name %j', (chosen, message) => {
    expect(() => nameColumns([{ source: 'a', chosen }], 'preserve', limits)).toThrow(message)
  })

  it('refuses the same chosen name for two fields', () => {
    const fields = ['a', 'b'].map((source) => ({ source, chosen: 'x' }))
    expect(() => nameColumns(fields, 'preserve', limits)).toThrow(expect.objectContaining({ code: 'name-collision' }))
  })

  it('gives every field a name of its own, within the limit, always the same', () => {
    // Few letters and long runs, so that names collide, also after being cut.
    const colliding = fc.string({ unit: fc.constantFrom('a', 'A', '_', '2', 'é', '😀'), maxLength: 80 })
    const padded = fc.tuple(fc.constantFrom('', 'x'.repeat(61), 'X'.repeat(61), 'x'.repeat(90)), colliding)
    const any = fc.oneof(
      padded.map((parts) => parts.join('')),
      fc.string({ unit: 'binary' }).filter((text) => !text.includes('\0')),
    )
    fc.assert(
      fc.property(fc.uniqueArray(any, { maxLength: 30 }), fc.integer({ min: 14, max: 63 }), (sources, maxBytes) => {
        const fields = sources.map((source) => ({ source }))
        const { names } = nameColumns(fields, 'snake_case', { ...limits, maxBytes })
        expect(names).toHaveLength(sources.length)
        expect(new Set(names).size).toBe(sources.length)
        for (const value of names) {
          expect(Buffer.byteLength(value)).toBeLessThanOrEqual(maxBytes)
          expect(value).not.toBe('')
          expect(value.isWellFormed()).toBe(true)
          expect(limits.reserved).not.toContain(value)
        }
        expect(nameColumns(fields, 'snake_case', { ...limits, maxBytes }).names).toEqual(names)
      }),
    )
  })
})

describe('nameTables', () => {
  it('takes the style of each, and the names chosen', () => {
    const { names, warnings } = nameTables(
      [
        { source: 'shopUsers', naming: 'snake_case' },
        { source: 'shop_users', naming: 'preserve' },
        { source: 'Old', naming: 'preserve', targetName: 'archive' },
      ],
      63,
    )
    expect([...names.values()]).toEqual(['shop_users', 'shop_users_2', 'archive'])
    expect(warnings).toEqual([
      'table "shop_users" becomes "shop_users_2", because "shop_users" is taken by table "shopUsers"',
    ])
  })
})

import { describe, expect, it } from 'vitest'
import { parseFunctions } from '../../../src/transforms/parse-functions.ts'
import { usageError } from './fixtures.ts'

describe('parseFunctions', () => {
  const texts: readonly [string, unknown][] = [
    ['lowercase', [{ name: 'lowercase', arguments: [] }]],
    [
      ' lowercase | trim() ',
      [
        { name: 'lowercase', arguments: [] },
        { name: 'trim', arguments: [] },
      ],
    ],
    ['type_cast(integer, 0)', [{ name: 'type_cast', arguments: ['integer', 0] }]],
    ['type_cast(double precision)', [{ name: 'type_cast', arguments: ['double precision'] }]],
    ['type_cast( text[] , null )', [{ name: 'type_cast', arguments: ['text[]', null] }]],
    ['regex_replace(/a+/g, b)', [{ name: 'regex_replace', arguments: [{ pattern: 'a+', flags: 'g' }, 'b'] }]],
    [
      String.raw`regex_replace(/[/,)']\/|x/i, ' | ')`,
      [{ name: 'regex_replace', arguments: [{ pattern: String.raw`[/,)']\/|x`, flags: 'i' }, ' | '] }],
    ],
    ["default_value('n/a')", [{ name: 'default_value', arguments: ['n/a'] }]],
    ["default_value('it''s')", [{ name: 'default_value', arguments: ["it's"] }]],
    ['default_value("say ""hi""")', [{ name: 'default_value', arguments: ['say "hi"'] }]],
    ["default_value('')", [{ name: 'default_value', arguments: [''] }]],
    ['default_value(-1.5e3)', [{ name: 'default_value', arguments: [-1500] }]],
    ['default_value(true)', [{ name: 'default_value', arguments: [true] }]],
    ['default_value("true")', [{ name: 'default_value', arguments: ['true'] }]],
    ['default_value(2024-01-31)', [{ name: 'default_value', arguments: ['2024-01-31'] }]],
    [
      'slug|$own_1',
      [
        { name: 'slug', arguments: [] },
        { name: '$own_1', arguments: [] },
      ],
    ],
  ]

  it.each(texts)('reads %s', (text, calls) => {
    expect(parseFunctions(text)).toEqual(calls)
  })

  const faults: readonly [string, string][] = [
    ['', 'the name of a function is expected at the end'],
    ['lowercase|', 'the name of a function is expected at the end'],
    ['lowercase trim', '| or the end is expected at character 10, " trim"'],
    ['1st', 'the name of a function is expected at character 1, "1st"'],
    ['default_value(1', ', or ) is expected at the end'],
    ['default_value(1,)', 'an argument is expected at character 17, ")"'],
    ["default_value(it's)", `, or ) is expected at character 17, "'s)"`],
    ["default_value('x)", 'the text that begins at character 15, "\'x)" has no closing \''],
    ['regex_replace(/a, b)', 'the regular expression that begins at character 15, "/a, b)" has no closing /'],
    ['regex_replace(/a/y, b)', 'the flags "y" of /a/ are not some of gimsu, each once'],
    ['regex_replace(/a/gg, b)', 'the flags "gg" of /a/ are not some of gimsu, each once'],
    ['default_value()', 'the arguments of default_value are not right; it is called default_value(value)'],
    ['lowercase(1)', 'the arguments of lowercase are not right; it is called lowercase'],
    [
      'type_cast(5)',
      'the arguments of type_cast are not right; it is called type_cast(type) or type_cast(type, default)',
    ],
    ["template('{first')", "the arguments of template are not right; it is called template('{field} {field}')"],
    ['default_value(007)', 'the argument 007 is no number as JSON writes it, or one that a double does not hold'],
    ['default_value(-0)', 'the argument -0 is no number'],
    ['default_value(9007199254740993)', 'the argument 9007199254740993 is no number'],
    ['default_value(1e-999)', 'the argument 1e-999 is no number'],
    ['default_value(0.12345678901234567890)', 'the argument 0.12345678901234567890 is no number'],
    ['default_value(Infinity)', 'the argument Infinity is no number'],
  ]

  it.each(faults)('refuses %j', async (text, what) => {
    const error = await usageError(() => parseFunctions(text))
    expect(error.code).toBe('invalid-value')
    expect(error.message).toContain(`the functions ${JSON.stringify(text)} cannot be read: ${what}`)
    expect(error.hint).toBeDefined()
  })

  it('names the nearest built-in function where one with arguments is misspelled', async () => {
    const error = await usageError(() => parseFunctions('default_vale(0)'))
    expect(error.code).toBe('invalid-value')
    expect(error.hint).toContain('did you mean default_value?')
  })
})

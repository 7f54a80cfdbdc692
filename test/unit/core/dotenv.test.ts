import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { parseEnvFile } from '../../../src/core/dotenv.ts'

const read = (content: string) => Object.fromEntries(parseEnvFile(content, 'config.env'))

describe('parseEnvFile', () => {
  it('reads a file as people write them', () => {
    const file = [
      '\uFEFF# database',
      'DB_NAME=shop',
      'export DB_USER = app  # who',
      'DB_PASSWORD=pa#ss=w ord',
      '',
      'EMPTY=',
      'COMMENT= # nothing',
      `SINGLE='as "it" is \\n # not a comment'`,
      'DOUBLE="a\\tb \\"c\\" \\\\ # d"   # e',
      'LINES="one',
      'two"',
      '  INDENTED=x',
    ].join('\r\n')
    expect(read(file)).toEqual({
      DB_NAME: 'shop',
      DB_USER: 'app',
      DB_PASSWORD: 'pa#ss=w ord',
      EMPTY: '',
      COMMENT: '',
      SINGLE: 'as "it" is \\n # not a comment',
      DOUBLE: 'a\tb "c" \\ # d',
      LINES: 'one\ntwo',
      INDENTED: 'x',
    })
  })

  it('takes the last of two lines with one name', () => {
    expect(read('A=1\nA=2')).toEqual({ A: '2' })
  })

  it.each([
    ['A=1\nno equals sign\n', 2],
    ['A=1\nB="no end\nC=3', 2],
    ["A='x'y", 1],
    ['\n\n1A=x', 3],
  ])('refuses %j, naming the line and not its content', (content, line) => {
    expect(() => read(content)).toThrow(`config.env line ${line} is not NAME=value`)
  })

  it('gives back any value in double quotes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (value) => {
        const normal = value.replaceAll(/\r\n?/g, '\n')
        expect(read(`A="${normal.replaceAll(/["\\]/g, (found) => `\\${found}`)}"`)).toEqual({ A: normal })
      }),
    )
  })
})

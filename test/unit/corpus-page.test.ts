import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'

const numbers = [
  ...Array.from({ length: 19 }, (_, index) => `D-PG-${String(index + 1).padStart(2, '0')}`),
  ...Array.from({ length: 15 }, (_, index) => `L${String(index + 1).padStart(2, '0')}`),
]

/** Cells of the rows of all tables of a page, without their heads. */
async function rowsOf(page: string): Promise<readonly (readonly string[])[]> {
  const lines = (await readFile(page, 'utf8')).split('\n').filter((line) => /^\| (?!\|?-|\| what)/.test(line))
  return lines.map((line) => line.slice(2, -2).split(/ ?\| /))
}

describe('the page of odd things', () => {
  it('has each number once, with what becomes of it', async () => {
    const rows = await rowsOf('docs/corpus.md')
    expect(rows.map(([number]) => number).filter((number) => number !== '')).toEqual(numbers)
    for (const row of rows)
      expect(
        row.map((cell, place) => place === 0 || cell !== ''),
        row.join(),
      ).toEqual([true, true, true, true])
  })

  it('names tests that there are', async () => {
    for (const [, what = '', , tests = ''] of await rowsOf('docs/corpus.md')) {
      const named = [...tests.matchAll(/`(?<file>[^`]+\.test\.ts)`: "(?<name>[^"]+)"(?:; |$)/g)]
      expect(named.map(([text]) => text).join(''), what).toBe(tests)
      for (const { groups } of named) {
        const text = await readFile(`test/${groups?.['file']}`, 'utf8')
        const names = [...text.matchAll(/\b(?:it|describe)\b[^\n]*?\(\s*'(.+)/g)].map(([, name = '']) => name)
        expect(
          names.some((name) => name.startsWith(groups?.['name'] ?? '-')),
          tests,
        ).toBe(true)
      }
    }
  })
})

import { createHash } from 'node:crypto'
import type { CorpusCase } from './corpus-case.ts'

/** Text that does not get shorter by compression, the same every time. */
function incompressible(characters: number): string {
  let text = ''
  for (let n = 0; text.length < characters; n++) text += createHash('sha512').update(String(n)).digest('base64')
  return text.slice(0, characters)
}

const fits = incompressible(2690)
const long = incompressible(8000)

/** Where a key was to be built, the run says so: test/corpus/keys.test.ts. */
export const m16: readonly CorpusCase[] = [
  {
    name: 'm16_fits',
    what: 'a key as long as an index holds',
    rows: [{ fields: { _id: fits, n: 0 }, expected: { _id: fits } }],
    columns: { _id: 'text', n: 'integer' },
    aloneBecause: 'good rows have keys of another type',
  },
  {
    name: 'm16_long',
    what: 'a key longer than an index holds, in a table without a primary key',
    rows: [{ fields: { _id: long, n: 0 }, expected: { _id: long } }],
    columns: { _id: 'text', n: 'integer' },
    options: { 'no-primary-key': true },
    aloneBecause: 'good rows have keys of another type',
  },
]

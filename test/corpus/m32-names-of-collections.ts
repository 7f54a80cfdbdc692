import type { CorpusCase } from './corpus-case.ts'

const same = 'ä'.repeat(35)
const cut = 'ä'.repeat(27)

/** Names of collections, and of the tables they become. */
const tables: Readonly<Record<string, string>> = {
  M32Users: 'm32_users',
  m32_users: 'm32_users_2',
  'a.b.c': 'a.b.c',
  'it"s; --': 'it"s; --',
  "o'clock": "o'clock",
  ctid: 'ctid',
  select: 'select',
  ' ': ' ',
  [`${same}aa`]: `${cut}_9e59efde`,
  [`${same}ab`]: `${cut}_cd243150`,
}

export const m32: readonly CorpusCase[] = Object.entries(tables).map(([name, table], n) => ({
  name,
  table,
  what: `a collection of the name ${JSON.stringify(name)}`,
  rows: [{ fields: { n }, expected: { n: String(n) } }],
  columns: { n: 'integer' },
  aloneBecause: 'the name is what counts',
  ...(name === 'm32_users' ? { notices: [/table "m32_users" becomes "m32_users_2"/] } : {}),
}))

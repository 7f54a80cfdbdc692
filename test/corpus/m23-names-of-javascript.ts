import type { CorpusCase, Texts } from './corpus-case.ts'

const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf', 'toJSON', 'then', 'length']
const snake = ['__proto__', 'constructor', 'to_string', 'has_own_property', 'value_of', 'to_json', 'then', 'length']
const fields = (): Map<string, unknown> => new Map(names.map((name) => [name, `a ${name}`]))
const polluting = new Map([['__proto__', new Map([['polluted', true]])]])

/** By entries: a literal would set the prototype. */
function texts(columns: readonly string[], prefix = ''): Texts {
  return Object.fromEntries(columns.map((column, at) => [`${prefix}${column}`, `a ${names[at]}`]))
}

function types(columns: readonly string[], others: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  return { ...Object.fromEntries(columns.map((column) => [column, 'text'])), ...others }
}

const document = (): Map<string, unknown> => new Map([...fields(), ['inner', fields()], ['deep', polluting]])
const eachInner = {
  sql: `select key, value from $table, jsonb_each_text("inner") order by array_position(array['${names.join("','")}'], key)`,
  answer: names.map((key) => ({ key, value: `a ${key}` })),
}
const deep = '{"__proto__": {"polluted": true}}'

export const m23: readonly CorpusCase[] = [
  {
    name: 'm23_snake',
    what: 'names that mean something to JavaScript are names as others are',
    rows: [{ fields: document(), expected: { ...texts(snake), deep } }],
    columns: types(snake, { inner: 'jsonb', deep: 'jsonb' }),
    asked: [eachInner],
  },
  {
    name: 'm23_preserved',
    what: 'names that mean something to JavaScript, preserved',
    rows: [{ fields: document(), expected: { ...texts(names), deep } }],
    columns: types(names, { inner: 'jsonb', deep: 'jsonb' }),
    options: { naming: 'preserve' },
    asked: [eachInner],
  },
  {
    name: 'm23_flat',
    what: 'names that mean something to JavaScript, in documents that become columns',
    rows: [
      {
        fields: new Map<string, unknown>([
          ['inner', fields()],
          ['deep', polluting],
        ]),
        expected: { ...texts(snake, 'inner_'), deep___proto___polluted: 't' },
      },
    ],
    options: { nest: { inner: 'column', deep: 'column' } },
  },
]

import { describe, expect, it } from 'vitest'
import { buildConfig, type Config } from '../../../src/config.ts'
import { DroverError } from '../../../src/core/errors.ts'

const ends = 'from: mongodb://h/shop\nto: postgres://h/shop\n'

function config(yaml: string, flags = {}, environment = {}, files: Readonly<Record<string, string>> = {}): Config {
  const known: Readonly<Record<string, string>> = { '/etc/d.yaml': yaml, ...files }
  return buildConfig({
    flags: { config: '/etc/d.yaml', ...flags },
    environment,
    readFile: (path) => {
      const content = known[path]
      if (content === undefined) throw Object.assign(new Error(path), { code: 'ENOENT' })
      return content
    },
  })
}

function refusal(yaml: string, flags = {}): string {
  try {
    config(yaml, flags)
  } catch (error) {
    if (error instanceof DroverError) return [`${error.code}: ${error.message}`, error.hint ?? []].flat().join(' | ')
    throw error
  }
  throw new Error('was not refused')
}

describe('config file', () => {
  it('is read with its types', () => {
    const built = config(`${ends}defaults:
  batch-rows: 500
  workers: auto
  no-primary-key: true
  columns: [_id, "a,b"]
  rename: {a: b, 'c=d': e}
  where: '{"age": {"$gt": 18}}'
`)
    expect(built).toMatchObject({
      from: 'mongodb://h/shop',
      batchRows: 500,
      workers: 'auto',
      primaryKey: false,
      columns: ['_id', 'a,b'],
      rename: { a: 'b', 'c=d': 'e' },
      where: '{"age": {"$gt": 18}}',
    })
    expect(built.origin('batch-rows')).toBe('file /etc/d.yaml')
    expect(built.origin('batch-bytes')).toBe('params.ts')
  })

  it('fills in variables and files, and leaves $${ alone', () => {
    const yaml = `from: mongodb://u:\${MONGO_PW}@h/shop
to: 'postgres://u:\${file:secrets/pg}@h/shop'
defaults: {where: '{"a": "$\${x}"}', target-schema: "a\${A}b\${A}"}`
    const built = config(yaml, {}, { MONGO_PW: 'm', A: '-' }, { '/etc/secrets/pg': 'p\n' })
    expect(built.from).toBe('mongodb://u:m@h/shop')
    expect(built.to).toBe('postgres://u:p@h/shop')
    expect(built.where).toBe('{"a": "${x}"}')
    expect(built.targetSchema).toBe('a-b-')
  })

  it.each([
    [
      `${ends}workers: 3`,
      'unknown-key: /etc/d.yaml line 3: unknown key workers in the file | workers belongs under defaults:',
    ],
    [
      `${ends}defaults:\n  batch-row: 3`,
      'unknown-key: /etc/d.yaml line 4: unknown key batch-row in defaults | did you mean batch-rows?',
    ],
    [
      `${ends}defaults: {batchRows: 3}`,
      'unknown-key: /etc/d.yaml line 3: unknown key batchRows in defaults | did you mean batch-rows?',
    ],
    [
      `${ends}defaults: {config: x}`,
      'unknown-key: /etc/d.yaml line 3: unknown key config in defaults | did you mean infer?',
    ],
    [
      `${ends}defaults: {from: x}`,
      'unknown-key: /etc/d.yaml line 3: unknown key from in defaults | from belongs at the top of the file',
    ],
    [
      `${ends}tables:\n  users:\n    colums: [a]`,
      'unknown-key: /etc/d.yaml line 5: unknown key colums in tables: users | did you mean columns?',
    ],
    [
      `${ends}tables:\n  users: {workers: 3}`,
      'unknown-key: /etc/d.yaml line 4: unknown key workers in tables: users | workers belongs under defaults:',
    ],
    [
      `${ends}tables: {'a*': {to: x}}`,
      'invalid-config: /etc/d.yaml line 3: to: under a* would give every table that matches the same name',
    ],
    [
      `${ends}tables: users`,
      'invalid-config: /etc/d.yaml line 3: tables: must be a list of names, or a map from name to overrides',
    ],
    [`${ends}defaults: {where: }`, 'invalid-config: /etc/d.yaml line 3: a key has no value'],
    [
      `${ends}defaults: {where: "\${NOPE}"}`,
      'invalid-config: /etc/d.yaml line 3: the environment has no NOPE | a plain ${ is written $${',
    ],
    [`${ends}defaults: {where: "\${NOPE"}`, 'invalid-config: /etc/d.yaml line 3: ${ has no closing }'],
    [`from: a\nfrom: b`, 'invalid-config: /etc/d.yaml line 2: Map keys must be unique'],
    [`- a`, 'invalid-config: /etc/d.yaml line 1: the file must be a map of keys and values'],
    [
      `${ends}tables:\n  users: {limit: -1}`,
      'invalid-value: limit (/etc/d.yaml line 4) is "-1"; allowed is a whole number of at least 0',
    ],
    [`${ends}tables:\n  users: {to: ''}`, 'invalid-value: /etc/d.yaml line 4: to: must be the name of a table'],
    [
      `${ends}tables:\n  users: {columns: [a], exclude-columns: [a]}`,
      'conflicting-options: a is both in --columns and in --exclude-columns | --columns takes the fields it names and no others, so --exclude-columns is not needed',
    ],
  ])('refuses %j', (yaml, message) => {
    expect(refusal(yaml)).toBe(message)
  })

  it('says that the file, or one it names, cannot be read', () => {
    expect(refusal(ends, { config: '/no.yaml' })).toBe(
      'invalid-config: cannot read the config file /no.yaml: there is no such file',
    )
    expect(refusal('from: ${file:pw}')).toBe(
      'invalid-config: cannot read the file named in /etc/d.yaml line 1 /etc/pw: there is no such file',
    )
  })

  it('shows no secret of a value that is filled in', () => {
    expect(() => config('from: "${P}"\nto: a://b', {}, { P: '//u:canary@h' })).toThrow(/^(?!.*canary)/s)
    expect(refusal('from: //u:canary@h')).not.toContain('canary')
  })
})

describe('tables', () => {
  const yaml = `${ends}defaults: {limit: 1, mode: append}
tables:
  users: {limit: 2, to: people, rename: {a: b}}
  '*s': {limit: 3, mode: truncate}
  'u*': {limit: 4}
  orders:
`

  it('take the exact name before a wildcard, and later before earlier', () => {
    const built = config(yaml)
    expect(built.tables).toEqual(['users', '*s', 'u*', 'orders'])
    expect(built.limit).toBe(1)
    expect(built.forTable('users')).toMatchObject({
      limit: 2,
      mode: 'truncate',
      targetName: 'people',
      rename: { a: 'b' },
    })
    expect(built.forTable('units')).toMatchObject({ limit: 4, mode: 'truncate', targetName: null })
    expect(built.forTable('orders')).toMatchObject({ limit: 3, mode: 'truncate' })
    expect(built.forTable('other')).toMatchObject({ limit: 1, mode: 'append', rename: {} })
    expect(built.forTable('users').origin('limit')).toBe('file /etc/d.yaml')
    expect(built.forTable('other').origin('naming')).toBe('default')
  })

  it('yield to flags and environment', () => {
    const built = config(yaml, { limit: '9', tables: 'a,b' }, { DROVER_MODE: 'recreate' })
    expect(built.tables).toEqual(['a', 'b'])
    expect(built.forTable('users')).toMatchObject({ limit: 9, mode: 'recreate' })
    expect(built.forTable('users').origin('limit')).toBe('flag')
  })

  it('may be a list, and names may look like numbers', () => {
    expect(config(`${ends}tables: [users, 'log_*', 2026, "007"]`).tables).toEqual(['users', 'log_*', '2026', '007'])
    expect(config(`${ends}tables: {"users": {limit: 5}, 'a b': }`).forTable('users').limit).toBe(5)
  })

  it('know a field named __proto__', () => {
    const { rename } = config(`${ends}tables: {users: {rename: {__proto__: p}}}`).forTable('users')
    expect(Object.entries(rename)).toEqual([['__proto__', 'p']])
  })
})

import { describe, expect, it } from 'vitest'
import { DroverError } from '../../../src/core/errors.ts'
import { scalarTypes, typeName } from '../../../src/core/logical-type.ts'
import { parseTypeName } from '../../../src/schema/type-names.ts'

describe('parseTypeName', () => {
  it.each([
    ['text', 'text'],
    ['int', 'int32'],
    ['INTEGER', 'int32'],
    ['int4', 'int32'],
    ['bigint', 'int64'],
    ['int8', 'int64'],
    [' Double   Precision ', 'float64'],
    ['double', 'float64'],
    ['float8', 'float64'],
    ['decimal', 'decimal'],
    ['numeric', 'decimal'],
    ['bool', 'bool'],
    ['timestamp with time zone', 'timestamp'],
    ['timestamp with time zone []', 'timestamp[]'],
    ['uuid[]', 'uuid[]'],
    ['bytea', 'bytes'],
    ['json', 'json'],
    ['jsonb', 'json'],
  ] as const)('reads %j', (name, type) => {
    expect(parseTypeName(name)).toBe(type)
  })

  it('reads back the name of every type it offers', () => {
    for (const type of scalarTypes.filter((scalar) => scalar !== 'objectid')) {
      expect(parseTypeName(typeName(type))).toBe(type)
      expect(parseTypeName(typeName(`${type}[]`))).toBe(`${type}[]`)
    }
    expect(parseTypeName(typeName('json'))).toBe('json')
  })

  it.each(['objectid', 'jsonb[]', 'text[][]', 'varchar(10)', 'timestamp', '', 'constructor'])('refuses %j', (name) => {
    expect(() => parseTypeName(name)).toThrow(expect.objectContaining({ code: 'unknown-type' }))
  })

  it('names the nearest and lists them all', () => {
    const error = catchError(() => parseTypeName('bigit'))
    expect(error.message).toBe('"bigit" is not the name of a type')
    expect(error.hint).toMatch(/^did you mean bigint\? Types are text, integer, bigint, .*, bytea, jsonb; /)
  })
})

function catchError(run: () => unknown): DroverError {
  try {
    run()
  } catch (error) {
    if (error instanceof DroverError) return error
  }
  throw new Error('expected a DroverError')
}

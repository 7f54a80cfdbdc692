import { describe, expect, it } from 'vitest'
import type { TransformStep } from '../../../src/core/transform.ts'
import { fieldsOf, pipelineOf, refusal, rowOf, transformed, usageError } from './fixtures.ts'

describe('rename', () => {
  const rename = (fields: Readonly<Record<string, string>>): TransformStep => ({ kind: 'rename', fields })

  it('keeps the order of the fields', async () => {
    const row = (await transformed([rename({ b: 'x' })], { a: 1, b: 2, c: 3 })) as object
    expect(Object.entries(row)).toEqual([
      ['a', 1],
      ['x', 2],
      ['c', 3],
    ])
  })

  it('swaps two fields, and moves three in a circle', async () => {
    expect(await transformed([rename({ a: 'b', b: 'a' })], { a: 1, b: 2 })).toEqual({ a: 2, b: 1 })
    expect(await transformed([rename({ a: 'b', b: 'c', c: 'a' })], { a: 1, b: 2, c: 3 })).toEqual({ a: 3, b: 1, c: 2 })
  })

  it('takes a name that is made free by the same step', async () => {
    expect(await transformed([rename({ a: 'b', b: 'c' })], { a: 1, b: 2 })).toEqual({ b: 1, c: 2 })
  })

  it('passes over a field that the row lacks', async () => {
    expect(await transformed([rename({ a: 'b', x: 'y' })], { a: 1 })).toEqual({ b: 1 })
    expect(await transformed([rename({ x: 'a' })], { a: 1 })).toEqual({ a: 1 })
  })

  it('keeps null, and renames a field to its own name', async () => {
    expect(await transformed([rename({ a: 'a', b: 'c' })], { a: 1, b: null })).toEqual({ a: 1, c: null })
  })

  it.each([
    [{ a: 1, b: 2 }, 'a and b'],
    [{ b: 2, a: 1 }, 'b and a'],
  ])('refuses the name of another field of the row: %o', async (fields, both) => {
    expect(await refusal([rename({ a: 'b' })], fields)).toBe(
      `document 7 of table users, step 1 (rename a): the row has two fields for the name b: ${both}`,
    )
  })

  it('refuses the same new name twice where the row has both fields', async () => {
    const steps = [rename({ a: 'c', b: 'c' })]
    expect(await transformed(steps, { b: 1 })).toEqual({ c: 1 })
    expect(await refusal(steps, { a: 1, b: 2 })).toContain('the row has two fields for the name c: a and b')
  })
})

describe('pick, exclude and set', () => {
  it('picks in the order named, and only what there is', async () => {
    const row = (await transformed([{ kind: 'pick', fields: ['c', 'x', 'a'] }], { a: 1, b: 2, c: null })) as object
    expect(Object.entries(row)).toEqual([
      ['c', null],
      ['a', 1],
    ])
  })

  it('excludes', async () => {
    expect(await transformed([{ kind: 'exclude', fields: ['b', 'x'] }], { a: 1, b: 2, c: 3 })).toEqual({ a: 1, c: 3 })
  })

  it('sets, whether the field is there or not', async () => {
    const step: TransformStep = { kind: 'set', fields: { a: null, b: 'x', c: false } }
    expect(await transformed([step], { a: 1, c: true })).toEqual({ a: null, b: 'x', c: false })
  })
})

describe('cast', () => {
  const cast = (fields: Readonly<Record<string, string>>): TransformStep => ({ kind: 'cast', fields })

  it('casts what is there', async () => {
    expect(await transformed([cast({ a: 'integer', b: 'text', c: 'integer' })], { a: '12', b: null })).toEqual({
      a: 12,
      b: null,
    })
  })

  it('refuses what has no exact form', async () => {
    expect(await refusal([{ kind: 'exclude', fields: ['x'] }, cast({ 'a b': 'integer' })], { 'a b': 1.5 })).toBe(
      'document 7 of table users, step 2 (cast "a b"): 1.5 has no exact form as integer',
    )
  })

  it('refuses an unknown type at once', async () => {
    const error = await usageError(() => pipelineOf([cast({ a: 'integre' })]))
    expect(error.code).toBe('unknown-type')
    expect(error.message).toBe('step 1 (cast): "integre" is not the name of a type')
    expect(error.hint).toContain('did you mean integer?')
  })
})

describe('names that JavaScript knows', () => {
  it('are fields like any other', async () => {
    const steps: TransformStep[] = [
      { kind: 'rename', fields: JSON.parse('{"a":"__proto__"}') as Record<string, string> },
      { kind: 'exclude', fields: ['toString'] },
      { kind: 'set', fields: JSON.parse('{"constructor":"set"}') as Record<string, string> },
    ]
    const pipeline = await pipelineOf(steps)
    const outcome = await pipeline.apply(rowOf({ a: 'mine', hasOwnProperty: 1, toString: 2 }))
    if (outcome === null || !('fields' in outcome)) throw new Error('one row is expected')
    expect(Object.getPrototypeOf(outcome.fields)).toBeNull()
    expect(Object.entries(outcome.fields)).toEqual([
      ['__proto__', 'mine'],
      ['hasOwnProperty', 1],
      ['constructor', 'set'],
    ])
  })

  it('are missing where the row lacks them', async () => {
    const pipeline = await pipelineOf([
      { kind: 'rename', fields: { toString: 'a' } },
      { kind: 'pick', fields: ['constructor', 'b'] },
    ])
    expect(fieldsOf(await pipeline.apply(rowOf({ b: 1 })))).toEqual({ b: 1 })
  })
})

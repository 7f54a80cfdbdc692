import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RowError } from '../../../src/core/row-error.ts'
import type { TransformStep } from '../../../src/core/transform.ts'
import { ObjectId, type Value } from '../../../src/core/value.ts'
import { givenTypes } from '../../../src/transforms/given-types.ts'
import { fieldsOf, mapped, pipelineOf, refusal, rowOf, transformed } from './fixtures.ts'

const call = (name: string): TransformStep => ({ kind: 'function', function: name })

const source = `
  export const three = (row) => [1, 2, 3].map((n) => ({ ...row, n }))
  export const twice = (row) => [row, row]
  export const odd = (row) => row.n % 2 === 1
  export const oddLater = async (row) => row.n % 2 === 1
  export const none = () => false
  export const count = (row) => { row.n = (row.n ?? 0) + 1; return row }
  export const countLater = async (row) => ({ ...row, n: row.n + 1 })
  export const fails = (row) => { if (row.n === 2) throw new Error('not two'); return row }
  export const boomLater = async () => { throw new Error('boom') }
  export const failsLater = async (row) => { if (row.n === 2) throw new Error('not two'); return row }`

describe('a pipeline', () => {
  it('without steps is the identity', async () => {
    const pipeline = await pipelineOf([])
    const values = fc.oneof(fc.string(), fc.double(), fc.bigInt(), fc.constant(null), fc.array(fc.integer()))
    fc.assert(
      fc.property(fc.dictionary(fc.string(), values), (fields) => {
        const row = rowOf(fields)
        const before = structuredClone(row.fields)
        expect(pipeline.apply(row)).toBe(row)
        expect({ ...row.fields }).toEqual({ ...before })
      }),
    )
  })

  it('takes its steps in their order', async () => {
    const steps: TransformStep[] = [
      { kind: 'rename', fields: { mail: 'email' } },
      mapped({ email: 'trim|lowercase', age: 'default_value("18")' }),
      { kind: 'cast', fields: { age: 'integer' } },
      call('three'),
      { kind: 'filter', function: 'odd' },
      { kind: 'exclude', fields: ['secret'] },
      { kind: 'set', fields: { origin: 'shop' } },
    ]
    expect(await transformed(steps, { mail: ' A@B.C ', secret: 'x' }, source)).toEqual([
      { email: 'a@b.c', age: 18, n: 1, origin: 'shop' },
      { email: 'a@b.c', age: 18, n: 3, origin: 'shop' },
    ])
  })

  it('takes each of several rows through the steps that follow, now or later', async () => {
    const steps = [call('three'), { kind: 'filter', function: 'oddLater' } as const, call('countLater'), call('three')]
    const expected = [1, 2, 3, 1, 2, 3].map((n) => ({ a: 1, n }))
    expect(await transformed(steps, { a: 1 }, source)).toEqual(expected)
    expect(await transformed([call('three'), { kind: 'filter', function: 'none' }], { a: 1 }, source)).toBeNull()
  })

  it('tells the field at fault, its value and the reason, where a step is on fields', async () => {
    const at = async (step: TransformStep, fields: Readonly<Record<string, Value>>): Promise<RowError['at']> => {
      const pipeline = await pipelineOf([step], source)
      const applied = (async () => pipeline.apply(rowOf(fields)))()
      const error: unknown = await applied.catch((thrown: unknown) => thrown)
      if (!(error instanceof RowError)) throw new Error('no RowError was thrown')
      return error.at
    }
    const cast: TransformStep = { kind: 'cast', fields: { a: 'integer', d: 'text' } }
    expect(await at(cast, { a: 'x' })).toStrictEqual({
      column: 'a',
      value: '"x"',
      reason: 'it has no exact form as integer',
    })
    expect(await at(cast, { d: ['x\0'] })).toStrictEqual({
      column: 'd',
      value: String.raw`["x\u0000"]`,
      reason: 'the text contains U+0000',
    })
    const validate: TransformStep = { kind: 'validate', fields: { a: 'integer!', b: 'text' } }
    expect(await at(validate, { a: 1, b: 2 })).toMatchObject({ column: 'b', value: '2', reason: 'it is no text' })
    expect(await at(validate, { b: 2 })).toMatchObject({ column: 'a', value: 'null', reason: 'it is missing' })
    expect(await at(validate, { a: null })).toMatchObject({ column: 'a', value: 'null', reason: 'it is null' })
    expect(await at({ kind: 'rename', fields: { a: 'b' } }, { a: 1, b: 2 })).toMatchObject({ column: 'a', value: '1' })
    expect(await at(mapped({ n: 'boomLater' }), { n: 2 })).toMatchObject({ column: 'n', value: '2' })
    expect(await at(call('fails'), { n: 2 })).toBe(null)
  })

  it('counts a row for itself that is answered twice', async () => {
    expect(await transformed([call('twice'), call('count')], {}, source)).toEqual([{ n: 1 }, { n: 1 }])
  })

  it.each(['fails', 'failsLater'])('refuses the whole row where one of several cannot be taken: %s', async (name) => {
    expect(await refusal([call('three'), call(name), call('count')], {}, source)).toContain(
      `document 7 of table users, step 2 (function ${name}): the function threw Error: not two`,
    )
  })

  it('stops at the row it left out', async () => {
    const steps: TransformStep[] = [{ kind: 'filter', function: 'none' }, call('fails')]
    expect(await transformed(steps, { n: 2 }, source)).toBeNull()
  })

  it('names the key as people read it', async () => {
    const pipeline = await pipelineOf([mapped({ a: 'type_cast(integer)' })])
    const row = rowOf({ a: 'x' }, new ObjectId('0123456789abcdef01234567'))
    expect(() => pipeline.apply(row)).toThrow(RowError)
    expect(() => pipeline.apply(row)).toThrow(
      'document {"$oid":"0123456789abcdef01234567"} of table users, step 1 (map a): "x" has no exact form as integer',
    )
  })

  it('is made anew from plain data', async () => {
    const steps = [mapped({ a: 'regex_replace(/a/g, b)' }), { kind: 'rename', fields: { a: 'c' } } as const]
    const copies = [structuredClone(steps), JSON.parse(JSON.stringify(steps)) as TransformStep[]]
    for (const copy of copies) {
      const pipeline = await pipelineOf(copy)
      expect(fieldsOf(await pipeline.apply(rowOf({ a: 'aa' })))).toEqual({ c: 'bb' })
    }
  })
})

describe('givenTypes', () => {
  const cast: TransformStep = { kind: 'cast', fields: { a: 'numeric', b: 'text' } }
  const cases: readonly [string, readonly TransformStep[], Record<string, string>][] = [
    ['what was cast', [cast], { a: 'numeric', b: 'text' }],
    ['what type_cast made last', [mapped({ a: 'trim|type_cast(bigint, 0)' })], { a: 'bigint' }],
    ['not what came after it', [cast, mapped({ a: 'type_cast(integer)|mine' })], { b: 'text' }],
    ['under its new name', [cast, { kind: 'rename', fields: { a: 'b', b: 'a' } }], { b: 'numeric', a: 'text' }],
    ['only what is picked', [cast, { kind: 'pick', fields: ['b'] }], { b: 'text' }],
    ['not what is excluded', [cast, { kind: 'exclude', fields: ['b'] }], { a: 'numeric' }],
    ['not what is set', [cast, { kind: 'set', fields: { a: 1 } }], { b: 'text' }],
    ['past a filter', [cast, { kind: 'filter', function: 'f' }], { a: 'numeric', b: 'text' }],
    ['nothing past a function on rows', [cast, call('f')], {}],
  ]

  it.each(cases)('tells %s', (_what, steps, expected) => {
    expect(Object.fromEntries(givenTypes(steps))).toEqual(expected)
  })
})

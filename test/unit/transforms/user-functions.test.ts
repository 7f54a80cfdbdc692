import { describe, expect, it } from 'vitest'
import type { TransformStep } from '../../../src/core/transform.ts'
import { Decimal, Instant, ObjectId, Special, Uuid } from '../../../src/core/value.ts'
import { loadPipeline } from '../../../src/transforms/pipeline.ts'
import {
  documentOf,
  fieldsOf,
  mapped,
  pipelineOf,
  refusal,
  rowOf,
  tools,
  transformed,
  userFile,
  usageError,
} from './fixtures.ts'

const call = (name: string): TransformStep => ({ kind: 'function', function: name })
const filter = (name: string): TransformStep => ({ kind: 'filter', function: name })

/** What one function answers for `{ a: 1 }`. */
function answered(body: string): Promise<unknown> {
  return transformed([call('f')], { a: 1 }, `export const f = (row, context) => ${body}`)
}

function refused(body: string): Promise<string> {
  return refusal([call('f')], { a: 1 }, `export const f = (row, context) => ${body}`)
}

describe('a function on rows', () => {
  it('is told the row, the table and the key', async () => {
    expect(await answered('({ ...row, ...context })')).toEqual({ a: 1, table: 'users', key: 7 })
  })

  it('is written in TypeScript', async () => {
    const source = `
      interface User { readonly name: string }
      export default function (row: User & Record<string, unknown>): object | null {
        return { name: row.name.toUpperCase() as string }
      }`
    expect(await transformed([call('default')], { name: 'ada' }, source)).toEqual({ name: 'ADA' })
  })

  it('may change the row it is given, or answer another', async () => {
    expect(await answered('{ row.b = 2; delete row.a; return row }')).toEqual({ b: 2 })
    expect(await answered('({ b: 2 })')).toEqual({ b: 2 })
    const frozen = [call('f'), mapped({ b: 'constant(2)' })]
    expect(await transformed(frozen, { a: 1 }, 'export const f = (row) => Object.freeze(row)')).toEqual({ a: 1, b: 2 })
  })

  it('drops a row by null or no rows, and gives several', async () => {
    expect(await answered('null')).toBeNull()
    expect(await answered('[]')).toBeNull()
    expect(await answered('[{ b: 1 }]')).toEqual({ b: 1 })
    expect(await answered('[row, { b: 2 }]')).toEqual([{ a: 1 }, { b: 2 }])
  })

  it('may answer later', async () => {
    expect(await answered('Promise.resolve({ b: 1 })')).toEqual({ b: 1 })
    expect(await answered('Promise.resolve(null)')).toBeNull()
    expect(await answered('({ then: (done) => done({ b: 1 }) })')).toEqual({ b: 1 })
  })

  it('gives a promise only where a function did', async () => {
    const source = 'export const now = (row) => row; export const later = async (row) => row'
    expect((await pipelineOf([call('now')], source)).apply(rowOf({ a: 1 }))).not.toBeInstanceOf(Promise)
    expect((await pipelineOf([call('later')], source)).apply(rowOf({ a: 1 }))).toBeInstanceOf(Promise)
  })

  it('leaves the key of each row as it was in the source', async () => {
    const pipeline = await pipelineOf([call('f')], 'export const f = (row) => [{ _id: 1 }, { _id: 2 }]')
    expect(await pipeline.apply(rowOf({ _id: 7 }))).toEqual([rowOf({ _id: 1 }), rowOf({ _id: 2 })])
  })

  it('gives values as JavaScript has them', async () => {
    const row = await answered(
      `({ date: new Date(5), buffer: Buffer.from('a'), big: 5n, list: [new Date(6), [1, null]], doc: { d: new Date(7) } })`,
    )
    expect(row).toEqual({
      date: new Instant(5n),
      buffer: Buffer.from('a'),
      big: 5n,
      list: [new Instant(6n), [1, null]],
      doc: { d: new Instant(7n) },
    })
    expect(Object.getPrototypeOf((row as { doc: object }).doc)).toBeNull()
  })

  it('gives back every kind of value as it came, also from within', async () => {
    const fields = {
      id: new ObjectId('0123456789abcdef01234567'),
      uuid: new Uuid('00112233-4455-6677-8899-aabbccddeeff'),
      numbers: [new Decimal('1.50'), new Decimal('-0.5E+3'), new Decimal('NaN'), Number.NaN, -0, 2n ** 63n],
      special: new Special('minKey', '{"$minKey":1}'),
      nested: documentOf({ when: new Instant(0n), bytes: new Uint8Array([1]) }),
    }
    const pipeline = await pipelineOf([call('f')], 'export const f = (row) => row')
    const row = rowOf(fields)
    const outcome = await pipeline.apply(row)
    expect(outcome).toBe(row)
    expect(outcome).toEqual(rowOf(fields))
    expect(row.fields['nested']).toBe(fields.nested)
  })

  it('keeps a field named __proto__ a field', async () => {
    const outcome = await (
      await pipelineOf([call('f')], `export const f = () => JSON.parse('{"__proto__":{"a":1},"b":{"__proto__":2}}')`)
    ).apply(rowOf({}))
    if (outcome === null || !('fields' in outcome)) throw new Error('one row is expected')
    expect(Object.getPrototypeOf(outcome.fields)).toBeNull()
    expect(Object.getPrototypeOf(outcome.fields['b'])).toBeNull()
    expect(JSON.stringify(outcome.fields)).toBe('{"__proto__":{"a":1},"b":{"__proto__":2}}')
  })

  const faults: readonly [string, string][] = [
    ['undefined', 'the function answered undefined; it answers a row, several in an array, or null for none'],
    ['Promise.resolve()', 'the function answered undefined; it answers a row'],
    ['true', 'the function answered a boolean, which is no row'],
    ['new Map()', 'the function answered an instance of Map, which is no row'],
    ['[row, null]', 'the function answered null, which is no row'],
    ['[, row]', 'the function answered undefined, which is no row'],
    ['[[row]]', 'the function answered an array, which is no row'],
    ['({ b: undefined })', 'the function answered undefined in the field b; null stands for no value'],
    ['{ row.b = undefined; return row }', 'the function answered undefined in the field b; null stands for no value'],
    ['({ b: [1, { c: undefined }] })', 'the function answered undefined in the field b.1.c; null stands for no value'],
    ['({ b: [, 1] })', 'the function answered undefined in the field b.0; null stands for no value'],
    ['({ b: () => 1 })', 'the function answered a function in the field b, which is no value of a row'],
    ['({ b: Symbol() })', 'the function answered a symbol in the field b, which is no value of a row'],
    ['({ b: new Map() })', 'the function answered an instance of Map in the field b, which is no value of a row'],
    ['({ b: Promise.resolve(1) })', 'the function answered an instance of Promise in the field b'],
    ['({ b: new (class User {})() })', 'the function answered an instance of User in the field b'],
    ['({ b: new Date(NaN) })', 'the function answered an invalid Date in the field b'],
    ['{ row.self = row; return row }', 'the function answered something nested deeper than 200 levels'],
    ['{ throw new RangeError("too old") }', 'the function threw RangeError: too old (transforms.ts:1:'],
    ['Promise.reject(new Error("late"))', 'the function threw Error: late (transforms.ts:1:'],
    ['{ throw "text" }', 'the function threw "text"'],
    ['row.b.c', "the function threw TypeError: Cannot read properties of undefined (reading 'c')"],
    ['{ throw new Error("at mongodb://u:secret@h/d") }', 'the function threw Error: at mongodb://u:***@h/d'],
  ]

  it.each(faults)('is refused: %s', async (body, what) => {
    expect(await refused(body)).toContain(`document 7 of table users, step 1 (function f): ${what}`)
  })

  it('is refused where it has filled a value with what it cannot hold', async () => {
    const pipeline = await pipelineOf([call('f')], 'export const f = (row) => { row.id.hex = "xyz"; return row }')
    expect(() => pipeline.apply(rowOf({ id: new ObjectId('0123456789abcdef01234567') }))).toThrow(
      'the function answered an instance of ObjectId with the text "xyz" in the field id',
    )
  })
})

describe('a filter', () => {
  const source = `
    export const adult = (row, { key }) => row.age >= 18 && key === 7
    export const later = async (row) => row.age >= 18
    export const wrong = (row) => row.age
    export const lateAndWrong = async (row) => 'yes'`

  it.each(['adult', 'later'])('keeps a row or leaves it out: %s', async (name) => {
    expect(await transformed([filter(name)], { age: 18 }, source)).toEqual({ age: 18 })
    expect(await transformed([filter(name)], { age: 17 }, source)).toBeNull()
  })

  it('answers true or false and nothing else', async () => {
    const what =
      'document 7 of table users, step 1 (filter wrong): the function answered a number; a filter answers true or false'
    expect(await refusal([filter('wrong')], { age: 18 }, source)).toBe(what)
    expect(await refusal([filter('lateAndWrong')], { age: 18 }, source)).toContain('the function answered a string')
  })
})

describe('a function on values', () => {
  const source = `
    export const shout = (value) => (value === null ? 'NOTHING' : value + '!')
    export const later = async (value) => value + '?'
    export const nothing = () => null
    export const forgets = () => {}
    export const date = () => [new Date(5)]
    export const told = (value, { row, table, key }) => [row.a, row.b ?? null, table, key].join()`

  it('has null for a missing field, and creates it', async () => {
    expect(await transformed([mapped({ a: 'shout', b: 'shout', c: 'nothing' })], { a: 'x' }, source)).toEqual({
      a: 'x!',
      b: 'NOTHING',
    })
    expect(await transformed([mapped({ a: 'nothing' })], { a: 'x' }, source)).toEqual({ a: null })
  })

  it('is told the row as it is when the step begins, table and key', async () => {
    expect(await transformed([mapped({ a: 'shout', b: 'told' })], { a: 'x' }, source)).toEqual({
      a: 'x!',
      b: 'x,,users,7',
    })
    expect(await transformed([mapped({ a: 'later', b: 'told' })], { a: 'x' }, source)).toEqual({
      a: 'x?',
      b: 'x,,users,7',
    })
  })

  it('stands among built-in ones, now or later', async () => {
    expect(await transformed([mapped({ a: 'trim|shout|uppercase' })], { a: ' x ' }, source)).toEqual({ a: 'X!' })
    expect(await transformed([mapped({ a: 'trim|later|uppercase|later|shout' })], { a: ' x ' }, source)).toEqual({
      a: 'X??!',
    })
  })

  it('may be several at once, some of them later', async () => {
    const steps = [mapped({ a: 'shout', b: 'later', c: 'shout', d: 'later' }), mapped({ a: 'later' })]
    expect(await transformed(steps, { a: '1', b: '2', c: '3', d: '4' }, source)).toEqual({
      a: '1!?',
      b: '2?',
      c: '3!',
      d: '4?',
    })
  })

  it('answers values as a function on rows does', async () => {
    expect(await transformed([mapped({ a: 'date' })], { a: 1 }, source)).toEqual({ a: [new Instant(5n)] })
    expect(await refusal([mapped({ b: 'trim', a: 'forgets' })], { a: 1 }, source)).toBe(
      'document 7 of table users, step 1 (map a): the function answered undefined; null stands for no value',
    )
  })
})

describe('the file of functions', () => {
  const load = (file: string | null, step: TransformStep): Promise<unknown> =>
    loadPipeline({ file, steps: [step] }, 'users', tools)

  it('is missed', async () => {
    const error = await usageError(() => load('/nowhere/transforms.ts', call('f')))
    expect(error.code).toBe('invalid-transform')
    expect(error.message).toBe('the transform file /nowhere/transforms.ts is not there, or cannot be read')
    expect((await usageError(() => load('/', call('f')))).message).toBe('the transform file / is no file')
  })

  it.each([
    ['does not parse', 'export const f = (', 'cannot be loaded'],
    ['throws', 'throw new Error("not today")', 'cannot be loaded: Error: not today'],
    ['imports what is not there', 'import "./gone.ts"', 'cannot be loaded'],
  ])('%s', async (_what, source, message) => {
    const error = await usageError(() => load(userFile(source), call('f')))
    expect(error.code).toBe('invalid-transform')
    expect(error.message).toContain(message)
  })

  it('is asked for a function that it does not export', async () => {
    const file = userFile('export const tidyUp = (row) => row; export const size = 5; const hidden = 1')
    const error = await usageError(() => load(file, call('tidy')))
    expect(error.code).toBe('invalid-transform')
    expect(error.message).toBe(`step 1 asks for the function tidy: ${file} exports no such function`)
    expect(error.hint).toBe('did you mean tidyUp? There are tidyUp')
    expect((await usageError(() => load(file, filter('size')))).message).toBe(`${file} exports size, which is a number`)
    const map = await usageError(() => load(file, mapped({ a: 'lowercas' })))
    expect(map.message).toContain('step 1 (map a) asks for the function lowercas')
    expect(map.hint).toContain('did you mean lowercase? There are tidyUp, lowercase,')
  })

  it('is needed by a function that is not built in', async () => {
    const error = await usageError(() => load(null, mapped({ a: 'slug' })))
    expect(error.code).toBe('invalid-transform')
    expect(error.message).toBe(
      'step 1 (map a) asks for the function slug: it is not built in, and no transform file is given',
    )
  })

  it('must not export a function that a built-in one hides', async () => {
    const error = await usageError(() => load(userFile('export const trim = (value) => value'), mapped({ a: 'trim' })))
    expect(error.code).toBe('invalid-transform')
    expect(error.message).toBe('step 1 (map a): trim is both built in and exported by the transform file')
  })

  it('may lack a function that is optional', async () => {
    const step: TransformStep = { kind: 'function', function: 'default', optional: true }
    const bare = await loadPipeline({ file: userFile('export const f = 1'), steps: [step] }, 'users', tools)
    expect(fieldsOf(await bare.apply(rowOf({ a: 1 })))).toEqual({ a: 1 })
    const full = await loadPipeline({ file: userFile('export default () => null'), steps: [step] }, 'users', tools)
    expect(await full.apply(rowOf({ a: 1 }))).toBeNull()
  })
})

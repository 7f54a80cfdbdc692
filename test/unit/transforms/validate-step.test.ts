import { describe, expect, it } from 'vitest'
import type { TransformStep } from '../../../src/core/transform.ts'
import { Decimal, Instant, ObjectId } from '../../../src/core/value.ts'
import { givenTypes } from '../../../src/transforms/given-types.ts'
import { parseSteps } from '../../../src/transforms/parse-steps.ts'
import { pipelineOf, refusal, transformed, usageError } from './fixtures.ts'

const validate = (fields: Readonly<Record<string, string>>): TransformStep => ({ kind: 'validate', fields })

describe('validate', () => {
  it('lets rows through as they are, undeclared fields too', async () => {
    const row = {
      n: 5n,
      half: 0.5,
      price: new Decimal('1.50'),
      at: new Instant(1n),
      id: new ObjectId('0123456789abcdef01234567'),
      tags: ['a', 'b'],
      any: null,
      more: true,
    }
    const step = validate({
      n: 'integer!',
      half: 'double precision',
      price: 'numeric!',
      at: 'timestamptz',
      tags: 'text[]',
      any: 'text',
      absent: 'uuid',
    })
    expect(await transformed([step], row)).toEqual(row)
  })

  it('names all that is wrong with a row at once', async () => {
    const step = validate({ name: 'text!', age: 'integer', tags: 'integer[]', born: 'timestamptz!', n: 'bigint' })
    const fields = { age: '12', tags: [1, '2'], born: null, n: 0.5 }
    expect(await refusal([step], fields)).toBe(
      'document 7 of table users, step 1 (validate name): name is missing; age is "12", which is no integer; ' +
        'tags is [1,"2"], which is no integer[]; born is null; n is 0.5, which is no bigint',
    )
  })

  it('refuses what only a cast would make fit, and takes it behind one', async () => {
    for (const [type, value] of [
      ['integer', '12'],
      ['text', 12],
      ['boolean', 1],
      ['numeric', '1.5'],
      ['timestamptz', '2024-01-02T03:04:05Z'],
    ] as const) {
      expect(await refusal([validate({ x: type })], { x: value })).toContain(`which is no ${type}`)
      await transformed([{ kind: 'cast', fields: { x: type } }, validate({ x: type })], { x: value })
    }
  })

  it('is written in the config file, and refuses types that do not exist', async () => {
    expect(parseSteps([{ validate: { email: 'text!' } }])).toEqual([validate({ email: 'text!' })])
    expect(() => parseSteps([{ validate: 'email' }])).toThrow(/step 1: validate is "email"; allowed is a map/)
    expect(await usageError(() => pipelineOf([validate({ email: 'txt!' })]))).toMatchObject({ code: 'unknown-type' })
  })

  it('tells the plan the types of its fields', () => {
    expect([...givenTypes([validate({ a: 'double precision!', b: 'text' })])]).toEqual([
      ['a', 'double precision'],
      ['b', 'text'],
    ])
  })
})

import { describe, expect, it } from 'vitest'
import { parseSteps } from '../../../src/transforms/parse-steps.ts'
import { usageError } from './fixtures.ts'

describe('parseSteps', () => {
  it('reads every kind, in order', () => {
    const steps = parseSteps([
      { rename: { zip: 'postcode' } },
      { pick: ['postcode', 'email'] },
      { exclude: ['x'] },
      { cast: { age: 'integer' } },
      { map: { email: 'lowercase|trim' } },
      { set: { origin: 'shop', version: 2, old: false, note: null } },
      { filter: 'isAdult' },
      { function: 'tidy' },
    ])
    expect(steps).toEqual([
      { kind: 'rename', fields: { zip: 'postcode' } },
      { kind: 'pick', fields: ['postcode', 'email'] },
      { kind: 'exclude', fields: ['x'] },
      { kind: 'cast', fields: { age: 'integer' } },
      {
        kind: 'map',
        fields: {
          email: [
            { name: 'lowercase', arguments: [] },
            { name: 'trim', arguments: [] },
          ],
        },
      },
      { kind: 'set', fields: { origin: 'shop', version: 2, old: false, note: null } },
      { kind: 'filter', function: 'isAdult' },
      { kind: 'function', function: 'tidy' },
    ])
  })

  it('takes a field named __proto__ as a field', () => {
    const [step] = parseSteps(JSON.parse('[{"set":{"__proto__":"x"}}]'))
    expect(step?.kind === 'set' && Object.entries(step.fields)).toEqual([['__proto__', 'x']])
  })

  const faults: readonly [string, unknown, string][] = [
    ['no list', { rename: { a: 'b' } }, 'steps is {"rename":{"a":"b"}}; allowed is a list of steps'],
    ['a step without a key', [{}], 'step 1 has 0 keys; allowed is one of rename, pick'],
    ['a step of two keys', [{ pick: ['a'] }, { pick: ['a'], filter: 'f' }], 'step 2 has 2 keys'],
    ['a step that is a text', ['lowercase'], 'step 1 is "lowercase"; allowed is one of'],
    ['a list for a map', [{ rename: ['a'] }], 'step 1: rename is ["a"]; allowed is a map from old names to new ones'],
    ['a name that is no text', [{ rename: { a: 1 } }], 'step 1: rename is {"a":1}'],
    ['an empty name', [{ pick: [''] }], 'step 1: pick is [""]; allowed is a list of field names'],
    ['an empty map', [{ set: {} }], 'step 1: set is {}; allowed is a map'],
    ['a number beyond 2^53', [{ set: { a: 2 ** 53 } }], 'step 1: set is {"a":9007199254740992}'],
    ['a nested value', [{ set: { a: [1] } }], 'step 1: set is {"a":[1]}'],
    ['a function without a name', [{ function: null }], 'step 1: function is null; allowed is the name of a function'],
    [
      'functions that cannot be read',
      [{ map: { a: 'trim(' } }],
      'step 1 (map a): the functions "trim(" cannot be read',
    ],
  ]

  it.each(faults)('refuses %s', async (_what, raw, message) => {
    const error = await usageError(() => parseSteps(raw))
    expect(error.code).toBe('invalid-value')
    expect(error.message).toContain(message)
  })

  it('names the nearest step', async () => {
    const error = await usageError(() => parseSteps([{ pick: ['a'] }, { renam: { a: 'b' } }]))
    expect(error.code).toBe('unknown-key')
    expect(error.message).toBe('step 2 is "renam", which is no step')
    expect(error.hint).toContain('did you mean rename?')
  })
})

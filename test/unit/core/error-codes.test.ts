import { readFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { DroverError, errorKinds, fromErrorShape, toErrorShape } from '../../../src/core/errors.ts'

describe('error codes', () => {
  it('are all in the manual, with the sentence that stands beside them in the code', async () => {
    const manual = await readFile('docs/error-codes.md', 'utf8')
    const source = await readFile('src/core/errors.ts', 'utf8')
    const documented = source.matchAll(/\/\*\* (?<meaning>[^\n]*) \*\/\n {2}'?(?<code>[a-z-]+)'?: '/g)
    const meanings = new Map([...documented].map(({ groups }) => [groups?.['code'], groups?.['meaning']]))
    for (const code of Object.keys(errorKinds)) {
      const row = manual.split('\n').find((line) => line.startsWith(`| \`${code}\` |`))
      expect(row, code).toContain(meanings.get(code) ?? 'a comment in src/core/errors.ts')
    }
  })

  it('survive the way through a thread, with their hint and without a stack', () => {
    const error = new DroverError('target-not-empty', 'public.users holds rows', { hint: 'use --mode append' })
    const back = fromErrorShape(structuredClone(toErrorShape(error)))
    expect(back).toMatchObject({ code: 'target-not-empty', kind: 'preflight', hint: 'use --mode append' })
    expect(toErrorShape(error)).not.toHaveProperty('stack')
  })

  it('keep the stack of what nobody foresaw', () => {
    expect(toErrorShape(new TypeError('boom'))).toMatchObject({ code: 'unexpected', message: 'boom' })
    expect(toErrorShape(new TypeError('boom')).stack).toContain('TypeError')
  })
})

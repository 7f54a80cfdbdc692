import { Double, serialize, type Document } from 'bson'
import { describe, expect, it } from 'vitest'
import { coercions, type Coercion } from '../../src/core/coercion.ts'
import { plan, type MigrateOptions } from '../../src/index.ts'
import { renderPlan } from '../../src/cli/plan-text.ts'
import { databases, type BothDatabases } from '../support/both-databases.ts'
import { poison } from '../support/chaos/poison.ts'
import { temporaryFolder } from '../support/dump.ts'
import { insertRaw } from '../support/insert-raw.ts'
import { openLetters } from '../support/letters.ts'
import { migrate } from '../support/migrate.ts'
import { verified } from '../support/verification.ts'

interface Case {
  readonly bad: Uint8Array
  /** The field that it is about, and what PostgreSQL shows of it afterwards. */
  readonly field: string
  readonly text: string
  /** Where it is not allowed: what is shown; null: a dead letter. */
  readonly without: string | null
}

const row: Document = { _id: 1, note: 'n', born: new Date(0), extra: { x: 1 } }
const nan = serialize({ ...row, extra: { list: [new Double(NaN), new Double(-Infinity)] } })
const extendedNan = '{"list": [{"$numberDouble": "NaN"}, {"$numberDouble": "-Infinity"}]}'

const cases: Readonly<Record<Coercion, Case>> = {
  'strip-nul': { bad: poison('nul', row), field: 'note', text: 'ab', without: null },
  'replace-nul': {
    bad: poison('nested-nul', row),
    field: 'extra',
    text: '{"list": ["a", {"deep": "a\ufffd"}]}',
    without: null,
  },
  'replace-utf8': { bad: poison('utf8', row), field: 'note', text: 'a\ufffd\ufffdb', without: null },
  'clamp-dates': { bad: poison('date', row), field: 'born', text: '294276-12-31 23:59:59.999+00', without: null },
  'infinite-dates': { bad: poison('date', row), field: 'born', text: 'infinity', without: null },
  'stringify-nan': { bad: nan, field: 'extra', text: '{"list": ["NaN", "-Infinity"]}', without: extendedNan },
  'null-nan': { bad: nan, field: 'extra', text: '{"list": [null, null]}', without: extendedNan },
  'last-wins': { bad: poison('twice', row), field: 'note', text: 'second', without: null },
}

const table = (kind: string, name: Coercion): string => `${kind}_${name.replaceAll('-', '_')}`

/** Every case four times: allowed for all fields, for the one, for another one, and not at all. */
async function filled(): Promise<{ readonly both: BothDatabases; readonly yaml: string }> {
  const both = await databases()
  const overrides: string[] = []
  for (const name of coercions) {
    const { bad, field } = cases[name]
    for (const kind of ['all', 'field', 'other', 'none']) {
      await insertRaw(both.db, table(kind, name), [serialize({ ...row, _id: 0 }), bad])
    }
    const other = ['note', 'born', 'extra'].find((one) => one !== field)
    overrides.push(`  ${table('all', name)}: { coerce: [${name}] }`)
    overrides.push(`  ${table('field', name)}: { coerce: [${field}=${name}] }`)
    overrides.push(`  ${table('other', name)}: { coerce: [${other}=${name}] }`)
  }
  return { both, yaml: `tables:\n${overrides.join('\n')}\n  '*': {}\n` }
}

describe('coercions', () => {
  it('change what they are allowed to, by name, for a field or for all, are counted, and never come unasked', async () => {
    const { both, yaml } = await filled()
    await using _ = both
    await using folder = temporaryFolder()
    const config = await folder.write('drover.yaml', yaml)
    const { from, to } = both
    const result = await migrate({ from, to, config, workers: 1, isolation: 'inline', maxDeadLetters: '100%' })
    expect(result.error).toBeNull()
    const dead = new Set((await openLetters(both)).map((letter) => letter.table))
    for (const name of coercions) {
      const { field, text, without } = cases[name]
      const unasked = { value: without ?? undefined, dead: without === null, used: [], paths: [] }
      for (const kind of ['all', 'field', 'other', 'none']) {
        const source = table(kind, name)
        const [found] = await both.texts(`select ${field} as value from ${source} where _id = 1`)
        const uses = result.tables.find((one) => one.source === source)?.coercions ?? []
        const outcome = {
          value: found?.['value'],
          dead: dead.has(source),
          used: uses.map((use) => use.name),
          paths: uses.map((use) => use.path.split('.')[0]),
        }
        const asked = { value: text, dead: false, used: [name], paths: [field] }
        expect(outcome, source).toEqual(kind === 'all' || kind === 'field' ? asked : unasked)
      }
    }
    const uses = result.tables.flatMap((one) => one.coercions.map((use) => `${use.path}: ${use.name} × ${use.uses}`))
    expect(new Set(uses)).toContain('extra.list: stringify-nan × 2')
    const [kept] = await both.sql('select sum(uses)::int as uses, count(*)::int as places from drover.coercion')
    expect(kept).toEqual({ uses: 20, places: 16 })
    for (const level of ['checksum', 'full'] as const) {
      const verification = await verified(both, level, { config })
      expect(verification.differences, level).toEqual([])
      expect(verification.equal, level).toBe(true)
    }
  })

  it('are shown by the plan, and a resume goes on with them', async () => {
    await using both = await databases()
    const { from, to, db } = both
    const documents = Array.from({ length: 400 }, (_, n) => serialize({ _id: n, note: `a\0${n}`, n }))
    await insertRaw(db, 'things', documents)
    const options: MigrateOptions = { from, to, workers: 1, isolation: 'inline', batchRows: 100 }
    const coerce = ['note=strip-nul', 'clamp-dates']
    const shown = renderPlan(await plan({ ...options, coerce }), [])
    expect(shown).toContain('may change: strip-nul in note, clamp-dates in every field')
    await both.sql('create table things (_id integer primary key, note text, n integer)')
    const mode = { mode: 'append', onError: 'stop' } as const
    await both.sql('alter table things add check (n <> 250)')
    const stopped = await migrate({ ...options, ...mode, coerce })
    expect(stopped).toMatchObject({ state: 'stopped', error: { code: 'row-rejected' } })
    expect(stopped.totals.written).toBeLessThan(400)
    await both.sql('alter table things drop constraint things_n_check')
    await expect(migrate({ ...options, resume: true, coerce: ['strip-nul'] })).rejects.toMatchObject({
      code: 'plan-changed',
      message: expect.stringMatching(/things: --coerce is .*strip-nul.* and was .*note=strip-nul/),
    })
    const resumed = await migrate({ ...options, resume: true })
    expect(resumed).toMatchObject({ state: 'done', totals: { written: 400, deadLetters: 0 } })
    expect(resumed.tables[0]?.coercions).toEqual([{ path: 'note', name: 'strip-nul', uses: 400 }])
    expect(await both.sql(`select count(*)::int as n from things where note = 'a' || _id`)).toEqual([{ n: 400 }])
    const again = await migrate({ ...options, resume: true })
    expect(again.tables[0]?.coercions).toEqual([{ path: 'note', name: 'strip-nul', uses: 400 }])
  })

  it('that contradict each other, or that there are none of, are refused before anything is looked at', async () => {
    const nowhere = { from: 'mongodb://127.0.0.1:1/x', to: 'postgres://127.0.0.1:1/x' }
    await expect(migrate({ ...nowhere, coerce: ['stringify-nan', 'null-nan'] })).rejects.toMatchObject({
      code: 'conflicting-options',
    })
    await expect(migrate({ ...nowhere, coerce: ['note=last-win'] })).rejects.toMatchObject({
      code: 'unknown-coercion',
      hint: expect.stringContaining('did you mean last-wins?'),
    })
  })
})

import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { BATCH_BYTES, ITEMS_PER_PAGE, RETRY_BUDGET_SECONDS, TARGET_SCHEMA } from '../../../params.ts'
import { buildBenchConfig, buildSeedConfig, buildTuneConfig, type BenchConfig } from '../../../src/config-commands.ts'
import { buildConfig, type Config } from '../../../src/config.ts'
import type { Environment } from '../../../src/config-layers.ts'
import { DroverError } from '../../../src/core/errors.ts'

const ends = { from: 'mongodb://h/shop', to: 'postgres://h/shop' }

interface Given {
  readonly flags?: Readonly<Record<string, unknown>>
  readonly environment?: Environment
  readonly files?: Readonly<Record<string, string>>
}

function config({ flags = {}, environment = {}, files = {} }: Given): Config {
  return buildConfig({ flags: { ...ends, ...flags }, environment, readFile: (path) => files[path] ?? fail(path) })
}

function fail(path: string): never {
  throw Object.assign(new Error(path), { code: 'ENOENT' })
}

function refusal(given: Given): { code: string; message: string; hint: string | undefined } {
  try {
    config(given)
  } catch (error) {
    if (error instanceof DroverError) return { code: error.code, message: error.message, hint: error.hint }
    throw error
  }
  throw new Error('was not refused')
}

describe('precedence', () => {
  // A sample of every kind: number with a knob, number without, choice, text, list, pairs, flag.
  const cases = [
    {
      option: 'batch-rows',
      texts: ['11', '12', '13', '14'],
      read: (c: Config) => c.batchRows,
      fallback: ITEMS_PER_PAGE,
    },
    { option: 'max-retries', texts: ['1', '2', '3', '4'], read: (c: Config) => c.retry.maxRetries, fallback: null },
    {
      option: 'mode',
      texts: ['append', 'truncate', 'recreate', 'append'],
      read: (c: Config) => c.mode,
      fallback: 'create',
    },
    {
      option: 'target-schema',
      texts: ['a', 'b', 'c', 'd'],
      read: (c: Config) => c.targetSchema,
      fallback: TARGET_SCHEMA,
    },
    {
      option: 'columns',
      texts: ['a,b', 'c', 'd,e', 'f'],
      read: (c: Config) => c.columns?.join(',') ?? null,
      fallback: null,
    },
    {
      option: 'rename',
      texts: ['a=b', 'c=d', 'e=f', 'g=h'],
      read: (c: Config) => Object.entries(c.rename).join('').replace(',', '=') || null,
      fallback: null,
    },
  ] as const

  it('takes the highest layer present, whichever are, and says where the value came from', () => {
    const layers = fc.record({ flag: fc.boolean(), env: fc.boolean(), envFile: fc.boolean(), file: fc.boolean() })
    fc.assert(
      fc.property(fc.constantFrom(...cases), layers, ({ option, texts, read, fallback }, present) => {
        const variable = `DROVER_${option.toUpperCase().replaceAll('-', '_')}`
        const flags = { config: 'd.yaml', 'env-file': 'd.env', ...(present.flag ? { [option]: texts[0] } : {}) }
        const built = config({
          flags,
          environment: present.env ? { [variable]: texts[1] } : {},
          files: {
            'd.env': present.envFile ? `${variable}=${texts[2]}` : '',
            'd.yaml': present.file ? `defaults: {${option}: '${texts[3]}'}` : '',
          },
        })
        const order = [
          [present.flag, texts[0], 'flag'],
          [present.env, texts[1], `env ${variable}`],
          [present.envFile, texts[2], 'file d.env'],
          [present.file, texts[3], 'file d.yaml'],
          [true, fallback, option === 'batch-rows' || option === 'target-schema' ? 'params.ts' : 'default'],
        ] as const
        const [, value, origin] = order.find(([is]) => is) ?? []
        expect(String(read(built))).toBe(String(value))
        expect(built.origin(option)).toBe(origin)
      }),
      { numRuns: 300 },
    )
  })

  it('knows the names of the ancestors, and lets the DROVER_ name win', () => {
    const names = { CLUSTER_SIZE: '90', ITEMS_PER_PAGE: '4000', AMOUNT_USERS: '1000000' }
    const built = config({ environment: { ...names, DROVER_WORKERS: '7' } })
    expect(built).toMatchObject({ workers: 7, batchRows: 4000, rowsExpected: 1_000_000 })
    expect(built.origin('workers')).toBe('env DROVER_WORKERS (not CLUSTER_SIZE)')
    expect(built.origin('batch-rows')).toBe('env ITEMS_PER_PAGE')
    expect(config({ environment: { CLUSTER_SIZE: '7', DROVER_WORKERS: '7' } }).origin('workers')).toBe(
      'env DROVER_WORKERS',
    )
    const seed = { flags: { to: ends.to }, environment: { AMOUNT_USERS_SEED: '12' } }
    expect(buildSeedConfig(seed).rows).toBe(12)
  })

  it('takes params.ts when nothing is given, and an empty variable for nothing', () => {
    const built = config({ environment: { DROVER_BATCH_ROWS: '', ITEMS_PER_PAGE: '' } })
    expect(built).toMatchObject({
      ...ends,
      tables: [],
      batchRows: ITEMS_PER_PAGE,
      batchBytes: BATCH_BYTES,
      primaryKey: true,
      naming: null,
      retry: { budgetMs: RETRY_BUDGET_SECONDS * 1000 },
      rowsExpected: null,
    })
    expect(Object.isFrozen(built)).toBe(true)
  })

  it('reads the library’s options, under their field names', () => {
    const options = { ...ends, batchRows: 5, primaryKey: false, rename: { a: 'b' }, limit: null, retryBudget: 9 }
    const built = buildConfig({ options, environment: {} })
    expect(built).toMatchObject({
      batchRows: 5,
      primaryKey: false,
      rename: { a: 'b' },
      limit: null,
      retry: { budgetMs: 9000 },
    })
    expect(built.origin('batch-rows')).toBe('option')
    const misspelt = { ...ends, batchRow: 5 }
    expect(() => buildConfig({ options: misspelt, environment: {} })).toThrow('unknown option batchRow')
    expect(() => buildConfig({ options: { ...ends, batchRows: 1.5 }, environment: {} })).toThrow(
      'option batchRows is "1.5"',
    )
  })

  it('lists every setting with its origin and without passwords', () => {
    const settings = config({ flags: { to: 'postgres://u:canary@h/db', workers: '3' } }).settings()
    expect(settings).toContainEqual({ option: 'workers', value: '3', origin: 'flag' })
    expect(settings).toContainEqual({ option: 'to', value: 'postgres://u:***@h/db', origin: 'flag' })
    expect(JSON.stringify(settings)).not.toContain('canary')
  })

  it('reads lists for the benchmark', () => {
    const built = buildBenchConfig({
      flags: { ...ends, workers: '1,2,auto', 'batch-rows': '500,8000', modes: 'threads,sequential' },
      environment: {},
    })
    expect(built).toMatchObject({ workers: [1, 2, 'auto'], batchRows: [500, 8000], modes: ['threads', 'sequential'] })
  })

  it('of tune are values to try as flags, and what is set now everywhere else', () => {
    const built = buildTuneConfig({
      flags: { ...ends, config: 'd.yaml', 'batch-rows': '500,8000', feed: 'paged' },
      environment: { CLUSTER_SIZE: '7' },
      readFile: () => 'defaults: { batch-rows: 300, isolation: inline, rows: 5 }',
    })
    expect(built).toMatchObject({
      workers: null,
      batchRows: [500, 8000],
      feed: ['paged'],
      isolation: null,
      rows: 200_000,
    })
    expect(built.now).toMatchObject({ workers: 7, batchRows: 300, feed: 'auto', isolation: 'inline' })
    expect(() => buildTuneConfig({ flags: { ...ends, repeats: '2' }, environment: {} })).toThrowError(/at least 3/)
  })

  it('measures workloads on servers of its own, tables on those that are named, and cases alone where they are asked for', () => {
    const built = (flags: Readonly<Record<string, string>>): BenchConfig => buildBenchConfig({ flags, environment: {} })
    expect(built({})).toMatchObject({ workloads: ['users'], tables: [], cases: [], addresses: null, limits: true })
    expect(built({ workload: 'orders,huge' })).toMatchObject({ workloads: ['orders', 'huge'], tables: [] })
    expect(built(ends)).toMatchObject({ workloads: [], tables: ['users'] })
    expect(built({ case: 'far,dump' })).toMatchObject({ workloads: [], tables: [], cases: ['far', 'dump'] })
    expect(built({ case: 'far', workload: 'fact' })).toMatchObject({ workloads: ['fact'], cases: ['far'] })
  })

  it.each([
    [{ ...ends, workload: 'orders' }, '--workload and --from'],
    [{ ...ends, 'from-dump': 'true' }, '--from-dump and --from'],
    [{ ...ends, case: 'dump' }, '--case dump and --from'],
    [{ tables: 'users' }, '--tables is given without'],
    [{ ...ends, pair: 'sqlite-postgres' }, '--pair and --from'],
    [{ pair: 'sqlite-postgres', 'from-dump': 'true' }, '--from-dump and --pair'],
    [{ pair: 'postgres-postgres', case: 'far,dump' }, '--case dump and --pair'],
  ])('refuses a benchmark of %o', (flags, words) => {
    expect(() => buildBenchConfig({ flags, environment: {} })).toThrow(words)
  })
})

describe('sequential', () => {
  it('is one inline worker', () => {
    expect(config({ flags: { sequential: true } })).toMatchObject({ isolation: 'inline', workers: 1 })
  })

  it('overrules weaker layers, and is refused beside its opposite in the same or a stronger one', () => {
    const weaker = { flags: { sequential: true }, environment: { CLUSTER_SIZE: '90', DROVER_ISOLATION: 'processes' } }
    expect(config(weaker)).toMatchObject({ isolation: 'inline', workers: 1 })
    expect(refusal({ flags: { sequential: true, workers: '2' } }).code).toBe('conflicting-options')
    expect(refusal({ flags: { sequential: true, isolation: 'threads' } }).code).toBe('conflicting-options')
    expect(refusal({ flags: { workers: '2' }, environment: { DROVER_SEQUENTIAL: '1' } }).code).toBe(
      'conflicting-options',
    )
    expect(config({ flags: { sequential: true, workers: '1' } }).workers).toBe(1)
  })
})

describe('what is refused', () => {
  it.each([
    ['workers', '0', 'a whole number of at least 1, or auto'],
    ['workers', '8000x', 'a whole number of at least 1, or auto'],
    ['batch-rows', '-5', 'a whole number of at least 1'],
    ['batch-rows', '1.5', 'a whole number of at least 1'],
    ['batch-rows', '1e3', 'a whole number of at least 1'],
    ['batch-rows', '0x10', 'a whole number of at least 1'],
    ['batch-rows', 'NaN', 'a whole number of at least 1'],
    ['batch-rows', 'Infinity', 'a whole number of at least 1'],
    ['batch-rows', '9007199254740993', 'a whole number of at least 1'],
    ['batch-bytes', '8 MiB', 'a whole number of at least 1'],
    ['expect', '1_000', 'a whole number of at least 0'],
    ['isolation', 'fibers', 'auto, threads, processes, inline'],
    ['columns', 'a,,b', 'names separated by commas, none of them empty'],
    ['rename', 'a', 'pairs a=b separated by commas, each name once'],
    ['rename', 'a=b,a=c', 'pairs a=b separated by commas, each name once'],
  ])('--%s %s', (option, value, allowed) => {
    const { code, message } = refusal({ flags: { [option]: value } })
    expect(message).toBe(`--${option} is ${JSON.stringify(value)}; allowed is ${allowed}`)
    expect(code).toBe('invalid-value')
  })

  it('accepts exactly the whole numbers from the minimum up', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }), (number) => {
        expect(config({ flags: { 'batch-rows': String(number) } }).batchRows).toBe(number)
      }),
    )
    fc.assert(
      fc.property(fc.string(), (text) => {
        fc.pre(!/^\s*[1-9][0-9]{0,15}\s*$/.test(text) && text !== '')
        expect(refusal({ flags: { 'batch-rows': text } }).code).toBe('invalid-value')
      }),
    )
  })

  it('names the variable, the file and the line', () => {
    expect(refusal({ environment: { ITEMS_PER_PAGE: '-1' } }).message).toBe(
      'ITEMS_PER_PAGE in the environment is "-1"; allowed is a whole number of at least 1',
    )
    const files = { 'd.yaml': '# comment\ndefaults:\n  batch-rows: 1e3\n' }
    expect(refusal({ flags: { config: 'd.yaml' }, files }).message).toBe(
      'batch-rows (d.yaml line 3) is "1e3"; allowed is a whole number of at least 1',
    )
  })

  it('names the nearest option, value and variable', () => {
    expect(refusal({ flags: { wrokers: '3' } })).toEqual({
      code: 'unknown-option',
      message: 'unknown option --wrokers',
      hint: 'did you mean --workers?',
    })
    expect(refusal({ flags: { isolation: 'thread' } }).hint).toBe('did you mean threads?')
    expect(refusal({ environment: { DROVER_WORKER: '3' } })).toMatchObject({
      code: 'unknown-option',
      message: 'unknown environment variable DROVER_WORKER',
      hint: 'did you mean DROVER_WORKERS?',
    })
    expect(config({ environment: { DROVER_SOMETHING_ELSE: '3' } }).from).toBe(ends.from)
  })

  it('wants both ends, each once', () => {
    expect(() => buildConfig({ flags: { from: ends.from }, environment: {} })).toThrow('--to is missing')
    expect(refusal({ flags: { mode: ['append', 'truncate'] } }).message).toBe(
      '--mode is given 2 times: append, truncate',
    )
    expect(refusal({ flags: { columns: 'a,b', 'exclude-columns': 'b' } }).code).toBe('conflicting-options')
  })

  it('never shows a password', () => {
    const { message, code } = refusal({ flags: { from: '//u:canary@h' } })
    expect(code).toBe('invalid-url')
    expect(message).not.toContain('canary')
  })
})

describe('env file', () => {
  const file = 'DB_NAME=sh op\nDB_USER=app\nDB_PASSWORD="p@s:/#?=s"\nCLUSTER_SIZE=3\n'
  const given = (content: string, flags = {}) => ({
    flags: { 'env-file': 'd.env', to: undefined, ...flags },
    files: { 'd.env': content },
  })

  it('stands for --to, percent-encoded, and gives variables', () => {
    const built = config(given(file))
    expect(built.to).toBe('postgres://app:p%40s%3A%2F%23%3F%3Ds@localhost:5432/sh%20op')
    expect(built.origin('to')).toBe('file d.env')
    expect(built.workers).toBe(3)
    expect(config(given(`${file}DB_HOST=::1\nDB_PORT=6000`)).to).toContain('@[::1]:6000/')
    expect(config(given(file, { to: ends.to })).to).toBe(ends.to)
  })

  it('says what is missing or wrong', () => {
    expect(refusal(given('DB_NAME=x')).message).toBe('d.env has DB_ variables but no DB_USER')
    expect(refusal(given(`${file}DB_PORT=70000`)).message).toBe('d.env: DB_PORT is "70000"; allowed is 1 to 65535')
    expect(refusal({ flags: { 'env-file': 'none.env' } }).message).toBe(
      'cannot read the env file none.env: there is no such file',
    )
  })
})

import { describe, expectTypeOf, it } from 'vitest'
import {
  type DroverError,
  migrate,
  plan,
  startCluster,
  type Cluster,
  type ErrorCode,
  type MigrateOptions,
  type MigrationResult,
  type PlanReport,
  type Progress,
} from '../../src/index.ts'

describe('the library', () => {
  it('needs a source and a target, and nothing else', () => {
    expectTypeOf(migrate).toBeCallableWith({ from: 'mongodb://h/d', to: 'postgres://h/d' })
    // @ts-expect-error a target is missing
    void migrate({ from: 'mongodb://h/d' })
  })

  it('knows its options and their values', () => {
    expectTypeOf<MigrateOptions['isolation']>().toEqualTypeOf<'threads' | 'processes' | 'inline' | undefined>()
    expectTypeOf<MigrateOptions['workers']>().toEqualTypeOf<number | 'auto' | undefined>()
    // @ts-expect-error there is no such option
    void migrate({ from: 'a', to: 'b', wokers: 2 })
    // @ts-expect-error there is no such mode
    void migrate({ from: 'a', to: 'b', mode: 'upsrt' })
  })

  it('answers results and plans with numbers that are numbers', () => {
    expectTypeOf(migrate).returns.resolves.toEqualTypeOf<MigrationResult>()
    expectTypeOf(plan).returns.resolves.toEqualTypeOf<PlanReport>()
    expectTypeOf<MigrationResult['totals']['written']>().toBeNumber()
    expectTypeOf<Progress['percent']>().toEqualTypeOf<number | null>()
  })

  it('throws errors with codes from a closed list', () => {
    expectTypeOf<DroverError['code']>().toEqualTypeOf<ErrorCode>()
    expectTypeOf<'target-not-empty'>().toExtend<ErrorCode>()
    expectTypeOf<'no-such-code'>().not.toExtend<ErrorCode>()
  })

  it('gives the cluster for work of any kind', () => {
    expectTypeOf(startCluster<null, string, never, number, number>).returns.resolves.toEqualTypeOf<
      Cluster<string, number>
    >()
  })
})

import { partsOf } from '../core/plan.ts'
import type { Difference } from '../core/result.ts'
import type { VerifyContext } from './check-input.ts'
import { tableName } from './differences.ts'
import type { ComparedTable, FullLayout } from './full-parts.ts'
import type { NameTarget, SketchTarget, Suspect } from './full-work.ts'
import { combine, newSketch, peel, type KeySketch } from './key-sketch.ts'
import type { VerifyCluster } from './verify-cluster.ts'

/** Parts of a target table that workers read beside each other. */
const SLICES_PER_WORKER = 4

/** Rows that only the target has. */
export interface Extras {
  readonly suspects: readonly Suspect[]
  /** There are more than can be named: how many, by their number alone. */
  readonly unnamedRows: number
  readonly unnamed: readonly Difference[]
  /** Why they were not looked for; null: they were. */
  readonly missed: string | null
}

/**
 * Finds the rows that have a key which no row of the source has: where the target has more rows than were matched, by what
 * its keys add up to beyond those of the rows matched.
 */
export async function findExtras(
  context: VerifyContext,
  cluster: VerifyCluster,
  layout: FullLayout,
  compared: ComparedTable,
  signal: AbortSignal,
): Promise<Extras> {
  const missed = whyNot(layout)
  if (missed !== null) return { suspects: [], unnamedRows: 0, unnamed: [], missed }
  const { plan } = layout.input.planned
  const suspects: Suspect[] = []
  const unnamed: Difference[] = []
  let unnamedRows = 0
  for (const [part, { target }] of partsOf(plan).entries()) {
    if (layout.rules.parts[part] !== true) continue
    const matched = compared.matched[part] ?? 0
    const count = await context.target.count(target, signal)
    if (count <= matched) continue
    const sketch = compared.sketches[part] ?? newSketch()
    const named = await nameExtras(context, cluster, layout, { part, matched: sketch }, signal)
    suspects.push(...named.suspects)
    const rest = count - matched - named.rows
    if (rest <= 0) continue
    unnamedRows += rest
    const table = tableName(plan, partsOf(plan)[part] ?? plan)
    unnamed.push({ table, key: null, column: null, source: `${matched + named.rows} rows`, target: `${count} rows` })
  }
  return { suspects, unnamedRows, unnamed, missed }
}

function whyNot({ input: { planned }, sampled, rules }: FullLayout): string | null {
  const { plan } = planned
  if (sampled !== null) return 'only a sample was compared'
  if (rules.allowsMore) return 'it has rows of others'
  // Rows of several batches may have one key then.
  const isOwnKey = plan.transform === undefined || plan.key.length > 0
  return isOwnKey ? null : 'a transform may have changed the key, and nothing keeps it apart'
}

async function nameExtras(
  context: VerifyContext,
  cluster: VerifyCluster,
  { input: { planned } }: FullLayout,
  of: { readonly part: number; readonly matched: KeySketch },
  signal: AbortSignal,
): Promise<{ readonly suspects: readonly Suspect[]; readonly rows: number }> {
  const table = planned.plan.source
  const { part, matched } = of
  const target = partsOf(planned.plan)[part]?.target ?? planned.plan.target
  const slices = await context.target.slices(target, context.workers * SLICES_PER_WORKER, signal)
  const sketch = newSketch()
  const sketching = slices.map((slice): SketchTarget => ({ kind: 'sketch-target', table, part, slice }))
  await cluster.run(
    sketching,
    (_work, result) => {
      if (result.kind === 'sketched') combine(sketch, result.sketch, 1)
    },
    signal,
  )
  combine(sketch, matched, -1)
  const keys = peel(sketch)
  if (keys.size === 0) return { suspects: [], rows: 0 }
  const hashes = [...keys.keys()]
  const suspects: Suspect[] = []
  const naming = slices.map((slice): NameTarget => ({ kind: 'name-target', table, part, slice, hashes }))
  await cluster.run(
    naming,
    (_work, result) => {
      if (result.kind === 'named') suspects.push(...result.suspects)
    },
    signal,
  )
  return { suspects, rows: suspects.length }
}

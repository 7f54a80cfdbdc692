import type pg from 'pg'
import type { TablePlan } from '../core/plan.ts'
import { runProgramOf, type ProgramRun } from './bench-programs.ts'
import { medianBySeconds, type Limit, type Limits } from './bench-report.ts'
import { emptyScratch, inScratch } from './bench-scratch.ts'

export interface LimitOptions {
  readonly from: string
  /** Nothing but a cursor can be measured on a server; a dump is read from the disk's cache. */
  readonly reads: 'cursor' | 'dump'
  readonly to: string
  readonly target: pg.Client
  /** What drover has made of the table. */
  readonly plan: TablePlan
  readonly workers: number
  readonly batchRows: number
  readonly batchBytes: number
  readonly repeats: number
  readonly environment: Readonly<Record<string, string | undefined>>
  readonly onLine: (line: string) => void
}

/** Measures every limit, one after the other, on tables in the scratch schema. */
export async function measureLimits(options: LimitOptions, signal: AbortSignal): Promise<Limits> {
  const { from, to, plan, workers, batchRows, batchBytes, environment } = options
  const order = { from, to, plan: inScratch(plan, 'limit'), connections: workers, batchRows, batchBytes }
  const rawRead: Limit[] = []
  if (options.reads === 'cursor') {
    for (const connections of new Set([1, workers])) {
      const reading = { from, table: plan.source, connections }
      const doing = `raw read, ${connections} at once`
      rawRead.push(
        await measure(options, doing, connections, () => runProgramOf('raw-read', reading, environment, signal)),
      )
    }
  }
  const doing = `ready-made COPY, ${workers} at once`
  const readyCopy = await measure(options, doing, workers, () => runProgramOf('ready-copy', order, environment, signal))
  const reference =
    options.reads === 'dump'
      ? null
      : await measure(options, `the reference loop, ${workers} at once`, workers, async () => {
          const run = await runProgramOf('reference', order, environment, signal)
          return { ...run, seconds: run.processSeconds }
        })
  const fastestRead = rawRead.length === 0 ? 0 : Math.min(...rawRead.map(({ seconds }) => seconds))
  return { rawRead, readyCopy, seconds: fastestRead + readyCopy.seconds, reference }
}

async function measure(
  { target, repeats, onLine }: LimitOptions,
  doing: string,
  connections: number,
  run: () => Promise<ProgramRun>,
): Promise<Limit> {
  onLine(`measuring ${doing}`)
  const once = async (): Promise<ProgramRun> => {
    await emptyScratch(target)
    return run()
  }
  const runs: [ProgramRun, ...ProgramRun[]] = [await once()]
  while (runs.length < repeats) runs.push(await once())
  const { processSeconds: _, ...median } = medianBySeconds(runs)
  return { connections, ...median }
}

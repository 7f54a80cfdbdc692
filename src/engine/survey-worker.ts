import { createObserver, openSource } from '../catalog.ts'
import type { Handlers } from '../cluster/serve.ts'
import { noCounts } from '../core/counts.ts'
import { DroverError } from '../core/errors.ts'
import { createBufferPool } from '../connectors/buffer-pool.ts'
import { pacedSource } from '../verify/pace.ts'
import type { Answer, Note, Question, Result, SurveyStart, Totals, Work } from './work.ts'

/** A worker that looks at rows and writes nothing. */
export async function openSurveyor(
  start: SurveyStart,
): Promise<Handlers<Work, Note, Result, Totals, Question, Answer>> {
  const source = await openSource(start.sourceUrl, start.sourceOptions)
  return {
    async work(work, context) {
      if (work.kind !== 'survey') throw new DroverError('unexpected', `a surveyor was sent a ${work.kind}`)
      const { selection, partition, transform } = work
      const observer = await createObserver(source.format, source.keyField, selection, transform)
      // One batch being read while the one before is looked at.
      const pool = createBufferPool(2)
      const options = { firstSeq: 0, limits: start.limits, pool }
      const rows = start.paced ? pacedSource(source, (question) => context.ask(question)) : source
      for await (const batch of rows.read(selection, partition, options, context.draining)) {
        await observer.observe(batch)
        if (batch.bytes.buffer instanceof ArrayBuffer) pool.give(batch.bytes.buffer)
      }
      return { result: { sample: observer.sample(true) } }
    },
    async close() {
      await source[Symbol.asyncDispose]()
      return { counts: noCounts, batches: 0, chosenRows: null, process: null }
    },
  }
}

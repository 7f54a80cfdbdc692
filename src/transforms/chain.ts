import type { Pipeline, Transformed } from '../core/transform.ts'
import type { Row } from '../core/value.ts'

/** Two pipelines as one: what the first makes of a row goes through the second. */
export function chain(first: Pipeline, second: Pipeline): Pipeline {
  return {
    apply(row) {
      const outcome = first.apply(row)
      return outcome instanceof Promise ? outcome.then((settled) => onward(settled, second)) : onward(outcome, second)
    },
  }
}

function onward(outcome: Transformed, next: Pipeline): Transformed | Promise<Transformed> {
  if (outcome === null) return null
  return isRows(outcome) ? each(outcome, next) : next.apply(outcome)
}

async function each(rows: readonly Row[], next: Pipeline): Promise<Transformed> {
  const done: Row[] = []
  for (const row of rows) {
    const outcome = await next.apply(row)
    if (outcome === null) continue
    if (isRows(outcome)) done.push(...outcome)
    else done.push(outcome)
  }
  return done
}

function isRows(outcome: Row | readonly Row[]): outcome is readonly Row[] {
  return Array.isArray(outcome)
}

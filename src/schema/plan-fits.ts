import { typeName } from '../core/logical-type.ts'
import { qualified, type TablePlan } from '../core/plan.ts'
import type { Sample } from '../core/sample.ts'
import { sharesOf } from './column-type.ts'
import { findMisfits, type Misfit } from './misfits.ts'
import { textOfPath } from './path.ts'

/** What of a sample has no place in a plan that was made earlier, a sentence each; none: it fits. */
export function planFits(plan: TablePlan, sample: Sample): readonly string[] {
  return findMisfits(plan, sample).map((misfit) => {
    const subject = `field ${JSON.stringify(textOfPath(misfit.path))} holds ${sharesOf(misfit.types)}`
    return `${subject}, and ${reasonOf(misfit)}`
  })
}

function reasonOf(misfit: Misfit): string {
  const table = qualified(misfit.part.target)
  switch (misfit.kind) {
    case 'type':
      return `column ${JSON.stringify(misfit.column.name)} of ${table} is ${typeName(misfit.column.type)}`
    case 'field':
      return `${table} has no column for it`
    case 'others':
      return `${table} has columns for the fields of documents only`
    case 'value':
      return `${table} has columns for elements that are documents only`
  }
}
